#!/usr/bin/env python3
"""Makes Fixtures/phi3_longrope/variants.json: what transformers computes when that model's settings are other ones.

usage: phi3_variants.py        (needs: pip install -r requirements.txt)

The weights stay those of Fixtures/phi3_longrope/model.gguf, and so does the adapter. A variant says how the keys and tensors of the
file differ, and the same in transformers' words; the tests change the file in memory. Without changes, transformers' logits must be
within 1e-4 of the stored ones, or nothing is written. CPU, float32, eager attention, one forward over all tokens.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil

import gguf
import numpy as np
import torch
import transformers
from peft import PeftModel
from reference import finish, logits

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "phi3_longrope")
TOLERANCE = 1e-4
MODULES = {
    "attn_qkv": "self_attn.qkv_proj", "attn_output": "self_attn.o_proj", "ffn_up": "mlp.gate_up_proj", "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}  # fmt: skip
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
FACTORS = ["rope_factors_long.weight", "rope_factors_short.weight"]
ORIGINAL = "phi3.rope.scaling.original_context_length"

# Keys of the file (null: without it), tensors it lacks, and what that is in transformers. `short` has 12 tokens, `long` 40.
VARIANTS = {
    "plain": (
        {"phi3.rope.dimension_count": 16, "phi3.rope.scaling.attn_factor": None}, FACTORS,
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}},
    ),
    "last_short": ({ORIGINAL: 12}, [], {"original": 12}),
    "first_long": ({ORIGINAL: 11}, [], {"original": 11}),
    "window": ({"phi3.attention.sliding_window": 5}, [], {"sliding_window": 5}),
    "window_of_all": ({"phi3.attention.sliding_window": 12}, [], {"sliding_window": 12}),
}  # fmt: skip


def load(reader, **changes):
    def number(key):
        return reader.get_field(f"phi3.{key}").contents()

    tensors = {t.name: np.array(t.data).reshape([int(n) for n in t.shape][::-1]) for t in reader.tensors}
    state = {}
    for full, values in tensors.items():
        if full in FACTORS:
            continue
        *layer, name, part = full.split(".")
        module = f"model.layers.{layer[1]}.{MODULES[name]}" if layer else OUTSIDE[name]
        state[f"{module}.{part}"] = torch.from_numpy(values.copy())
    original = changes.pop("original", number("rope.scaling.original_context_length"))
    heads = number("attention.head_count")
    settings = dict(
        vocab_size=tensors["token_embd.weight"].shape[0], hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"), num_hidden_layers=number("block_count"), num_attention_heads=heads,
        num_key_value_heads=number("attention.head_count_kv"), max_position_embeddings=number("context_length"),
        original_max_position_embeddings=original, rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        rope_parameters={
            "rope_type": "longrope", "rope_theta": number("rope.freq_base"), "original_max_position_embeddings": original,
            "partial_rotary_factor": number("rope.dimension_count") * heads / number("embedding_length"),
            "attention_factor": number("rope.scaling.attn_factor"),
            "long_factor": tensors["rope_factors_long.weight"].tolist(), "short_factor": tensors["rope_factors_short.weight"].tolist(),
        },
        sliding_window=None, tie_word_embeddings=True, pad_token_id=3, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.Phi3ForCausalLM._from_config(transformers.Phi3Config(**(settings | changes)), dtype=torch.float32)
    return finish(model, state)


def main():
    reader = gguf.GGUFReader(os.path.join(FOLDER, "model.gguf"))
    with open(os.path.join(FOLDER, "manifest.json")) as file:
        sequences = json.load(file)["sequences"]
    error = np.abs(logits(load(reader), sequences["short"]) - np.load(os.path.join(FOLDER, "logits", "base.short.npy"))).max()
    assert error < TOLERANCE, f"the model as read differs from its stored logits by {error}"
    print(f"base within {error:.1e}")
    target = os.path.join(FOLDER, "variants")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    manifest = {
        "command": "python3 Fixtures/generate/phi3_variants.py",
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "gguf", "safetensors", "numpy")},
        "variants": [],
        "files": {},
    }
    for name, (keys, without, changes) in VARIANTS.items():
        cases = []
        for adapter in (None, "lora"):
            sequence = "long" if name == "window" else "short"
            tokens = sequences[sequence]
            model = load(reader, **changes)
            if adapter:
                model = PeftModel.from_pretrained(model, os.path.join(FOLDER, "adapters", adapter, "peft")).eval()
            values = logits(model, tokens)
            positions = list(range(len(tokens)))[-4:]
            path = f"variants/{name}.{adapter or 'base'}.npy"
            np.save(os.path.join(FOLDER, path), values[positions])
            with open(os.path.join(FOLDER, path), "rb") as data:
                manifest["files"][path] = hashlib.sha256(data.read()).hexdigest()
            cases.append({"adapter": adapter, "sequence": sequence, "positions": positions, "logits": path})
            if not adapter:
                unchanged = logits(load(reader), tokens)
                print(f"{name}: moves logits by {np.abs(values - unchanged)[-4:].max():.3f}")
        manifest["variants"].append({"name": name, "keys": keys, "without": without, "cases": cases})
    with open(os.path.join(FOLDER, "variants.json"), "w") as file:
        json.dump(manifest, file, indent=1)
        file.write("\n")


main()
