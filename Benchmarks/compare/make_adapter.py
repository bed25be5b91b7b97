#!/usr/bin/env python3
"""Writes a random LoRA adapter for every linear layer of a GGUF model: for measuring speed, of no other use.

The factors are F16, as converted adapters mostly are: A is rank × inputs, B is outputs × rank, alpha equals the rank. Only the standard
library is needed. The layouts follow the GGUF specification (ggml/docs/gguf.md) and llama.cpp's adapter files.
"""

import argparse
import math
import os
import random
import struct
import sys

LINEARS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
F16 = 1
ALIGNMENT = 32


class Header:
    """The keys and tensor shapes of a GGUF file; the weights are not read."""

    def __init__(self, path):
        with open(path, "rb") as self.file:
            magic, version, tensors, keys = self.file.read(4), *self.numbers("IQQ")
            if magic != b"GGUF" or version not in (2, 3):
                raise ValueError(f"{path} is not a GGUF file of version 2 or 3")
            self.keys = {}
            for _ in range(keys):
                key = self.string()
                self.keys[key] = self.value(*self.numbers("I"))
            self.shapes = {}
            for _ in range(tensors):
                name = self.string()
                (count,) = self.numbers("I")
                self.shapes[name] = self.numbers("Q" * count)
                self.numbers("IQ")

    def numbers(self, form):
        form = "<" + form
        return struct.unpack(form, self.file.read(struct.calcsize(form)))

    def string(self):
        return self.file.read(*self.numbers("Q")).decode(errors="replace")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            kind, count = self.numbers("IQ")
            if kind in SCALARS:
                self.file.seek(count * struct.calcsize("<" + SCALARS[kind]), os.SEEK_CUR)
            else:
                for _ in range(count):
                    self.value(kind)
            return None
        return self.numbers(SCALARS[kind])[0]


def half_bytes(generator, deviation, count):
    """`count` random halves. A stretch of them repeats: what they are does not matter, only that they are not zero."""
    stretch = 65521  # a prime, so that rows of no width line up with it
    values = [generator.gauss(0, deviation) for _ in range(min(count, stretch))]
    data = struct.pack(f"<{len(values)}e", *values)
    return (data * (count // len(values) + 1))[: 2 * count]


def write_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def make_adapter(model, output, rank=16, seed=1):
    """Writes the adapter; the file appears when it is complete. Returns the number of pairs."""
    header = Header(model)
    generator = random.Random(seed)
    tensors = []
    for name, shape in header.shapes.items():
        parts = name.split(".")
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in LINEARS and parts[3] == "weight" and len(shape) == 2:
            inputs, outputs = shape
            tensors.append((f"{name}.lora_a", (inputs, rank), 1 / math.sqrt(inputs)))
            tensors.append((f"{name}.lora_b", (rank, outputs), 0.02))
    if not tensors:
        raise ValueError(f"{model} has no linear layers with usual names")

    keys = b"".join(
        write_string(key) + struct.pack("<I", kind) + value
        for key, kind, value in (
            ("general.type", STRING, write_string("adapter")),
            ("general.architecture", STRING, write_string(header.keys["general.architecture"])),
            ("general.name", STRING, write_string(f"random, rank {rank}, seed {seed}")),
            ("adapter.type", STRING, write_string("lora")),
            ("adapter.lora.alpha", 6, struct.pack("<f", rank)),
        )
    )
    table, offset = b"", 0
    for name, shape, _ in tensors:
        table += write_string(name) + struct.pack("<IQQIQ", 2, *shape, F16, offset)
        offset += -(-2 * shape[0] * shape[1] // ALIGNMENT) * ALIGNMENT
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 5) + keys + table

    def padded(data):
        return data + bytes(-len(data) % ALIGNMENT)

    partial = f"{output}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(padded(head))
            for _, shape, deviation in tensors:
                file.write(padded(half_bytes(generator, deviation, shape[0] * shape[1])))
        os.replace(partial, output)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
    return len(tensors) // 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .gguf file")
    parser.add_argument("output")
    parser.add_argument("--rank", type=int, default=16, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    try:
        pairs = make_adapter(options.model, options.output, options.rank, options.seed)
    except (OSError, ValueError, KeyError, struct.error) as error:
        sys.exit(f"error: {error}")
    print(f"{options.output}: {pairs} pairs, {os.path.getsize(options.output) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
