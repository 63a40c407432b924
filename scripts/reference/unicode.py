"""What the Python tokenizers library takes for letters, numbers and combining marks: native/tokenizer/unicode_data.h.

The library mixes versions of Unicode: its regular expressions (Oniguruma) know letters and numbers of Unicode 16.0, its
digits those of 17.0, and its normal form C is that of 9.0. So the tables are found by asking it, character by character;
combining classes and decompositions, which never change once a character is there, come from Python's unicodedata.

Run: python scripts/reference/unicode.py            pinned: tokenizers 0.23.2, Python 3.11 (unicodedata 14.0.0)
"""

import unicodedata
from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

TARGET = Path(__file__).resolve().parents[2] / "native" / "tokenizer" / "unicode_data.h"
CHARACTERS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
NFC, NFD = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
DIGITS = pre_tokenizers.Digits(individual_digits=True)


def places(pre_tokenizer, text):
    return [span for _, span in pre_tokenizer.pre_tokenize_str(text)]


def kind(c):
    """letter, number, space or other, by what the character joins with."""
    if c == 0x20:
        return "space"
    around = places(BYTE_LEVEL, f"a{chr(c)}1")
    if around == [(0, 2), (2, 3)]:
        return "letter"
    if around == [(0, 1), (1, 3)]:
        return "number"
    return "other" if places(BYTE_LEVEL, f"!{chr(c)}!") == [(0, 3)] else "space"


def combining_class(c):
    """The class of a mark that the library reorders; U+0345 has 240, more than nearly all, and U+0334 1, the least."""
    mark = chr(c)
    known = NFD(f"a\u0345{mark}") != f"a\u0345{NFD(mark)}" or NFD(f"a{mark}\u0334") != f"a{NFD(mark)}\u0334"
    return unicodedata.combining(mark) if known and NFD(mark) == mark else 0


def decompositions():
    """(character, first, second) that are composed again, and those that are not; second is 0 for a single one."""
    composed, others = [], []
    for c in CHARACTERS:
        parts = unicodedata.decomposition(chr(c)).split()
        if not parts or parts[0].startswith("<") or NFD(chr(c)) == chr(c):
            continue
        first, second = (int(part, 16) for part in [*parts, "0"][:2])
        again = second and NFC(chr(first) + chr(second)) == chr(c)
        (composed if again else others).append((c, first, second))
    return composed, others


def ranges(characters, value=lambda c: 1):
    """Runs [first, last] of one value."""
    runs = []
    for c in characters:
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == value(c):
            runs[-1][1] = c
        else:
            runs.append([c, c, value(c)])
    return runs


def deltas(runs):
    """Distance from the end of the run before, and length of the run."""
    out, at = [], 0
    for first, last, _ in runs:
        out += [first - at, last - first + 1]
        at = last + 1
    return out


def triples(rows):
    out, at = [], 0
    for c, first, second in rows:
        out += [c - at, first, second]
        at = c
    return out


def table(name, numbers, comment):
    text, line = f"\n// {comment}\ninline constexpr uint32_t {name}[] = {{\n", "   "
    for number in numbers:
        if len(line) + len(str(number)) > 117:
            text += line + "\n"
            line = "   "
        line += f" {number},"
    return f"{text}{line}\n}};\n"


def main():
    kinds = {c: kind(c) for c in CHARACTERS}
    of = lambda name: [c for c in CHARACTERS if kinds[c] == name]
    classes = {c: combining_class(c) for c in CHARACTERS}
    marks = ranges([c for c in CHARACTERS if classes[c]], classes.get)
    numeric = [c for c in CHARACTERS if len(places(DIGITS, f"a{chr(c)}a")) == 3]
    composed, others = decompositions()
    text = """// Written by scripts/reference/unicode.py from tokenizers 0.23.2: letters and numbers of Unicode 16.0, digits of 17.0,
// normal form C of 9.0. Runs are pairs: how far after the run before, how long.
#pragma once

#include <cstdint>

// clang-format off
namespace ettin::tokenizer {
"""
    text += table("letter_runs", deltas(ranges(of("letter"))), "\\p{L}")
    text += table("number_runs", deltas(ranges(of("number"))), "\\p{N}")
    text += table("space_runs", deltas(ranges(of("space"))), "\\s")
    text += table("digit_runs", deltas(ranges(numeric)), "what the Digits pre-tokenizer splits at")
    text += table("mark_runs", deltas(marks), "combining marks")
    text += table("mark_classes", [value for *_, value in marks], "their combining classes, one a run")
    text += table("compositions", triples(composed), "how far after the one before; first and second part")
    text += table("other_decompositions", triples(others), "those that are not composed again; second part 0: none")
    TARGET.write_text(text + "\n}  // namespace ettin::tokenizer\n")


if __name__ == "__main__":
    main()
