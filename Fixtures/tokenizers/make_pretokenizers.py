#!/usr/bin/env python3
"""Makes pretokenizers.json: texts and their pieces under each pre-tokenizer, by Hugging Face's `tokenizers`.

pip install tokenizers==0.23.*; python make_pretokenizers.py pretokenizers.json [SEED COUNT]
"""
import json
import random
import sys
import unicodedata

from tokenizers import Regex, pre_tokenizers as pre

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cl100k(digits):
    return (CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + TAIL)


def cased(contraction, digits):
    return (r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + contraction
            + r"|[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER + "*" + contraction
            + "|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL)


# The cased letters of DeepSeek LLM's second step.
DEEPSEEK_LETTERS = (
    "["
    "\u0041-\u005a\u0061-\u007a\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293"
    "\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1"
    "\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd"
    "\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d"
    "\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc"
    "\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc"
    "\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3"
    "\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
    "\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df"
    "\U0001e900-\U0001e943"
    "]")

STEPS = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "llama-bpe": [cl100k(r"\p{N}{1,3}")],
    "minicpm5": [r"\p{N}{1,3}", cl100k(r"\p{N}+")],
    "qwen2": [cl100k(r"\p{N}")],
    "qwen35": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + TAIL],
    "bailingmoe": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                   r"|\s*[\r\n]|\s+(?!\S)|\s+"],
    "seed-coder": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + TAIL],
    "deepseek-llm": [r"[\r\n]", r"\s?" + DEEPSEEK_LETTERS + "+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$",
                     "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}+"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
                    r"| ?[\p{P}\p{S}]+[\r\n]*|" + TAIL],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "tekken": [cased("", r"\p{N}")],
    "gpt-4o": [cased(CONTRACTIONS + "?", r"\p{N}{1,3}")],
    "bloom": [" ?[^(\\s|.,!?…。，、।۔،)]+"],
    "viking": [" ?[^(\\s|.,!?…。，、।۔،)]+", r"\p{N}"],
}
SPLITTERS = {name: pre.Sequence([pre.Split(Regex(step), "isolated") for step in steps]) for name, steps in STEPS.items()}
# The two families that tokenizer.json writes without a regular expression, as a check of the expressions above.
NATIVE = {
    "gpt-2": pre.ByteLevel(add_prefix_space=False, use_regex=True),
    "smollm": pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False, use_regex=True)]),
}

# Scalars that are assigned in the Unicode version of this Python, so that newer tables agree.
ASSIGNED = [c for c in map(chr, range(1, 0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
BY_CLASS = {}
for c in ASSIGNED:
    BY_CLASS.setdefault(unicodedata.category(c), []).append(c)
SPACES = list(" \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\u180e\ufeff\x1c\x1f")
ATOMS = [" ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "\r", " \n ", "\n ", "'s", "'S", "'t", "'RE", "'ve", "'Ve", "'ll", "'LL",
         "'d", "'m", "'", "''", "'l", "'r", "'ſ", "'ſx", "word", "Word", "WORD", "wOrD", "don't", "I'M", "0", "12", "1234", "1234567",
         "٣", "Ⅷ½", "²", "_", "-", "...", "!?", "/", "//", "\n/", "(", ")", "|", "+=", "$", "`", "^~", "<|x|>", "é", "e\u0301",
         "\u0301", "\u0301a", "ß", "ǅ", "ʰ", "ª", "ά", "Ж", "жЖ", "中文", "かな", "カナ", "한국", "עברית", "عربي", "हिन्दी", "ไทย",
         "。", "，", "、", "۔", "「", "—", "“", "€", "😀", "👩\u200d👧", "🏳️\u200d🌈", "𝔘𝔫", "𐐀", "\u200d", "\ufeff", "\x00", "\x1b", "\x7f"]


def text(random):
    parts = []
    for _ in range(random.randint(1, 12)):
        kind = random.random()
        if kind < 0.6:
            parts.append(random.choice(ATOMS))
        elif kind < 0.7:
            parts.append(random.choice(SPACES) * random.randint(1, 3))
        elif kind < 0.85:
            parts.append("".join(random.choice(ASSIGNED) for _ in range(random.randint(1, 3))))
        else:
            parts.append("".join(random.choice(BY_CLASS[random.choice(sorted(BY_CLASS))])
                                 for _ in range(random.randint(1, 4))))
    return "".join(parts)


def lengths(name, text):
    pieces = [piece for piece, _ in SPLITTERS[name].pre_tokenize_str(text)]
    assert "".join(pieces) == text, (name, text, pieces)
    result = [len(piece.encode()) for piece in pieces]
    if name in NATIVE:
        native = [end - start for _, (start, end) in NATIVE[name].pre_tokenize_str(text)]
        # A native piece can cover half a character's bytes only if words did, which they never do.
        assert native == [len(piece) for piece in pieces], (name, text, native, pieces)
    return result


def main():
    seed, count = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (1, 450)
    generator = random.Random(seed)
    texts = [text(generator) for _ in range(count)]
    cases = {name: [lengths(name, sample) for sample in texts] for name in STEPS}
    with open(sys.argv[1], "w") as file:
        # One line for the texts, one for each pre-tokenizer: the UTF-8 lengths of the pieces of each text.
        json.dump({"texts": texts, "pieces": cases}, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


main()
