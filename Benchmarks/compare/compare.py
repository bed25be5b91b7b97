#!/usr/bin/env python3
"""Measures mullama and llama.cpp in turn on the same GGUF file and prints medians and ratios.

Each round starts a new process of each, one after the other, with the same number of threads: the machine's slow and fast minutes
then meet both. The peer is llama-cpp-python 0.3.36; `--install-peer` builds it once, in the cache (it needs a C++ compiler).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

PEER = "llama-cpp-python==0.3.36"
HERE = os.path.dirname(os.path.abspath(__file__))
PEER_BENCH = os.path.join(HERE, "llama_cpp_bench.py")
ENGINES = ("mullama", "llama.cpp")


class Adapters(argparse.Action):
    """Keeps `--lora` and `--lora-scale` in the order given: a scale belongs to the adapter before it."""

    def __call__(self, parser, namespace, value, option=None):
        namespace.adapters = [*namespace.adapters, option, value]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .gguf file")
    parser.add_argument("--mullama", default=".build/release/mullama", metavar="PATH", help="the binary to measure")
    peer = parser.add_mutually_exclusive_group()
    peer.add_argument("--peer-python", metavar="PATH", help=f"a Python that has {PEER}")
    peer.add_argument("--install-peer", action="store_true", help=f"use {PEER} in the cache; install it if missing")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N")
    parser.add_argument("--threads", type=positive, default=2, metavar="N")
    parser.add_argument("--prompt", type=positive, default=512, metavar="N", help="tokens to prefill")
    parser.add_argument("--generate", type=positive, default=128, metavar="N", help="tokens to decode after the prompt")
    parser.add_argument("--lora", action=Adapters, metavar="FILE", help="an adapter for both; repeats")
    parser.add_argument("--lora-scale", action=Adapters, metavar="S", help="the scale of the --lora before it")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(adapters=[])
    return parser.parse_args()


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def fail(message):
    sys.exit(f"error: {message}")


def has_peer(python):
    version = PEER.partition("==")[2]
    test = f"import llama_cpp, sys; sys.exit(llama_cpp.__version__ != '{version}')"
    try:
        return subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def peer_python(options):
    if options.peer_python:
        if not has_peer(options.peer_python):
            fail(f"{options.peer_python} has no {PEER}")
        return options.peer_python
    if not options.install_peer:
        if has_peer(sys.executable):
            return sys.executable
        fail(f"{PEER} is missing: give --peer-python PATH, or --install-peer to build it in the cache")
    cache = os.environ.get("MULLAMA_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "mullama"
    )
    folder = os.path.join(cache, f"peer-{PEER.replace('==', '-')}")
    python = os.path.join(folder, "bin", "python")
    if not has_peer(python):
        print(f"Building {PEER} in {folder}; this takes minutes", file=sys.stderr)
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER, "numpy"],
        ):
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
                fail(f"'{' '.join(command)}' failed (Debian, Ubuntu: it needs python3-venv, g++ and a network)")
    return python


def commands(options):
    size = ["--prompt", str(options.prompt), "--generate", str(options.generate), "--threads", str(options.threads)]
    ours = [options.mullama, "bench", options.model, *size, "--repetitions", "1", "--json", *options.adapters]
    theirs = [peer_python(options), PEER_BENCH, options.model, *size, *options.adapters]
    return dict(zip(ENGINES, (ours, theirs)))


def run(engine, command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    except OSError as error:
        fail(f"{engine} did not start: {error}")
    if done.returncode != 0:
        fail(f"{engine} ended with status {done.returncode}; the command was: {' '.join(command)}")
    try:
        report = json.loads(done.stdout)
        values = {item["name"]: float(item["tokens_per_second"]) for item in report["results"]}
        return {
            "prefill": values["prefill"],
            "decode": values["decode"],
            "load": float(report["load_seconds"]),
            "peak": report["peak_resident_bytes"] / 1e6,
            "system": report.get("system"),
        }
    except (ValueError, KeyError, TypeError) as error:
        fail(f"{engine} printed no usable JSON ({error!r})")


def warn_if_busy():
    """Both engines keep every core busy, so a third process costs far more than its share."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: the load average is {load:.1f}; other processes make these numbers unreliable", file=sys.stderr)


def measure(options):
    table = commands(options)
    warn_if_busy()
    rounds = {engine: [] for engine in ENGINES}
    for index in range(options.rounds):
        for engine in ENGINES:
            one = run(engine, table[engine])
            rounds[engine].append(one)
            progress = f"round {index + 1}/{options.rounds}  {engine:<9}"
            print(f"{progress}  prefill {one['prefill']:8.1f}  decode {one['decode']:7.1f}", file=sys.stderr)
    return rounds


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def summary(options, rounds):
    measures = {}
    for name in ("prefill", "decode", "load", "peak"):
        row = {}
        for engine in ENGINES:
            values = [one[name] for one in rounds[engine]]
            row[engine] = {"median": statistics.median(values), "min": min(values), "max": max(values), "all": values}
        theirs = row["llama.cpp"]["median"]
        row["ratio"] = row["mullama"]["median"] / theirs if theirs else None
        measures[name] = row
    return {
        "model": options.model,
        "adapters": options.adapters,
        "threads": options.threads,
        "rounds": options.rounds,
        "prompt": options.prompt,
        "generate": options.generate,
        "processor": processor(),
        "peer": PEER,
        "peer_system": rounds["llama.cpp"][0]["system"],
        "measures": measures,
    }


def print_table(result):
    print(f"model      {os.path.basename(result['model'])}")
    if result["adapters"]:
        print(f"adapters   {' '.join(result['adapters'])}")
    print(f"processor  {result['processor']}, {result['threads']} threads")
    print(f"peer       {result['peer']}")
    print(f"rounds     {result['rounds']}; median (min-max)\n")

    rows = [("", *ENGINES, "mullama / llama.cpp")]
    for name, label, digits in (
        ("prefill", f"prefill {result['prompt']}, tokens/s", 1),
        ("decode", f"decode {result['generate']}, tokens/s", 1),
        ("load", "load, s (less is better)", 3),
        ("peak", "peak resident, MB (less is better)", 0),
    ):
        row = result["measures"][name]
        cells = [
            f"{row[engine]['median']:.{digits}f} ({row[engine]['min']:.{digits}f}-{row[engine]['max']:.{digits}f})"
            for engine in ENGINES
        ]
        rows.append((label, *cells, "-" if row["ratio"] is None else f"{row['ratio']:.2f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for index, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in (1, 2, 3))]
        print("  ".join(cells).rstrip())
        if index == 0:
            print("  ".join("-" * width for width in widths))


def main():
    options = parse()
    if not os.path.isfile(options.model):
        fail(f"{options.model} does not exist")
    result = summary(options, measure(options))
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print()
        print_table(result)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
