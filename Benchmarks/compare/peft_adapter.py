"""Writes random adapters as PEFT leaves them, a folder each, for the shapes of a GGUF model: for measuring, of no other use.

Names and layouts are those of PEFT 0.21: `adapter_config.json` and a safetensors file whose A is rank × inputs and B outputs × rank.
"""

import json
import math
import os
import random
import struct

from make_adapter import LINEARS, Header

MODULES = dict(
    zip(
        LINEARS,
        ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
        + ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    )
)
BYTES = {"F32": 4, "F16": 2, "BF16": 2}


class Values:
    """Random numbers. A stretch of them repeats: what they are does not matter, only that they are not zero."""

    STRETCH = 65521  # a prime, so that rows of no width line up with it

    def __init__(self, seed):
        generator = random.Random(seed)
        self.values = [generator.gauss(0, 1) for _ in range(self.STRETCH)]
        self.cache = {}

    def bytes(self, dtype, count, deviation, mean=0.0):
        key = (dtype, deviation, mean)
        if key not in self.cache:
            numbers = [mean + deviation * value for value in self.values]
            if dtype == "BF16":
                self.cache[key] = b"".join(struct.pack("<f", number)[2:] for number in numbers)
            else:
                self.cache[key] = struct.pack(f"<{len(numbers)}{'e' if dtype == 'F16' else 'f'}", *numbers)
        data = self.cache[key]
        size = count * BYTES[dtype]
        return (data * (size // len(data) + 1))[:size]


def linears(header):
    """(layer, name in the file, inputs, outputs) of every linear of a layer."""
    for name, shape in header.shapes.items():
        parts = name.split(".")
        if len(parts) == 4 and parts[0] == "blk" and parts[2] in LINEARS and parts[3] == "weight" and len(shape) == 2:
            yield int(parts[1]), parts[2], *shape


def write_safetensors(path, tensors):
    """`tensors`: (name, dtype, shape, bytes)"""
    header, offset = {}, 0
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for *_, data in tensors:
            file.write(data)


def make_peft_adapter(
    model, folder, *, rank=16, dtype="F16", dora=False, rslora=False, bias=False, ranks=None, vocabulary=False, seed=1
):
    """`ranks`: other ranks of some modules, as {"q_proj": 32}; `vocabulary`: also of embedding and output."""
    header = Header(model)
    values = Values(seed)
    ranks = ranks or {}
    tensors = []

    def add(name, kind, *shape, deviation, mean=0.0):
        count = math.prod(shape)
        tensors.append((f"base_model.model.{name}", kind, list(shape), values.bytes(kind, count, deviation, mean)))

    def add_pair(module, inputs, outputs):
        own = ranks.get(module.rpartition(".")[2], rank)
        add(f"{module}.lora_A.weight", dtype, own, inputs, deviation=1 / math.sqrt(inputs))
        add(f"{module}.lora_B.weight", dtype, outputs, own, deviation=0.02)
        if dora:
            add(f"{module}.lora_magnitude_vector.weight", "F32", outputs, deviation=0.01, mean=0.03 * math.sqrt(inputs))
        if bias:
            add(f"{module}.lora_B.bias", dtype, outputs, deviation=0.01)

    for layer, name, inputs, outputs in linears(header):
        add_pair(f"model.layers.{layer}.{MODULES[name]}", inputs, outputs)
    if not tensors:
        raise ValueError(f"{model} has no linear layers with usual names")
    targets = sorted({module.rpartition(".")[2] for module in MODULES.values()})
    if vocabulary:
        inputs, outputs = header.shapes["token_embd.weight"]
        add("model.embed_tokens.lora_embedding_A", dtype, rank, outputs, deviation=0.02)
        add("model.embed_tokens.lora_embedding_B", dtype, inputs, rank, deviation=0.02)
        add_pair("lm_head", inputs, outputs)
        targets += ["embed_tokens", "lm_head"]
    os.makedirs(folder)
    write_safetensors(os.path.join(folder, "adapter_model.safetensors"), tensors)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "random", "inference_mode": True,
        "r": rank, "lora_alpha": rank, "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
        "target_modules": targets, "modules_to_save": None, "rank_pattern": ranks, "alpha_pattern": {},
        "use_dora": dora, "use_rslora": rslora, "lora_bias": bias,
    }  # fmt: skip
    with open(os.path.join(folder, "adapter_config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
