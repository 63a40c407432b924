"""What Sentence Transformers' evaluators find with embeddings by a formula: writes test/fixtures/dense/evaluators.json
for test/dense/evaluators, and the small data of NanoBEIR's form that one of them reads.

Run: python scripts/reference/dense_evaluators.py     pinned: sentence-transformers 6.0.1, scikit-learn, scipy, torch 2.13.0
"""

import importlib
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import sentence_transformers
import torch
from sentence_transformers.sentence_transformer import evaluation
from sentence_transformers.util import SimilarityFunction
from sentence_transformers.util.quantization import quantize_embeddings

FOLDER = Path(__file__).parents[2] / "test/fixtures/dense"
DIM = 16


def embedding(text, kind):
    """Text "u17" to a vector of its own. Texts "t17" and "t40", whose numbers differ by 23, have the same one, of eighths:
    their dot products are exact, so that ties are ties in whatever order they are added up."""
    prompt, _, name = text.rpartition(": ")
    letter, number = name[0], int(name[1:])
    shift = 0.25 if prompt else 0.0
    i = number % 23 if letter == "t" else number
    values = [math.sin(1 + 0.4 * kind + shift + 1.7 * i + 0.6 * j + 0.1 * i * j) for j in range(DIM)]
    return [math.floor(8 * value + 0.5) / 8 for value in values] if letter == "t" else values


class CardData:
    def set_evaluation_metrics(self, *_):
        pass


class Model:
    """Encodes by the formula: queries and documents slightly differently."""

    model_card_data = CardData()

    def __init__(self, similarity_fn_name="cosine"):
        self.similarity_fn_name = similarity_fn_name

    def similarity(self, a, b):
        return SimilarityFunction.to_similarity_fn(self.similarity_fn_name)(torch.as_tensor(a), torch.as_tensor(b))

    def _encode(self, texts, kind, prompt=None, truncate_dim=None, normalize_embeddings=False, precision=None, convert_to_tensor=False, convert_to_numpy=True, **_):
        vectors = np.array([embedding((prompt or "") + text, kind) for text in texts], dtype=np.float32)
        vectors = vectors[:, :truncate_dim]
        if normalize_embeddings:
            vectors = torch.nn.functional.normalize(torch.from_numpy(vectors)).numpy()
        if precision and precision != "float32":
            vectors = quantize_embeddings(vectors, precision=precision)
            if precision == "binary":
                vectors = vectors.astype(np.int16)  # the evaluator adds 128, which int8 does not hold with NumPy 2
        if convert_to_tensor:
            return torch.from_numpy(vectors)
        return vectors if convert_to_numpy else [torch.from_numpy(vector) for vector in vectors]

    def encode(self, texts, **options):
        return self._encode(texts, 0, **options)

    def encode_query(self, texts, **options):
        return self._encode(texts, 1, **options)

    def encode_document(self, texts, **options):
        return self._encode(texts, 2, **options)


def texts(*numbers, letter="u"):
    return [f"{letter}{number}" for number in numbers]


