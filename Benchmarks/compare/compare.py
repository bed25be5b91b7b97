#!/usr/bin/env python3
"""Measures mullama and llama.cpp in turn on the same GGUF file and prints medians and ratios.

Each round starts a new process of each for every piece of work, one after the other, with the same number of threads: the machine's
slow and fast minutes then meet both. The peer is llama-cpp-python 0.3.36; `--install-peer` builds it once, in the cache (it needs a C++
compiler).
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile

from make_adapter import make_adapter
from peer import PEER, fail, peer_python
from report import ENGINES, print_table, speeds, summary

HERE = os.path.dirname(os.path.abspath(__file__))
PEER_BENCH = os.path.join(HERE, "llama_cpp_bench.py")
RANK = 16


@dataclasses.dataclass
class Work:
    """What one process of each engine measures."""

    name: str
    prompt: int
    generate: int
    batch: int = 1
    depth: int = 0
    # Command-line words: --lora FILE, --lora-scale S.
    adapters: list = dataclasses.field(default_factory=list)

    @property
    def is_plain(self):
        """One sequence from its beginning, without adapters: also says how load and memory compare."""
        return self.batch == 1 and self.depth == 0 and not self.adapters

    @property
    def measures_prefill(self):
        """The prompt is prefilled once whatever the number of sequences."""
        return self.batch == 1

    @property
    def arguments(self):
        numbers = {"prompt": self.prompt, "generate": self.generate, "batch": self.batch, "depth": self.depth}
        return [word for name, value in numbers.items() for word in (f"--{name}", str(value))] + self.adapters


class Adapters(argparse.Action):
    """Keeps `--lora` and `--lora-scale` in the order given: a scale belongs to the adapter before it."""

    def __call__(self, parser, namespace, value, option=None):
        namespace.lora = [*namespace.lora, option, value]


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def numbers(text):
    return [positive(part) for part in text.split(",")] if text else []


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
    parser.add_argument("--batch", type=numbers, default=[1, 8], metavar="N,N", help="sequences at once (1,8)")
    parser.add_argument("--depth", type=numbers, default=[], metavar="N,N", help="tokens in the cache before the prompt")
    parser.add_argument(
        "--adapters", type=numbers, default=[], metavar="N,N", help=f"so many random adapters of rank {RANK}, in turn"
    )
    parser.add_argument("--lora", action=Adapters, metavar="FILE", help="an adapter for both; repeats")
    parser.add_argument("--lora-scale", action=Adapters, metavar="S", help="the scale of the --lora before it")
    parser.add_argument("--all", action="store_true", help="the same as --batch 1,8 --depth 8000 --adapters 1,2,4")
    parser.add_argument("--flash-attention", choices=("auto", "off", "on"), default="on", help="the peer's (on)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(lora=[])
    options = parser.parse_args()
    if options.all:
        options.batch, options.depth, options.adapters = [1, 8], [8000], [1, 2, 4]
    return options


def plan(options, folder):
    """The pieces of work; random adapters are made in `folder`."""
    size = {"prompt": options.prompt, "generate": options.generate}
    works = [Work("base" if batch == 1 else f"batch {batch}", batch=batch, **size) for batch in options.batch]
    works += [Work(f"depth {depth}", depth=depth, **size) for depth in options.depth]
    files = [os.path.join(folder, f"random-{index + 1}.gguf") for index in range(max(options.adapters, default=0))]
    for index, file in enumerate(files):
        make_adapter(options.model, file, RANK, seed=index + 1)
    for count in options.adapters:
        # Together they change the model about as much as one: large activations are no part of the comparison.
        words = [word for file in files[:count] for word in ("--lora", file, "--lora-scale", str(1 / count))]
        works.append(Work(f"{count} adapter{'s' if count > 1 else ''}", adapters=words, **size))
    if options.lora:
        works.append(Work("given adapters", adapters=options.lora, **size))
    return works


def commands(options, work, python):
    words = [*work.arguments, "--threads", str(options.threads)]
    ours = [options.mullama, "bench", options.model, *words, "--repetitions", "1", "--json"]
    theirs = [python, PEER_BENCH, options.model, *words, "--flash-attention", options.flash_attention]
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
        speeds([report], "prefill")
        speeds([report], "decode")
        return report
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        fail(f"{engine} printed no usable JSON ({error!r})")


def warn_if_busy():
    """Both engines keep every core busy, so a third process costs far more than its share."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: the load average is {load:.1f}; other processes make these numbers unreliable", file=sys.stderr)


def measure(options, works, python):
    warn_if_busy()
    reports = {work.name: {engine: [] for engine in ENGINES} for work in works}
    for index in range(options.rounds):
        for work in works:
            for engine, command in commands(options, work, python).items():
                one = run(engine, command)
                reports[work.name][engine].append(one)
                values = "  ".join(f"{name} {speeds([one], name)[0]:8.1f}" for name in ("prefill", "decode"))
                print(f"round {index + 1}/{options.rounds}  {work.name:<12}  {engine:<9}  {values}", file=sys.stderr)
    return reports


def main():
    options = parse()
    if not os.path.isfile(options.model):
        fail(f"{options.model} does not exist")
    python = peer_python(options.peer_python, options.install_peer)
    with tempfile.TemporaryDirectory(prefix="mullama-compare-") as folder:
        try:
            works = plan(options, folder)
        except (OSError, ValueError, KeyError) as error:
            fail(f"no random adapter could be made: {error}")
        if not works:
            fail("there is nothing to measure")
        result = summary(options, works, measure(options, works, python), PEER)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print()
        print_table(result)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
