#!/usr/bin/env python3
"""Makes Fixtures/llama_f16 and Fixtures/llama_bf16 from Fixtures/llama: its matrices narrowed, and new reference logits.

usage: make-half-fixtures.py        (needs: pip install gguf==0.19.0 numpy)

The references are a float64 forward pass in NumPy over the weights as gguf-py dequantizes them. The same code must first come within
1e-4 of the logits in Fixtures/llama, which Hugging Face transformers and PEFT computed; otherwise nothing is written.
"""

import hashlib
import json
import os
import platform
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures")
SOURCE = os.path.join(FIXTURES, "llama")
TARGETS = {"llama_f16": (Type.F16, gguf.LlamaFileType.MOSTLY_F16), "llama_bf16": (Type.BF16, gguf.LlamaFileType.MOSTLY_BF16)}
KEPT = ("base", "lora@1.0")
CHECKED = ("lora", "lora2")
TOLERANCE = 1e-4


def narrow(source, target, kind, file_type):
    """Copies a GGUF file, its matrices in another type; vectors stay float32."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)
    writer.add_file_type(file_type)
    for tensor in reader.tensors:
        data = np.array(tensor.data)
        if data.ndim == 2:
            writer.add_tensor(tensor.name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(path):
    """The metadata without the tokenizer, and every tensor in float64, rows first."""
    reader = gguf.GGUFReader(path)
    weights = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(np.array(tensor.data), tensor.tensor_type)
        weights[tensor.name] = values.astype(np.float64).reshape([int(n) for n in tensor.shape][::-1])
    fields = {key: field.contents() for key, field in reader.fields.items() if "tokenizer" not in key}
    return fields, weights


def merged(weights, adapters):
    """W + scale * alpha / r * B * A for each (path, scale)."""
    result = dict(weights)
    for path, scale in adapters:
        fields, factors = load(path)
        for name in factors:
            if name.endswith(".lora_a"):
                base = name.removesuffix(".lora_a")
                b = factors[base + ".lora_b"]
                result[base] = result[base] + scale * fields["adapter.lora.alpha"] / b.shape[1] * (b @ factors[name])
    return result


def rotate(x):
    """RoPE on neighbouring pairs; `x` is [position, head, size], the base 10000."""
    size = x.shape[-1]
    angles = np.arange(len(x))[:, None] * 10000.0 ** (-np.arange(0, size, 2) / size)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def forward(fields, weights, tokens):
    """Logits at every position, by the equations of the llama architecture."""
    heads = fields["llama.attention.head_count"]
    group = heads // fields["llama.attention.head_count_kv"]
    epsilon = fields["llama.attention.layer_norm_rms_epsilon"]
    count = len(tokens)
    causal = np.triu(np.full((count, count), -np.inf), 1)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weights[name + ".weight"]

    def linear(x, name):
        return x @ weights[name + ".weight"].T

    x = weights["token_embd.weight"][tokens]
    for layer in range(fields["llama.block_count"]):
        block = f"blk.{layer}."
        h = norm(x, block + "attn_norm")
        q = rotate(linear(h, block + "attn_q").reshape(count, heads, -1))
        k = rotate(linear(h, block + "attn_k").reshape(count, heads // group, -1)).repeat(group, axis=1)
        v = linear(h, block + "attn_v").reshape(count, heads // group, -1).repeat(group, axis=1)
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(q.shape[-1]) + causal
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        x = x + linear(np.einsum("hij,jhd->ihd", scores, v).reshape(count, -1), block + "attn_output")
        h = norm(x, block + "ffn_norm")
        gate = linear(h, block + "ffn_gate")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(h, block + "ffn_up"), block + "ffn_down")
    return linear(norm(x, "output_norm"), "output")


def evaluate(manifest, case, fields, weights):
    adapters = [
        (os.path.join(SOURCE, manifest["adapters"][used["name"]]["gguf"]), used["scale"]) for used in case["adapters"]
    ]
    tokens = manifest["sequences"][case["sequence"]]
    return forward(fields, merged(weights, adapters), tokens)[case["positions"]]


def largest_error(manifest):
    """How far this forward pass is from the references of Fixtures/llama."""
    fields, weights = load(os.path.join(SOURCE, "model.gguf"))
    errors = []
    for case in manifest["cases"]:
        if all(used["name"] in CHECKED for used in case["adapters"]):
            reference = np.load(os.path.join(SOURCE, case["logits"]))
            errors.append(np.abs(evaluate(manifest, case, fields, weights) - reference).max())
    return max(errors)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def make(name, kind, file_type, manifest, error):
    folder = os.path.join(FIXTURES, name)
    os.makedirs(os.path.join(folder, "logits"), exist_ok=True)
    narrow(os.path.join(SOURCE, "model.gguf"), os.path.join(folder, "model.gguf"), kind, file_type)
    fields, weights = load(os.path.join(folder, "model.gguf"))
    cases = []
    for case in manifest["cases"]:
        if case["id"].rpartition(".")[0] in KEPT:
            logits = evaluate(manifest, case, fields, weights).astype("<f4")
            np.save(os.path.join(folder, case["logits"]), logits)
            cases.append({**case, "argmax": logits.argmax(-1).tolist()})
    files = ["model.gguf", *(case["logits"] for case in cases)]
    result = {
        "model": name,
        "gguf": "model.gguf",
        "gguf_arch": "llama",
        "versions": {"python": platform.python_version(), "gguf": "0.19.0", "numpy": np.__version__},
        "reference": f"NumPy float64 over the dequantized file; {error:.1e} from the references of llama on its own file",
        "sequences": manifest["sequences"],
        "tokenizer_cases": [],
        "adapters": {"lora": {"peft": None, "gguf": "../llama/adapters/lora/adapter.gguf"}},
        "cases": cases,
        "files": {file: digest(os.path.join(folder, file)) for file in files},
    }
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as file:
        # One entry of each part per line.
        parts = []
        for key, value in result.items():
            if isinstance(value, dict):
                lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
                text = "{\n  " + ",\n  ".join(lines) + "\n }"
            elif key == "cases":
                text = "[\n  " + ",\n  ".join(json.dumps(case) for case in value) + "\n ]"
            else:
                text = json.dumps(value)
            parts.append(f" {json.dumps(key)}: {text}")
        file.write("{\n" + ",\n".join(parts) + "\n}\n")


def main():
    with open(os.path.join(SOURCE, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    error = largest_error(manifest)
    if not error < TOLERANCE:
        sys.exit(f"error: this forward pass is {error} from the references of Fixtures/llama; at most {TOLERANCE} is right")
    for name, (kind, file_type) in TARGETS.items():
        make(name, kind, file_type, manifest, error)
        print(f"Fixtures/{name}")


main()
