#!/usr/bin/env python3
"""Converts PEFT adapters with mullama and lets llama.cpp generate with the result: both must say the same, greedily.

Takes the folders below Fixtures (any model with adapters/NAME/peft beside it). Adapters that GGUF has no words for get tensors of
Mullama's own; llama.cpp has to refuse those files, which is checked as well. Needs llama-cpp-python 0.3.36.
"""

import argparse
import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile

import llama_cpp

# What llama.cpp has no form for: it must refuse the converted file rather than apply half of it.
OWN_TENSORS = {"dora", "bias", "mts_lmhead"}


@contextlib.contextmanager
def quiet():
    """llama.cpp reports to standard error whatever it is told."""
    saved = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def peer_tokens(model, adapter, tokens, count):
    """`count` greedy tokens, or None if the adapter is refused."""
    with quiet():
        llama = llama_cpp.Llama(model, n_ctx=256, n_threads=2, verbose=False, type_k=0, type_v=0, flash_attn=False)
        handle = llama_cpp.llama_adapter_lora_init(llama._model.model, adapter.encode())
        if not handle:
            return None
        adapters = (ctypes.c_void_p * 1)(ctypes.cast(handle, ctypes.c_void_p).value)
        set_one = getattr(llama_cpp, "llama_set_adapter_lora", None)
        if set_one is not None:
            set_one(llama._ctx.ctx, handle, 1.0)
        else:
            llama_cpp.llama_set_adapters_lora(llama._ctx.ctx, adapters, 1, (ctypes.c_float * 1)(1.0))
        found = []
        llama.eval(tokens)
        for _ in range(count):
            token = int(llama_cpp.llama_sampler_sample(greedy(), llama._ctx.ctx, -1))
            found.append(token)
            llama.eval([token])
        return found


def greedy():
    if not hasattr(greedy, "sampler"):
        greedy.sampler = llama_cpp.llama_sampler_init_greedy()
    return greedy.sampler


def own_tokens(mullama, model, adapter, tokens, count):
    """The same through `mullama logits`, whose last row's best token is the next one."""
    import numpy

    found, all_tokens = [], list(tokens)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "logits.npy")
        for _ in range(count):
            subprocess.run(
                [mullama, "logits", model, "--tokens", ",".join(map(str, all_tokens)), "--lora", adapter,
                 "--precision", "reference", "--output", file],
                check=True, capture_output=True)
            found.append(int(numpy.load(file)[-1].argmax()))
            all_tokens.append(found[-1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mullama", default=".build/release/mullama")
    parser.add_argument("--fixtures", default="Fixtures")
    parser.add_argument("--tokens", type=int, default=16, help="to generate")
    options = parser.parse_args()
    failures = 0
    for model_name in sorted(os.listdir(options.fixtures)):
        folder = os.path.join(options.fixtures, model_name)
        model = os.path.join(folder, "model.gguf")
        if not os.path.exists(model) or not os.path.isdir(os.path.join(folder, "adapters")):
            continue
        for name in sorted(os.listdir(os.path.join(folder, "adapters"))):
            peft = os.path.join(folder, "adapters", name, "peft")
            if not os.path.isdir(peft):
                continue
            with tempfile.TemporaryDirectory() as temporary:
                out = os.path.join(temporary, "adapter.gguf")
                subprocess.run(
                    [options.mullama, "adapter", "convert", peft, "-o", out, "--base", model, "--outtype", "f32"],
                    check=True, capture_output=True)
                prompt = [1, 17, 42, 99, 5, 63]
                peer = peer_tokens(model, out, prompt, options.tokens)
                if name in OWN_TENSORS:
                    verdict = "refused, as it has to be" if peer is None else "NOT REFUSED"
                    good = peer is None
                else:
                    good = peer == own_tokens(options.mullama, model, peft, prompt, options.tokens)
                    verdict = "same tokens" if good else f"DIFFERS: {peer}"
            failures += not good
            print(f"{model_name:20} {name:14} {verdict}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
