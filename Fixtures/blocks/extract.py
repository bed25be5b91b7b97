#!/usr/bin/env python3
"""Cuts a few rows of each block format out of quantized models; see README.md.

    python3 extract.py QUANT_FOLDER SOURCE.gguf

QUANT_FOLDER holds `<name>.gguf` and `expected/<name>.<tensor>.npy`; SOURCE.gguf is the float32 model that they
were quantized from. Needs `pip install gguf==0.19.0`.
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

ROWS = {"blk.0.attn_q.weight": 2, "blk.0.ffn_down.weight": 1, "token_embd.weight": 1}
RANDOM_WEIGHTS = 1024
# Where a block keeps its Float16 fields. Random bytes there would often be infinite.
HALVES = {
    "F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
    "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "BF16": [], "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0],
    "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0],
}

# Formats with a grid: its points, and the weights of one point.
GRIDS = {
    "IQ1_S": (2048, 8), "IQ2_XXS": (256, 8), "IQ2_XS": (512, 8), "IQ2_S": (1024, 8), "IQ3_XXS": (256, 4),
    "IQ3_S": (512, 4),
}


def random_blocks(name: str, kind: Type, generator: np.random.Generator) -> np.ndarray:
    """Every bit of a block at random, but for scales: finite, of both signs, subnormal ones among them.

    Grid indices are not random: every point occurs, once."""
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    count = max(RANDOM_WEIGHTS, int(np.prod(GRIDS.get(name, 0)))) // weights
    blocks = generator.integers(0, 256, (count, size), dtype=np.uint8)
    scales = generator.integers(0, 0x7C00, (blocks.shape[0], 2), dtype=np.uint16)
    scales[0] = (1, 0x03FF)
    scales |= generator.integers(0, 2, scales.shape, dtype=np.uint16) << 15
    for column, offset in enumerate(HALVES[name]):
        blocks[:, offset : offset + 2] = scales[:, column : column + 1].copy().view(np.uint8)
    if name == "IQ1_M":  # a scale in four parts; keep its exponent below the infinite one
        blocks[:, 55] &= 0xBF
    if name == "BF16":
        blocks[:, 1] &= 0xBF
    if name == "MXFP4":  # beyond 251 the largest element is infinite
        blocks[:, 0] %= 252
        blocks[:4, 0] = (0, 1, 2, 251)
    if name == "TQ2_0":  # code 3 does not occur in files
        codes = (blocks[:, :64, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3
        codes[codes == 3] = 1
        blocks[:, :64] = (codes << np.array([0, 2, 4, 6], np.uint8)).sum(-1, dtype=np.uint8)
    if name in GRIDS:
        points, width = GRIDS[name]
        for part in range(count * weights // width):
            set_index(name, blocks[part * width // weights], part % (weights // width), part % points)
    return blocks


def set_index(name: str, block: np.ndarray, part: int, index: int) -> None:
    """Makes `index` the grid point of the `part`th 8 (IQ3: 4) weights of a block."""

    def put(offset: int, shift: int, bits: int, value: int) -> None:
        mask = ((1 << bits) - 1) << shift
        block[offset] = (int(block[offset]) & ~mask) | (value << shift)

    if name == "IQ2_XXS":
        block[2 + 8 * (part // 4) + part % 4] = index
    elif name == "IQ2_XS":
        block[2 + 2 * part] = index & 255
        put(3 + 2 * part, 0, 1, index >> 8)
    else:
        block[2 + part] = index & 255
    if name == "IQ2_S":
        put(66 + part // 4, 2 * (part % 4), 2, index >> 8)
    elif name == "IQ3_S":
        put(66 + part // 8, part % 8, 1, index >> 8)
    elif name == "IQ1_S":
        for bit in range(3):
            place = 3 * (part % 4) + bit
            put(34 + 2 * (part // 4) + place // 8, place % 8, 1, index >> (8 + bit) & 1)


def main(quantized: Path, source: Path) -> None:
    here = Path(__file__).parent
    generator = np.random.default_rng(1)
    index = {}

    def write(name: str, sections: list) -> None:
        data, entries = b"", []
        for origin, blocks, weights, made in sections:
            assert np.isfinite(weights).all(), name
            blocks, floats = blocks.tobytes(), weights.astype("<f4").tobytes()
            entries.append({
                "origin": origin, "weights": weights.size, "blockBytes": len(blocks), "offset": len(data),
                "quantizedFrom": made,
            })
            data += blocks + floats
        (here / f"{name}.bin").write_bytes(data)
        index[name] = entries

    floats = {t.name: np.array(t.data) for t in gguf.GGUFReader(source).tensors}
    write("F32", [(f"{t}, {n} rows", floats[t][:n], floats[t][:n], None) for t, n in ROWS.items()])
    offsets = {e["origin"].split(",")[0]: e["offset"] for e in index["F32"]}

    for path in sorted(quantized.glob("*.gguf")):
        if path.stem in ("Q4_K_M", "Q3_K_M"):  # mixtures of types that others cover
            continue
        tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
        kind = tensors["blk.0.attn_q.weight"].tensor_type
        sections = []
        for tensor, rows in ROWS.items():
            assert tensors[tensor].tensor_type == kind
            blocks = np.array(tensors[tensor].data[:rows]).view(np.uint8)
            expected = np.load(quantized / "expected" / f"{path.stem}.{tensor}.npy")[:rows]
            assert (gguf.quants.dequantize(np.array(tensors[tensor].data[:rows]), kind) == expected).all()
            sections.append((f"{tensor}, {rows} rows", blocks, expected, offsets[tensor]))
        blocks = random_blocks(kind.name, kind, generator)
        with np.errstate(all="ignore"):
            weights = gguf.quants.dequantize(blocks, kind)
        sections.append(("random", blocks, weights, None))
        write(kind.name, sections)

    (here / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
