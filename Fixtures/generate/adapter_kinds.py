#!/usr/bin/env python3
"""Makes Fixtures/kinds: PEFT adapters of further kinds for the tiny models, and PEFT's own float32 logits with them.

usage: adapter_kinds.py        (needs: pip install -r requirements.txt)

The bases are Fixtures/<base>/model.gguf, read by gguf-py into transformers models. Before anything is written, transformers' logits of
each must be within 1e-4 of the stored ones. Every adapter is trained by nobody: its tensors are random numbers from a seed that is its
name. It is saved by PEFT and read back by PEFT before logits are computed (CPU, eager attention, one forward over all tokens).
A case's scale multiplies PEFT's own scaling.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import zlib

import gguf
import numpy as np
import peft
import safetensors
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from reference import finish, logits

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
TARGET = os.path.join(FIXTURES, "kinds")
TOLERANCE = 1e-4
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MODULES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}  # fmt: skip
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}

# What a GGUF file does not say in transformers' words. The comparison with stored logits would show a mistake.
CONFIGURATIONS = {
    "llama": {},
    "qwen2": {},
    "llama_bias_linear": {
        "attention_bias": True, "mlp_bias": True,
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0},
    },
    "llama_tied_l3rope": {
        "tie_word_embeddings": True,
        "rope_parameters": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, "rope_theta": 10000.0,
        },
    },
}  # fmt: skip

INVOCATION = [71, 8, 71]
# Where the adapter is to begin, by hand: PEFT adapts the last occurrence's first token and all that follow.
PROMPTS = {
    "once": [316, 12, 240, 71, 8, 71, 33, 150, 9],
    "twice": [316, 71, 8, 71, 12, 240, 71, 8, 71, 33, 150],
    "overlapping": [316, 12, 71, 8, 71, 8, 71, 33, 150],
    "false_start": [316, 71, 8, 12, 71, 8, 71, 240, 71, 8],
    "at_the_end": [316, 12, 240, 33, 150, 71, 8, 71],
    "at_the_beginning": [71, 8, 71, 12, 240, 33],
    "absent": [316, 12, 71, 8, 240, 8, 71, 33, 71],
}

KINDS = {
    "llama": {
        "alora": dict(target_modules=LINEARS, alora_invocation_tokens=INVOCATION),
        "dora_rslora": dict(
            target_modules=LINEARS + ["embed_tokens", "lm_head"], use_dora=True, use_rslora=True, rank_pattern={"v_proj": 2},
            alpha_pattern={"layers.1.mlp": 3},
        ),
        "regex": dict(target_modules=r".*layers\.[02]\..*(q|up)_proj", use_rslora=True),
        "norms": dict(target_modules=["v_proj"], modules_to_save=["norm"]),
        "tokens": dict(target_modules=["q_proj", "v_proj"], trainable_token_indices=[8, 71, 240, 316]),
        "tokens_head": dict(target_modules=["q_proj"], trainable_token_indices={"lm_head": [240, 3], "embed_tokens": [71]}),
    },
    "qwen2": {
        "bias_all": dict(target_modules=["q_proj", "o_proj"], bias="all"),
        "bias_lora_only": dict(target_modules=["q_proj", "k_proj"], bias="lora_only"),
    },
    "llama_bias_linear": {
        "dora": dict(target_modules=LINEARS, use_dora=True),
        "lora_bias": dict(target_modules=["q_proj", "k_proj", "down_proj"], lora_bias=True, bias="lora_only"),
    },
    "llama_tied_l3rope": {
        "embed": dict(target_modules=["embed_tokens", "v_proj"]),
        "lmhead": dict(target_modules=["lm_head", "v_proj"]),
        "tokens": dict(target_modules=["v_proj"], trainable_token_indices=[8, 71, 240, 316]),
        "mts_embed": dict(target_modules=["v_proj"], modules_to_save=["embed_tokens"]),
        "mts_embed_tied": dict(target_modules=["v_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True),
    },
}  # fmt: skip


def trained_order(rows, heads):
    """Undoes the converter's reordering of the rows of q and k of arch llama."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, size // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def load(base):
    """A transformers model with the weights of Fixtures/<base>/model.gguf."""
    reader = gguf.GGUFReader(os.path.join(FIXTURES, base, "model.gguf"))
    architecture = reader.get_field("general.architecture").contents()

    def number(key):
        return reader.get_field(f"{architecture}.{key}").contents()

    heads, kv_heads = number("attention.head_count"), number("attention.head_count_kv")
    state, vocabulary = {}, 0
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            continue
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        values = np.array(tensor.data).reshape([int(n) for n in tensor.shape][::-1])
        *layer, name, part = tensor.name.split(".")
        if architecture == "llama" and name in ("attn_q", "attn_k"):
            values = trained_order(values, heads if name == "attn_q" else kv_heads)
        module = f"model.layers.{layer[1]}.{MODULES[name]}" if layer else OUTSIDE[name]
        state[f"{module}.{part}"] = torch.from_numpy(values.copy())
        if name == "token_embd":
            vocabulary = values.shape[0]
    family = {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config}[architecture]
    base_frequency = reader.get_field(f"{architecture}.rope.freq_base")
    settings = dict(
        vocab_size=vocabulary, hidden_size=number("embedding_length"), intermediate_size=number("feed_forward_length"),
        num_hidden_layers=number("block_count"), num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=number("context_length"), rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": base_frequency.contents() if base_frequency else 10000.0},
        tie_word_embeddings=False, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(family(**(settings | CONFIGURATIONS[base])), dtype=torch.float32)
    return finish(model, state)


def randomize(model, name):
    """Everything the adapter trains becomes random; returns how many tensors."""
    # One seed for each tensor, so that none depends on the order of the others.
    count = 0
    for key, parameter in model.named_parameters():
        is_own = any(word in key for word in ("lora_", "modules_to_save", "trainable_tokens_delta"))
        if not is_own and not (parameter.requires_grad and key.endswith(".bias")):
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {key}".encode()))
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if "lora_embedding_A" in key:
                parameter.copy_(noise)
            elif "trainable_tokens_delta" in key:
                parameter.add_(0.5 * noise * parameter.std())
            elif "lora_A" in key:
                parameter.copy_(noise / parameter.shape[-1] ** 0.5)
            elif "lora_magnitude_vector" in key:
                parameter.mul_(1 + 0.3 * noise)
            elif "modules_to_save" in key:
                parameter.add_(0.3 * noise * parameter.std().clamp(min=0.1))
            elif "lora_" in key:
                parameter.copy_(0.15 * noise)
            else:
                parameter.add_(0.15 * noise)
        count += 1
    return count


def write_in_order(path):
    """PEFT keeps module names in sets, whose order differs from run to run."""
    with open(path) as file:
        config = json.load(file)
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config[key], list):
            config[key].sort()
    with open(path, "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")


