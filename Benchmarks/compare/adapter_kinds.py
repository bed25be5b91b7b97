#!/usr/bin/env python3
"""Measures what adapters of every kind cost on one model: time to load and bind, and the part of the base's speed that they leave.

Random adapters of rank 16 on all seven linears of each layer are made for the model, as PEFT folders with F16 factors unless the kind's
name says otherwise; every kind takes its turn in each round, a fresh
process of `mullama bench` that measures base and adapter in turns of half a layer. Times are medians of the rounds; what is kept
is their mean, with its standard error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from make_adapter import make_adapter
from peft_adapter import make_peft_adapter
from report import speeds

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = {
    "LoRA": {},
    "LoRA, F32": {"dtype": "F32"},
    "LoRA, BF16": {"dtype": "BF16"},
    "rsLoRA": {"rslora": True},
    "rank_pattern": {"ranks": {"q_proj": 32, "v_proj": 32, "down_proj": 8}},
    "lora_bias": {"bias": True},
    "embedding, output": {"vocabulary": True},
    "DoRA": {"dora": True},
}


def fail(text):
    print(f"adapter_kinds: {text}", file=sys.stderr)
    sys.exit(1)


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        fail(f"status {done.returncode} of: {' '.join(command)}")
    return done.stdout


def make(options, folder):
    """Options of `mullama bench` for each kind."""
    file = os.path.join(folder, "lora-f16.gguf")
    make_adapter(options.model, file)
    made = {"LoRA (GGUF)": ["--lora", file]}
    for name, kind in KINDS.items():
        path = os.path.join(folder, "".join(c if c.isalnum() else "-" for c in name))
        make_peft_adapter(options.model, path, **kind)
        made[name] = ["--lora", path]
    for rank, name in ((16, "LoRA, Q8_0"), (32, "LoRA, Q8_0, rank 32")):
        source, file8 = (os.path.join(folder, f"rank-{rank}{end}") for end in ("", ".gguf"))
        make_peft_adapter(options.model, source, rank=rank)
        run([options.mullama, "adapter", "convert", source, "-o", file8, "--outtype", "q8_0", "--base", options.model])
        made[name] = ["--lora", file8]
    halves = ["--lora-scale", "0.5"]
    made["DoRA and LoRA"] = made["DoRA"] + halves + ["--lora", file] + halves
    return {name: words for name, words in made.items() if options.kind in (None, name)}


def measure(options, made):
    reports = {name: [] for name in made}
    for index in range(options.rounds):
        for name, words in made.items():
            report = json.loads(
                run(
                    [options.mullama, "bench", options.model, "--prompt", str(options.prompt), "--generate", str(options.generate)]
                    + ["--threads", str(options.threads), "--repetitions", str(options.repetitions), "--json", *words]
                )
            )
            reports[name].append(report)
            kept = "  ".join(
                f"{item['name']} {100 * item['kept']:6.2f} ± {100 * (item['kept_standard_error'] or 0):4.2f} %" for item in report["results"]
            )
            print(f"round {index + 1}/{options.rounds}  {name:<22}  {kept}", file=sys.stderr)
    return reports


def summary(reports):
    def median(pick):
        return statistics.median(pick(report) for report in reports)

    def kept(name):
        """The mean of the rounds and its standard error: of their own, or of their values if these say more."""
        means = speeds(reports, name, "kept")
        within = statistics.fmean((error or 0) ** 2 for error in speeds(reports, name, "kept_standard_error")) ** 0.5
        between = statistics.stdev(means) if len(means) > 1 else 0
        return {"mean": statistics.fmean(means), "standard_error": max(within, between) / len(means) ** 0.5}

    return {
        "bytes": reports[0]["adapter_bytes"],
        "memory_bytes": median(lambda report: report["adapter_memory_bytes"] or 0),
        "load_seconds": median(lambda report: report["adapter_load_seconds"]),
        "first_bind_seconds": median(lambda report: report["adapter_first_bind_seconds"]),
        "switch_seconds": median(lambda report: report["adapter_switch_seconds"]),
        "prefill_kept": kept("prefill"),
        "decode_kept": kept("decode"),
    }


def part(kept):
    return f"{100 * kept['mean']:.1f} ± {100 * kept['standard_error']:.1f} %"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="a GGUF model")
    parser.add_argument("--mullama", default=os.path.join(REPOSITORY, ".build", "release", "mullama"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=12, help="prompts of base and adapter in one process (%(default)s)")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--kind", help="only the kind of this name")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mullama-kinds-") as folder:
        try:
            made = make(options, folder)
        except (OSError, ValueError, KeyError) as error:
            fail(f"no random adapter could be made: {error}")
        if not made:
            fail(f"there is no kind '{options.kind}'")
        result = {name: summary(one) for name, one in measure(options, made).items()}
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'kind':<22}  {'file, MB':>8}  {'memory, MB':>10}  {'load, ms':>8}  {'first bind, ms':>14}  {'switch, ms':>10}  {'prefill kept':>14}  {'decode kept':>14}")
    for name, one in result.items():
        print(
            f"{name:<22}  {one['bytes'] / 1e6:>8.1f}  {one['memory_bytes'] / 1e6:>10.1f}  {1e3 * one['load_seconds']:>8.1f}  {1e3 * one['first_bind_seconds']:>14.1f}"
            f"  {1e3 * one['switch_seconds']:>10.2f}  {part(one['prefill_kept']):>14}  {part(one['decode_kept']):>14}"
        )


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
