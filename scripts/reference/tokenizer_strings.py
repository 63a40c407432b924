"""Whether Python's tokenizers give the ids that our native path gave where the JavaScript library gave others.

    python scripts/reference/tokenizer_strings.py FOLDER differences.jsonl      pinned: tokenizers 0.23.2

differences.jsonl is what tokenizer_strings.ts writes. Half a surrogate pair is U+FFFD, as in UTF-8.
"""

import json
import re
import sys
from pathlib import Path

from tokenizers import Tokenizer


def main():
    tokenizer = Tokenizer.from_file(str(Path(sys.argv[1]) / "tokenizer.json"))
    with open(sys.argv[2], encoding="utf-8") as file:  # a line ends in \n alone: the texts have U+0085
        rows = [json.loads(line) for line in file]
    wrong = 0
    for row in rows:
        text = re.sub("[\ud800-\udfff]", "\ufffd", row["text"])
        theirs = tokenizer.encode(text, add_special_tokens=False).ids
        if theirs == row["ids"]:
            continue
        wrong += 1
        print(f"{ascii(row['text'])}\n  ours   {row['ids']}\n  Python {theirs}")
    print(f"{len(rows)} strings: {len(rows) - wrong} have the ids of Python's tokenizers")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
