"""Measures llama.cpp once and prints the JSON that `mullama bench --json` prints. Needs llama-cpp-python 0.3.36.

Goes through the C interface, so that Python is not part of what is timed: one `llama_decode` of the whole prompt, then `llama_decode`
of one token after another, or of one token of each sequence. Everything else is llama.cpp's default but for flash attention, which
is on.
"""

import argparse
import ctypes
import json
import resource
import sys
import time

import llama_cpp

FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
FIRST_PROMPT = 16
WARM_UP = 8
# A micro-batch of 512 tokens at most, as mullama has it.
BATCH = 512


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
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--flash-attention", choices=FLASH_ATTENTION, default="on")
    parser.add_argument("--lora", action=AddAdapter)
    parser.add_argument("--lora-scale", action=AddAdapter, type=float)
    return parser.parse_args()


@llama_cpp.llama_log_callback
def log(level, text, _):
    """Lets only errors through; llama.cpp otherwise prints pages. Level 4 is GGML_LOG_LEVEL_ERROR."""
    if level == 4:
        sys.stderr.write(text.decode(errors="replace"))


def memory():
    """Resident bytes now, at their peak, and those of no file (proc(5)); zeros where the system does not say."""
    found = {}
    try:
        with open("/proc/self/status", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.partition(":")
                if value.endswith("kB\n"):
                    found[key] = int(value.split()[0]) * 1024
    except OSError:
        pass
    peak = found.get("VmHWM", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return found.get("VmRSS", 0), peak, found.get("RssAnon", 0)


class Engine:
    """A loaded model with one context that holds `batch` sequences."""

    def __init__(self, options):
        self.model = llama_cpp.llama_model_load_from_file(options.model.encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp could not load {options.model}")
        length = max(options.depth + options.prompt + options.generate, FIRST_PROMPT)
        length = -(-length // 256) * 256  # what llama.cpp rounds a sequence's share up to
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = length * options.batch
        parameters.n_batch = parameters.n_ubatch = min(length, BATCH)
        parameters.n_seq_max = options.batch
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.flash_attn_type = FLASH_ATTENTION[options.flash_attention]
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            sys.exit("llama.cpp could not make a context")
        self.positions = length * options.batch
        self.cache = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(max(BATCH, options.batch), 0, 1)
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def close(self):
        llama_cpp.llama_batch_free(self.batch)
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def token(self, index):
        """Which tokens does not matter for the time; that they differ keeps the embedding rows from staying in cache."""
        return (index * 7919 + 13) % self.vocabulary

    def cache_bytes(self):
        """Keys and values of the whole context, which llama.cpp clears when it makes it: two halves for each value."""
        head = llama_cpp.llama_model_n_embd(self.model) // llama_cpp.llama_model_n_head(self.model)
        per_layer = llama_cpp.llama_model_n_head_kv(self.model) * head * 2 * 2
        return llama_cpp.llama_model_n_layer(self.model) * per_layer * self.positions

    def set_adapters(self, adapters):
        count = len(adapters)
        handles = (llama_cpp.llama_adapter_lora_p_ctypes * count)(*(handle for handle, _ in adapters))
        scales = (ctypes.c_float * count)(*(scale for _, scale in adapters))
        if llama_cpp.llama_set_adapters_lora(self.context, handles, count, scales) != 0:
            sys.exit("llama.cpp could not apply the adapters")

    def load_adapters(self, files):
        adapters = []
        for path, scale in files:
            handle = llama_cpp.llama_adapter_lora_init(self.model, path.encode())
            if not handle:
                sys.exit(f"llama.cpp could not load {path}")
            adapters.append((handle, scale))
        return adapters

    def decode(self, rows):
        """One pass over rows of (token, position, sequence, whether its logits are wanted)."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for index, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = wanted
        if llama_cpp.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")

    def prefill(self, first, count):
        """Evaluates `count` tokens of sequence 0 from position `first` on; the logits of the last are wanted."""
        for start in range(first, first + count, BATCH):
            end = min(start + BATCH, first + count)
            last = first + count - 1
            self.decode([(self.token(position), position, 0, position == last) for position in range(start, end)])
        llama_cpp.llama_synchronize(self.context)

    def truncate(self, sequence, length):
        if not llama_cpp.llama_memory_seq_rm(self.cache, sequence, length, -1):
            sys.exit("llama.cpp could not forget the end of a sequence")


def measure(engine, options, steps):
    """Seconds for the prompt and for what is decoded behind it, on top of `depth` tokens that are in the cache."""
    end = options.depth + options.prompt
    engine.truncate(0, options.depth)
    start = time.perf_counter()
    engine.prefill(options.depth, options.prompt)
    prefill = time.perf_counter() - start
    for sequence in range(1, options.batch):
        llama_cpp.llama_memory_seq_rm(engine.cache, sequence, -1, -1)
        llama_cpp.llama_memory_seq_cp(engine.cache, 0, sequence, -1, -1)

    def rows(step):
        return [(engine.token(end + step + 31 * s), end + step, s, True) for s in range(options.batch)]

    prepared = [rows(step) for step in range(steps)]
    if options.batch > 1 and prepared:
        # The copies above are made by the next pass; it is not part of what is measured.
        engine.decode(prepared[0])
        llama_cpp.llama_synchronize(engine.context)
        for sequence in range(options.batch):
            engine.truncate(sequence, end)
    start = time.perf_counter()
    for row in prepared:
        engine.decode(row)
        llama_cpp.llama_synchronize(engine.context)
    return prefill, time.perf_counter() - start


def warm_start(options):
    """Seconds from the model's path to the first token: load, context, a short prompt, greedy choice."""
    sampler = llama_cpp.llama_sampler_init_greedy()
    start = time.perf_counter()
    engine = Engine(options)
    if options.lora:
        engine.set_adapters(engine.load_adapters(options.lora))
    engine.prefill(0, FIRST_PROMPT)
    llama_cpp.llama_sampler_sample(sampler, engine.context, -1)
    seconds = time.perf_counter() - start
    engine.close()
    llama_cpp.llama_sampler_free(sampler)
    return seconds


def main():
    options = parse()
    llama_cpp.llama_log_set(log, None)
    llama_cpp.llama_backend_init()
    python_resident, _, python_anonymous = memory()

    start = time.perf_counter()
    engine = Engine(options)
    load_seconds = time.perf_counter() - start
    adapters = engine.load_adapters(options.lora or [])
    if options.depth:
        engine.prefill(0, options.depth)

    def rates():
        measure(engine, options, min(WARM_UP, options.generate))  # maps the weights and wakes the threads
        prefill, decoding = measure(engine, options, options.generate)
        return options.prompt / prefill, options.generate * options.batch / decoding

    base = rates()
    if adapters:
        engine.set_adapters(adapters)
    adapted = rates() if adapters else base
    _, peak, anonymous = memory()
    cache_bytes = engine.cache_bytes()
    engine.close()

    def result(index, name, batch):
        item = {"name": name, "batch": batch, "tokens_per_second": adapted[index]}
        if adapters:
            item.update(base_tokens_per_second=base[index], kept=adapted[index] / base[index])
        return item

    print(
        json.dumps(
            {
                "model": options.model,
                "threads": options.threads,
                "depth": options.depth,
                "results": [result(0, "prefill", 1), result(1, "decode", options.batch)],
                "load_seconds": load_seconds,
                "load_to_first_token_seconds": warm_start(options),
                "peak_resident_bytes": peak - python_resident,
                "anonymous_resident_bytes": anonymous - python_anonymous,
                "working_bytes": anonymous - python_anonymous - cache_bytes,
                "kv_bytes": cache_bytes,
                "system": llama_cpp.llama_print_system_info().decode().strip(),
            }
        )
    )


main()
