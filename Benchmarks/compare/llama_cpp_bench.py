"""Measures llama.cpp once and prints the JSON that `mullama bench --json` prints. Needs llama-cpp-python 0.3.36.

Goes through the C interface, so that Python is not part of what is timed: one `llama_decode` of the whole prompt, then
`llama_decode` of one token after another. Everything else is llama.cpp's default: F16 keys and values, flash attention "auto".
"""

import argparse
import ctypes
import json
import resource
import sys
import time

import llama_cpp


class AddAdapter(argparse.Action):
    """`--lora FILE` opens an entry; a following `--lora-scale` belongs to it."""

    def __call__(self, parser, namespace, value, option=None):
        namespace.lora = [*(namespace.lora or [])]
        if option == "--lora":
            namespace.lora.append((value, 1.0))
        elif not namespace.lora:
            parser.error("--lora-scale needs a --lora before it")
        else:
            namespace.lora[-1] = (namespace.lora[-1][0], value)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lora", action=AddAdapter)
    parser.add_argument("--lora-scale", action=AddAdapter, type=float)
    return parser.parse_args()


@llama_cpp.llama_log_callback
def log(level, text, _):
    """Lets only errors through; llama.cpp otherwise prints pages. Level 4 is GGML_LOG_LEVEL_ERROR."""
    if level == 4:
        sys.stderr.write(text.decode(errors="replace"))


def open_context(model, options):
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = options.prompt + options.generate
    parameters.n_batch = parameters.n_ubatch = options.prompt
    parameters.n_threads = parameters.n_threads_batch = options.threads
    context = llama_cpp.llama_init_from_model(model, parameters)
    if not context:
        sys.exit("llama.cpp could not make a context")
    return context


def apply_adapters(context, model, adapters):
    count = len(adapters)
    handles = (llama_cpp.llama_adapter_lora_p_ctypes * count)()
    scales = (ctypes.c_float * count)(*(scale for _, scale in adapters))
    for index, (path, _) in enumerate(adapters):
        handles[index] = llama_cpp.llama_adapter_lora_init(model, path.encode())
        if not handles[index]:
            sys.exit(f"llama.cpp could not load {path}")
    if llama_cpp.llama_set_adapters_lora(context, handles, count, scales) != 0:
        sys.exit("llama.cpp could not apply the adapters")


def decode(context, tokens):
    count = len(tokens)
    array = (llama_cpp.llama_token * count)(*tokens)  # the batch points into it
    batch = llama_cpp.llama_batch_get_one(array, count)
    if llama_cpp.llama_decode(context, batch) != 0:
        sys.exit("llama_decode failed")


def measure(context, prompt, generated):
    """Seconds for the whole prompt and for the tokens after it, from an empty cache."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    start = time.perf_counter()
    decode(context, prompt)
    llama_cpp.llama_synchronize(context)
    middle = time.perf_counter()
    for token in generated:
        decode(context, [token])
        llama_cpp.llama_synchronize(context)
    return middle - start, time.perf_counter() - middle


def result(name, tokens, seconds):
    return {"name": name, "tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds}


def main():
    options = parse()
    llama_cpp.llama_log_set(log, None)
    llama_cpp.llama_backend_init()

    start = time.perf_counter()
    model = llama_cpp.llama_model_load_from_file(options.model.encode(), llama_cpp.llama_model_default_params())
    if not model:
        sys.exit(f"llama.cpp could not load {options.model}")
    context = open_context(model, options)
    load_seconds = time.perf_counter() - start
    if options.lora:
        apply_adapters(context, model, options.lora)

    # Which tokens does not matter for the time; that they differ keeps the embedding rows from staying in cache.
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    tokens = [(index * 7919 + 13) % vocabulary for index in range(options.prompt + options.generate)]
    prompt, generated = tokens[: options.prompt], tokens[options.prompt :]
    measure(context, prompt, generated[:8])  # maps the weights and wakes the threads
    prefill, decoding = measure(context, prompt, generated)

    print(
        json.dumps(
            {
                "model": options.model,
                "threads": options.threads,
                "results": [
                    result("prefill", options.prompt, prefill),
                    result("decode", options.generate, decoding),
                ],
                "load_seconds": load_seconds,
                "peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "system": llama_cpp.llama_print_system_info().decode().strip(),
            }
        )
    )


main()