ROWS = 40
FIRST, SECOND, THIRD = (texts(*((row * step + start) % 97 for row in range(ROWS))) for step, start in ((3, 1), (7, 4), (5, 60)))
BINARY = [int((row * row + row // 3) % 5 < 2) for row in range(ROWS)]
SCORES = [round(((row * 13) % 11) / 10, 1) for row in range(ROWS)]
ALL = ["cosine", "dot", "euclidean", "manhattan"]

# Not in the order of the ids.
IDS = [f"d{(i * 37) % 101}" for i in range(90)]
# Documents with the vector of the query's number, and some others.
RELEVANT = {
    f"q{i}": sorted({IDS[(i * 3 + 2) % 23 + 23 * (k % 3)] for k in range(i % 3)} | {IDS[(i * 7 + 5 * k) % 90] for k in range(1 + i % 2)})
    for i in range(10)
} | {"q10": []}


def retrieval(letter):
    return {
        "queries": {f"q{i}": f"{letter}{i * 3 + 2}" for i in range(12)},
        "corpus": {id: f"{letter}{i}" for i, id in enumerate(IDS)},
        "relevant_docs": RELEVANT,
    }


SAMPLES = [
    {
        "query": f"u{i}",
        "positive": texts(*(i * 5 + k for k in range(i % 3))),
        "negative": texts(*(i * 5 + 30 + 4 * k for k in range(2 + i % 14))),
    }
    for i in range(15)
]
TIED = [{"query": "t3", "positive": ["t10", "t5"], "negative": ["t33", "t28", "t6", "t51", "t12"]}]

SENTENCES = {f"s{i}": f"u{i * 2}" for i in range(40)}
DUPLICATES = [(f"s{i}", f"s{(i * 3 + 7) % 40}") for i in range(0, 40, 3) if i != (i * 3 + 7) % 40]
DUPLICATES.append(("s1", "absent"))


def nano_beir():
    """A folder of the form of sentence-transformers/NanoBEIR-en: two sets."""
    folder = FOLDER / "nano-beir"
    front = ["---", "configs:"]
    for config in ("corpus", "queries", "qrels"):
        front += [f"- config_name: {config}", "  data_files:"]
        (folder / config).mkdir(parents=True, exist_ok=True)
        for seed, name in enumerate(("NanoMSMARCO", "NanoNFCorpus")):
            front += [f"  - split: {name}", f"    path: {config}/{name}.jsonl"]
            if config == "corpus":
                rows = [{"_id": f"d{i}", "text": f"u{i * 2 + seed}" if i != 4 else ""} for i in range(30)]
            elif config == "queries":
                rows = [{"_id": f"q{i}", "text": f"u{i * 5 + seed}"} for i in range(6)]
            else:
                rows = [{"query-id": f"q{i % 6}", "corpus-id": f"d{(i * 7 + seed) % 30}"} for i in range(10)]
            lines = [json.dumps(row) + "\n" for row in rows]
            (folder / config / f"{name}.jsonl").write_text("".join(lines))
    (folder / "README.md").write_text("\n".join([*front, "---", ""]))
    return str(folder)


def cases():
    pairs = {"sentences1": FIRST, "sentences2": SECOND}
    triplet = {"anchors": FIRST, "positives": SECOND, "negatives": THIRD}
    yield "TripletEvaluator", triplet | {"name": "dev"}
    yield "TripletEvaluator", triplet | {"similarity_fn_names": ALL, "margin": {"dot": 0.5}, "truncate_dim": 5}
    yield "TripletEvaluator", triplet | {"similarity_fn_names": ALL, "main_similarity_function": "dot", "margin": 0.1}
    yield "EmbeddingSimilarityEvaluator", pairs | {"scores": SCORES, "name": "sts"}
    yield "EmbeddingSimilarityEvaluator", pairs | {"scores": SCORES, "similarity_fn_names": ALL}
    yield "EmbeddingSimilarityEvaluator", pairs | {"scores": SCORES, "main_similarity": "manhattan", "truncate_dim": 7}
    for precision in ("binary", "ubinary", "int8", "uint8"):
        yield "EmbeddingSimilarityEvaluator", pairs | {"scores": SCORES, "precision": precision, "similarity_fn_names": ALL}
    yield "BinaryClassificationEvaluator", pairs | {"labels": BINARY, "name": "quora"}
    yield "BinaryClassificationEvaluator", pairs | {"labels": BINARY, "similarity_fn_names": ALL}
    yield "InformationRetrievalEvaluator", retrieval("u") | {"name": "test"}
    ties = retrieval("t") | {"similarity_fn_name": "dot"}
    yield "InformationRetrievalEvaluator", ties
    yield "InformationRetrievalEvaluator", ties | {"corpus_chunk_size": 20, "write_predictions": True, "map_at_k": [5, 10]}
    yield "InformationRetrievalEvaluator", ties | {"query_prompt": "q: ", "corpus_prompt": "d: ", "corpus_chunk_size": 7}
    yield "InformationRetrievalEvaluator", retrieval("u") | {"similarity_fn_name": "euclidean", "truncate_dim": 6, "ndcg_at_k": [3, 7]}
    yield "InformationRetrievalEvaluator", retrieval("u") | {"similarity_fn_name": "manhattan", "corpus_chunk_size": 7}
    yield "InformationRetrievalEvaluator", retrieval("u") | {"score_functions": ["cosine", "dot"], "main_score_function": "dot"}
    yield "InformationRetrievalEvaluator", retrieval("u") | {"score_functions": ["cosine", "euclidean"]}
    yield "RerankingEvaluator", {"samples": SAMPLES, "name": "rerank"}
    yield "RerankingEvaluator", {"samples": SAMPLES, "at_k": 3, "truncate_dim": 4, "similarity_fn_name": "dot"}
    yield "RerankingEvaluator", {"samples": TIED, "similarity_fn_name": "dot", "similarity_fct": "dot"}
    yield "TranslationEvaluator", {"source_sentences": texts(*range(0, 60, 2)), "target_sentences": texts(*(i + (i % 3 == 0) for i in range(0, 60, 2))), "name": "en-de"}
    yield "MSEEvaluator", {"source_sentences": FIRST, "target_sentences": SECOND, "teacher_model": True, "name": "distil"}
    yield "ParaphraseMiningEvaluator", {"sentences_map": SENTENCES, "duplicates_list": DUPLICATES, "name": "mining"}
    yield "ParaphraseMiningEvaluator", {"sentences_map": SENTENCES, "duplicates_list": DUPLICATES, "add_transitive_closure": True, "top_k": 3}
    yield "NanoBEIREvaluator", {"dataset_names": ["msmarco", "NFCorpus"], "dataset_id": "nano-beir"}
    yield "NanoBEIREvaluator", {"dataset_names": ["msmarco", "nfcorpus"], "dataset_id": "nano-beir", "truncate_dim": 6, "similarity_fn_name": "dot", "query_prompts": {"msmarco": "q: ", "nfcorpus": "r: "}}


def run(name, options):
    given = dict(options)
    model = Model(given.pop("similarity_fn_name", "cosine"))
    if "teacher_model" in given:
        given["teacher_model"] = Model()
    if "score_functions" in given:
        given["score_functions"] = {key: SimilarityFunction.to_similarity_fn(key) for key in given["score_functions"]}
    if "relevant_docs" in given:
        given["relevant_docs"] = {key: set(ids) for key, ids in given["relevant_docs"].items()}
    if "similarity_fct" in given:
        given["similarity_fct"] = SimilarityFunction.to_similarity_fn(given["similarity_fct"])
    if name == "NanoBEIREvaluator":
        given["dataset_id"] = nano_beir()
    evaluator = getattr(evaluation, name)(**given)
    with tempfile.TemporaryDirectory() as folder:
        metrics = evaluator(model, folder, epoch=1, steps=20)
        files = {path.name: path.read_text(encoding="utf-8").splitlines() for path in sorted(Path(folder).iterdir())}
    headers = {file: lines if file.endswith(".jsonl") else lines[0] for file, lines in files.items()}
    return {
        "evaluator": name,
        "options": options,
        "metrics": {key: float(value) for key, value in metrics.items()},
        "primaryMetric": evaluator.primary_metric,
        "files": headers,
        "description": evaluator.description,
    }


def compare_as_floats():
    """The evaluator's similarities refuse integers, or overflow: here they see floats."""
    module = importlib.import_module(evaluation.EmbeddingSimilarityEvaluator.__module__)
    for name in ("pairwise_cos_sim", "pairwise_dot_score", "pairwise_euclidean_sim", "pairwise_manhattan_sim"):
        plain = getattr(module, name)
        as_float = lambda a, b, plain=plain: plain(torch.as_tensor(a).float(), torch.as_tensor(b).float())  # noqa: E731
        setattr(module, name, as_float)


def main():
    assert sentence_transformers.__version__ == "6.0.1", sentence_transformers.__version__
    compare_as_floats()
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = [run(name, options) for name, options in cases()]
    (FOLDER / "evaluators.json").write_text(json.dumps({"dim": DIM, "cases": found}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