def main():
    shutil.rmtree(TARGET, ignore_errors=True)
    for base, kinds in KINDS.items():
        with open(os.path.join(FIXTURES, base, "manifest.json")) as file:
            source = json.load(file)
        short = source["sequences"]["short"]
        stored = np.load(os.path.join(FIXTURES, base, "logits", "base.short.npy"))
        error = np.abs(logits(load(base), short) - stored).max()
        assert error < TOLERANCE, f"{base}: the model as read differs from its stored logits by {error}"
        print(f"{base}: base within {error:.1e}")
        folder = os.path.join(TARGET, base)
        os.makedirs(os.path.join(folder, "logits"))
        manifest = {
            "model": f"kinds/{base}", "gguf": f"../../{base}/model.gguf", "gguf_arch": source["gguf_arch"],
            "command": "python3 Fixtures/generate/adapter_kinds.py", "seed": "CRC-32 of '<adapter> <parameter>', for each tensor",
            "versions": {
                "python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
                "peft": peft.__version__, "gguf": importlib.metadata.version("gguf"), "safetensors": safetensors.__version__, "numpy": np.__version__,
            },
            "sequences": {"short": short} | (PROMPTS if "alora" in kinds else {}), "tokenizer_cases": [], "adapters": {}, "cases": [],
        }  # fmt: skip
        for name, settings in kinds.items():
            config = LoraConfig(r=3, lora_alpha=5, task_type="CAUSAL_LM", init_lora_weights=True, **settings)
            config.base_model_name_or_path = f"fixtures-{base}"
            model = get_peft_model(load(base), config)
            count = randomize(model, name)
            path = os.path.join(folder, "adapters", name)
            model.save_pretrained(path, save_embedding_layers=False)
            os.remove(os.path.join(path, "README.md"))
            write_in_order(os.path.join(path, "adapter_config.json"))
            manifest["adapters"][name] = {"peft": f"adapters/{name}", "gguf": None, "config": settings}
            for scale in (1.0, 0.5):
                model = PeftModel.from_pretrained(load(base), path).eval()
                for module in model.modules():
                    if isinstance(module, LoraLayer):
                        for adapter in module.scaling:
                            module.scaling[adapter] *= scale
                for sequence in PROMPTS if name == "alora" else ["short"]:
                    tokens = manifest["sequences"][sequence]
                    values = logits(model, tokens)
                    positions = list(range(len(tokens)))
                    if scale != 1.0:
                        positions = positions[-4:]
                    case = f"{name}@{scale}.{sequence}"
                    np.save(os.path.join(folder, "logits", case + ".npy"), values[positions])
                    manifest["cases"].append({
                        "id": case, "adapters": [{"name": name, "scale": scale}], "sequence": sequence, "positions": positions,
                        "logits": f"logits/{case}.npy", "shape": [len(positions), values.shape[1]],
                        "argmax": values[positions].argmax(axis=1).tolist(),
                    })  # fmt: skip
                    print(f"  {case}: {count} tensors, moves logits by {np.abs(values - logits(load(base), tokens)).max():.3f}")
        manifest["files"] = {}
        for place, _, files in sorted(os.walk(folder)):
            for file in sorted(files):
                path = os.path.join(place, file)
                with open(path, "rb") as data:
                    manifest["files"][os.path.relpath(path, folder)] = hashlib.sha256(data.read()).hexdigest()
        with open(os.path.join(folder, "manifest.json"), "w") as file:
            json.dump(manifest, file, indent=1)
            file.write("\n")


main()
