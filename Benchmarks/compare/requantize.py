#!/usr/bin/env python3
"""Writes a GGUF model in another quantization with llama.cpp's own quantizer. Needs llama-cpp-python 0.3.36.

Made for speed comparisons where only one quantized file is at hand: going through a quantized file costs quality, so the result is
for measuring, not for answering. The output appears under its name only when it is complete.
"""

import argparse
import os
import sys

import llama_cpp

TYPES = {
    "f16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}


@llama_cpp.llama_log_callback
def log(level, text, _):
    """Lets only errors through. Level 4 is GGML_LOG_LEVEL_ERROR."""
    if level == 4:
        sys.stderr.write(text.decode(errors="replace"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .gguf file, quantized or not")
    parser.add_argument("output")
    parser.add_argument("--type", choices=TYPES, default="q8_0")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    options = parser.parse_args()
    if not os.path.isfile(options.model):
        sys.exit(f"error: {options.model} does not exist")
    if os.path.exists(options.output):
        sys.exit(f"error: {options.output} exists")

    llama_cpp.llama_log_set(log, None)
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = TYPES[options.type]
    parameters.nthread = options.threads
    parameters.allow_requantize = True
    partial = f"{options.output}.partial"
    try:
        if llama_cpp.llama_model_quantize(options.model.encode(), partial.encode(), parameters) != 0:
            sys.exit(f"error: llama.cpp could not quantize {options.model}")
        os.replace(partial, options.output)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
    print(f"{options.output}: {os.path.getsize(options.output) / 1e6:.1f} MB")


main()
