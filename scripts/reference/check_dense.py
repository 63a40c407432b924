"""Checks that Sentence Transformers loads what SentenceTransformer.savePretrained writes, with the embeddings that we gave.

scripts/reference/save_dense_models.mjs saves models of every kind, and leaves its embeddings and similarities beside the
files; of bare models it leaves the bare folder too, which Python opens with a pooling of its own choice. Here they are
loaded and compared. Warnings of the loaders count as failures.

Run: python scripts/reference/check_dense.py
pinned: sentence-transformers 6.0.1, transformers 5.17.0, torch 2.13.0
"""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).parents[2]


class Kept(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def opened(folder, kept):
    kept.said.clear()
    model = SentenceTransformer(str(folder), device="cpu")
    return model, list(kept.said)


def farthest(theirs, ours):
    theirs, ours = np.asarray(theirs, dtype=np.float64), np.asarray(ours, dtype=np.float64)
    if theirs.shape != ours.shape:
        return float("inf")
    return float(np.abs(theirs - ours).max() / max(1.0, np.abs(theirs).max()))


def main():
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    kept = Kept()
    for name in ["sentence_transformers", "transformers"]:
        logging.getLogger(name).addHandler(kept)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", ROOT / "scripts" / "reference" / "save_dense_models.mjs", folder], check=True)
        for saved in sorted(Path(folder).iterdir()):
            numbers = json.loads((saved / "numbers.json").read_text())
            model, said = opened(saved, kept)
            texts = numbers["texts"]
            embeddings = model.encode(texts)
            apart = max(
                farthest(embeddings, numbers["embeddings"]),
                farthest(model.encode_query(texts), numbers["queries"]),
                farthest(model.encode_document(texts), numbers["documents"]),
                farthest(model.similarity(embeddings, embeddings).flatten(), numbers["similarity"]),
            )
            within = 0.05 if "bfloat16" in saved.name else 1e-5
            said = [text for text in said if "Default prompt name is set" not in text]
            if numbers["poolingMode"]:
                bare, _ = opened(saved / "bare", kept)
                apart = max(apart, farthest(bare.encode(texts), numbers["embeddings"]))
                if bare[1].pooling_mode != numbers["poolingMode"]:
                    said.append(f"its pooling is {bare[1].pooling_mode}, ours {numbers['poolingMode']}")
            right = apart <= within and not said
            failed += not right
            print(f"{'ok  ' if right else 'BAD '} {saved.name:40} {apart:.1e} {said or ''}")
    print(f"sentence-transformers {sentence_transformers.__version__}: {failed or 'none'} failed")
    sys.exit(failed > 0)


main()
