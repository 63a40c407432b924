"""Whether transformers loads a tokenizer that we saved and gives the ids that we give.

    node --import ./scripts/typescript.mjs scripts/reference/save-tokenizer.ts FOLDER TARGET
    python scripts/reference/tokenizer_check.py TARGET            pinned: transformers 5.17.0, tokenizers 0.23.2

The first writes TARGET with savePretrained, and ids.json with what it encodes and decodes.
"""

import json
import sys
from pathlib import Path

from transformers import AutoTokenizer


def main():
    folder = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = json.loads((folder / "ids.json").read_text())
    for row in rows["texts"]:
        assert tokenizer(row["text"])["input_ids"] == row["ids"], row
        assert tokenizer.decode(row["ids"], skip_special_tokens=True) == row["decoded"], row
    specials = {role: token["token"] for role, token in rows["specialTokens"].items()}
    assert {role: getattr(tokenizer, f"{role}_token") for role in specials} == specials
    print(f"{len(rows['texts'])} texts: the same ids, the same text, the same special tokens")


if __name__ == "__main__":
    main()
