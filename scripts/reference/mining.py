"""Writes test/fixtures/mining.json: what Sentence Transformers mines from fixed embeddings, with a stub in place of a model.

    python -m venv venv && venv/bin/pip install sentence-transformers==6.0.1 datasets numpy torch
    venv/bin/python scripts/reference/mining.py
"""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import util
from sentence_transformers.util import community_detection, mine_hard_negatives, paraphrase_mining_embeddings, semantic_search

OUT = Path(__file__).resolve().parents[2] / "test/fixtures/mining.json"
DIM = 8
TOPICS = 6


def vectors(count: int, seed: int, noise: float) -> np.ndarray:
    """Around a few directions, so that neighbours and communities are there; four decimals, so that the file is small."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(TOPICS, DIM))
    rows = centres[np.arange(count) % TOPICS] + noise * generator.normal(size=(count, DIM))
    return np.round(rows, 4).astype(np.float32)


ANCHORS = [f"anchor {i}" for i in range(20)]
TEXTS = [f"text {i}" for i in range(60)]
EMBEDDINGS = dict(zip(ANCHORS + TEXTS, np.concatenate([vectors(20, 2, 0.6), vectors(60, 3, 0.6)])))
# Anchors 3 and 8 have several positives, anchor 5 has one twice; text 2 is a positive of two anchors.
PAIRS = [(f"anchor {i}", f"text {i}") for i in range(20)]
PAIRS += [("anchor 3", "text 23"), ("anchor 3", "text 33"), ("anchor 8", "text 2"), ("anchor 5", "text 5"), ("anchor 8", "text 40")]
CORPUS = TEXTS[30:] + TEXTS[30:32]


class Stub:
    device = torch.device("cpu")
    model_card_data = SimpleNamespace(base_model=None)

    def __init__(self, name: str = "cosine"):
        self.similarity = util.SimilarityFunction.to_similarity_fn(name) if hasattr(util, "SimilarityFunction") else None
        self.similarity_pairwise = None
        if self.similarity is None:
            from sentence_transformers.similarity_functions import SimilarityFunction

            self.similarity = SimilarityFunction.to_similarity_fn(name)
            self.similarity_pairwise = SimilarityFunction.to_similarity_pairwise_fn(name)
        else:
            self.similarity_pairwise = util.SimilarityFunction.to_similarity_pairwise_fn(name)

    def encode_query(self, texts, prompt=None, **_):
        rows = np.stack([EMBEDDINGS[text] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    encode_document = encode_query


class CrossEncoderStub:
    """A score from the numbers in the texts."""

    def predict(self, pairs, **_):
        numbers = [[int(text.split()[1]) for text in pair] for pair in pairs]
        return torch.tensor([1 / (1 + math.exp(-2 * math.sin(1 + 1.1 * q + 0.7 * d + 0.3 * q * d))) for q, d in numbers])


CASES = [
    dict(),
    dict(output_format="n-tuple"),
    dict(output_format="labeled-pair"),
    dict(output_format="labeled-list"),
    dict(corpus=True, num_negatives=2, range_min=3, range_max=9),
    dict(corpus=True, absolute_margin=0.1, output_scores=True),
    dict(corpus=True, relative_margin=0.05, output_scores=True, output_format="n-tuple"),
    dict(corpus=True, relative_margin=0.3, absolute_margin=0.02, output_scores=True, output_format="labeled-list"),
    dict(corpus=True, max_score=0.8, min_score=0.2, output_scores=True, output_format="labeled-pair"),
    dict(corpus=True, max_score=0.6, range_min=2, range_max=12, num_negatives=4, output_format="labeled-list"),
    dict(corpus=True, include_positives=True, num_negatives=8, output_scores=True),
    dict(corpus=True, cross_encoder=True, absolute_margin=0.05, output_scores=True),
    dict(corpus=True, cross_encoder=True, max_score=0.7, output_scores=True, output_format="n-tuple", num_negatives=5),
    dict(corpus=True, cross_encoder=True, output_scores=True),
    dict(num_negatives=30, range_max=80, output_format="labeled-pair"),
    dict(corpus=True, similarity="euclidean", relative_margin=0.1, output_scores=True),
    dict(corpus=True, similarity="manhattan", absolute_margin=0.2, output_scores=True),
    dict(corpus=True, similarity="dot", num_negatives=1, faiss_batch_size=7, output_scores=True),
]


def mined(case: dict) -> dict:
    options = dict(case)
    dataset = Dataset.from_dict({"anchor": [a for a, _ in PAIRS], "positive": [p for _, p in PAIRS]})
    if options.pop("corpus", False):
        options["corpus"] = CORPUS
    if options.pop("cross_encoder", False):
        options["cross_encoder"] = CrossEncoderStub()
    result = mine_hard_negatives(dataset, Stub(options.pop("similarity", "cosine")), verbose=False, **options)
    return {"options": case, "columns": result.column_names, "rows": [list(row.values()) for row in result]}


def main() -> None:
    plain = torch.from_numpy(vectors(40, 5, 0.7))
    grouped = torch.from_numpy(vectors(60, 6, 0.25))
    queries = torch.from_numpy(vectors(4, 7, 0.7))
    fixture = {
        "embeddings": {text: row.tolist() for text, row in EMBEDDINGS.items()},
        "pairs": PAIRS,
        "corpus": CORPUS,
        "mined": [mined(case) for case in CASES],
        "plain": plain.tolist(),
        "grouped": grouped.tolist(),
        "queries": queries.tolist(),
        "search": {
            "cosine": semantic_search(queries, plain, top_k=5),
            "dot": semantic_search(queries, plain, top_k=5, score_function=util.dot_score),
            "chunked": semantic_search(queries, plain, top_k=7, query_chunk_size=3, corpus_chunk_size=11),
        },
        "paraphrases": {
            "topK3": paraphrase_mining_embeddings(plain, top_k=3),
            "maxPairs": paraphrase_mining_embeddings(plain, max_pairs=50),
            "chunked": paraphrase_mining_embeddings(plain, query_chunk_size=9, corpus_chunk_size=13, top_k=2),
        },
        "communities": {
            "close": community_detection(grouped, threshold=0.9, min_community_size=3),
            "wide": community_detection(grouped, threshold=0.5, min_community_size=5, batch_size=16),
            "default": community_detection(grouped),
        },
    }
    text = json.dumps(fixture)
    OUT.write_text(json.dumps(json.loads(text, parse_float=lambda x: round(float(x), 7))) + "\n")
    print(OUT, len(text))


if __name__ == "__main__":
    main()
