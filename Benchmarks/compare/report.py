"""Turns the rounds of a comparison into medians, ratios and a table."""

import os
import platform
import statistics

ENGINES = ("mullama", "llama.cpp")


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def speeds(reports, name, key="tokens_per_second"):
    """One number of each round's report, of the result with this name."""
    return [next(item[key] for item in report["results"] if item["name"] == name) for report in reports]


def measure(label, reports, pick, *, digits=1, less_is_better=False):
    """A row: what `pick` takes from the list of each engine's reports."""
    row = {"label": label, "digits": digits, "less_is_better": less_is_better}
    for engine in ENGINES:
        values = [float(value) for value in pick(reports[engine])]
        row[engine] = {"median": statistics.median(values), "min": min(values), "max": max(values), "all": values}
    theirs = row["llama.cpp"]["median"]
    row["ratio"] = row["mullama"]["median"] / theirs if theirs else None
    return row


def rows_of(work, reports):
    """The rows of one piece of work, by name."""

    def speed(name):
        return lambda one: speeds(one, name)

    def kept(name):
        return lambda one: [100 * value for value in speeds(one, name, "kept")]

    def number(key, divisor=1):
        return lambda one: [report[key] / divisor for report in one]

    behind = f" at {work.depth}" if work.depth else ""
    rows = {}
    if work.measures_prefill:
        rows["prefill"] = measure(f"prefill {work.prompt}{behind}, tokens/s", reports, speed("prefill"))
    if work.batch > 1:
        decode = f"decode {work.generate} × {work.batch} at once{behind}, tokens/s"
    else:
        decode = f"decode {work.generate}{behind}, tokens/s"
    rows["decode"] = measure(decode, reports, speed("decode"))
    if work.adapters:
        rows["prefill_kept"] = measure("prefill kept, % of base", reports, kept("prefill"))
        rows["decode_kept"] = measure("decode kept, % of base", reports, kept("decode"))
    if work.is_plain:
        rows["load"] = measure("load, s *", reports, number("load_seconds"), digits=3, less_is_better=True)
        rows["first_token"] = measure(
            "load to first token, s *", reports, number("load_to_first_token_seconds"), digits=3, less_is_better=True
        )
        rows["peak"] = measure("peak resident, MB *", reports, number("peak_resident_bytes", 1e6), digits=0, less_is_better=True)
        rows["working"] = measure(
            "beside file, keys and values, MB *", reports, number("working_bytes", 1e6), digits=0, less_is_better=True
        )
    return rows


def bandwidth(reports):
    """GB/s of weights that each engine reads when it decodes one sequence, and what mullama's threads read at best."""
    ours = reports["mullama"]
    weights = ours[0]["weights_bytes"] / 1e9
    result = {engine: statistics.median(speeds(reports[engine], "decode")) * weights for engine in ENGINES}
    result["memory"] = statistics.median(report["read_gigabytes_per_second"] for report in ours)
    return result


def summary(options, works, reports, peer):
    """Everything that was found. `reports[work.name][engine]` is a list with one report for each round."""
    result = {
        "model": options.model,
        "threads": options.threads,
        "rounds": options.rounds,
        "processor": processor(),
        "peer": peer,
        "peer_system": next(iter(reports.values()))["llama.cpp"][0]["system"],
        "works": {},
    }
    for work in works:
        item = {
            "prompt": work.prompt,
            "generate": work.generate,
            "batch": work.batch,
            "depth": work.depth,
            "adapters": work.adapters,
            "measures": rows_of(work, reports[work.name]),
        }
        if work.is_plain:
            item["weights_gigabytes_per_second"] = bandwidth(reports[work.name])
        result["works"][work.name] = item
    return result


def print_table(result):
    print(f"model      {os.path.basename(result['model'])}")
    print(f"processor  {result['processor']}, {result['threads']} threads")
    print(f"peer       {result['peer']}")
    print(f"rounds     {result['rounds']}; median (min-max); * less is better\n")

    rows = [("work", "", *ENGINES, "mullama / llama.cpp")]
    for name, work in result["works"].items():
        for row in work["measures"].values():
            cells = [
                "{median:.{0}f} ({min:.{0}f}-{max:.{0}f})".format(row["digits"], **row[engine]) for engine in ENGINES
            ]
            ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
            rows.append((name, row["label"], *cells, ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    shown = ""
    for index, row in enumerate(rows):
        first = "" if row[0] == shown else row[0]
        shown = row[0]
        cells = [first.ljust(widths[0]), row[1].ljust(widths[1])]
        print("  ".join([*cells, *(row[column].rjust(widths[column]) for column in (2, 3, 4))]).rstrip())
        if index == 0:
            print("  ".join("-" * width for width in widths))

    for name, work in result["works"].items():
        found = work.get("weights_gigabytes_per_second")
        if found:
            shares = ", ".join(f"{engine} {found[engine]:.1f} ({found[engine] / found['memory']:.0%})" for engine in ENGINES)
            print(f"\nweights read in decode ({name}), GB/s: {shares}; these threads read memory at {found['memory']:.1f}")
