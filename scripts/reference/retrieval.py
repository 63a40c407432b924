"""Retrieval on real data by Python: BM25, and a dense retriever trained by Sentence Transformers, to stand beside ours.

  python scripts/reference/retrieval.py bm25  --set packages=pairs.jsonl.gz --set squad=squad/
  python scripts/reference/retrieval.py order --set packages=pairs.jsonl.gz --steps 400 --batch 32 --out order.json
  python scripts/reference/retrieval.py train --set packages=pairs.jsonl.gz --model encoder/ --order order.json --batch 32 --out trained/

`--set` names a data set and where it lies: "packages" is a file of rows {query, positive, split}; its corpus is every
positive. "squad" is a folder with corpus.jsonl {id, text} and questions.jsonl {query, positive_id, split}. Questions of the
test split are searched in the whole corpus. `train` saves what it trained: mean pooling, MultipleNegativesRankingLoss,
AdamW, a linear fall after a warm-up, the rows in the order of the file, no shuffling.

pinned: sentence-transformers 6.0.1, torch 2.13.0, bm25s 0.3.11 (k1 1.2, b 0.75, Lucene's method, no stemming, no stop words)
"""

import argparse
import gzip
import json
import math
import sys
from pathlib import Path


def lines(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt", encoding="utf8") as file:
        return [json.loads(line) for line in file]


def read(name, path):
    """(corpus {id: text}, {split: [(question, id of its answer)]})"""
    splits = {}
    if name == "packages":
        rows = lines(path)
        for i, row in enumerate(rows):
            splits.setdefault(row["split"], []).append((row["query"], str(i)))
        return {str(i): row["positive"] for i, row in enumerate(rows)}, splits
    for row in lines(Path(path) / "questions.jsonl"):
        splits.setdefault(row["split"], []).append((row["query"], row["positive_id"]))
    return {row["id"]: row["text"] for row in lines(Path(path) / "corpus.jsonl")}, splits


def bm25(sets):
    import bm25s

    for name, path in sets:
        corpus, splits = read(name, path)
        ids = list(corpus)
        engine = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        tokens = bm25s.tokenize(list(corpus.values()), stopwords=None, show_progress=False)
        engine.index(tokens, show_progress=False)
        questions = bm25s.tokenize([q for q, _ in splits["test"]], stopwords=None, show_progress=False)
        found, _ = engine.retrieve(questions, k=10, show_progress=False)
        ranks = [[ids[j] for j in row] for row in found]
        hits = [row.index(answer) if answer in row else None for row, (_, answer) in zip(ranks, splits["test"])]
        ndcg = sum(1 / math.log2(rank + 2) for rank in hits if rank is not None) / len(hits)
        recall = sum(rank is not None for rank in hits) / len(hits)
        print(f"{name}: {len(corpus)} passages, {len(hits)} questions: nDCG@10 {ndcg:.4f}, recall@10 {recall:.4f}")


def order(sets, steps, batch, out):
    """Batches without a question or a passage twice, in random order."""
    import numpy as np

    ((name, path),) = sets
    _, splits = read(name, path)
    rows = splits["train"]
    rng, waiting, batches = np.random.default_rng(0), [], []
    while len(batches) < steps:
        if len(waiting) < batch:
            waiting += [int(i) for i in rng.permutation(len(rows))]
        chosen, seen, rest = [], set(), []
        for i in waiting:
            if len(chosen) < batch and not seen & set(rows[i]):
                chosen.append(i)
                seen |= set(rows[i])
            else:
                rest.append(i)
        waiting = rest
        if len(chosen) == batch:
            batches.append(chosen)
    Path(out).write_text(json.dumps([i for each in batches for i in each]) + "\n")


def train(sets, args):
    import torch
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from torch.utils.data import BatchSampler

    torch.set_num_threads(args.threads)
    ((name, path),) = sets
    corpus, splits = read(name, path)
    data = Dataset.from_list([{"query": q, "positive": corpus[answer]} for q, answer in splits["train"]])
    numbers = json.loads(Path(args.order).read_text())
    batches = [numbers[i : i + args.batch] for i in range(0, len(numbers), args.batch)]

    class InOrder(BatchSampler):
        def __init__(self):
            pass

        def __iter__(self):
            return iter(batches)

        def __len__(self):
            return len(batches)

    model = SentenceTransformer(args.model, device="cpu")
    if model.max_seq_length != float("inf"):  # a static embedding has no limit
        model.max_seq_length = args.max_length
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=f"{args.out}-run", per_device_train_batch_size=args.batch, max_steps=len(batches),
            learning_rate=args.learning_rate, warmup_steps=args.warmup, save_strategy="no", report_to="none",
            logging_steps=10, disable_tqdm=True, use_cpu=True, batch_sampler=lambda *a, **k: InOrder(),
        ),
        train_dataset=data,
        loss=MultipleNegativesRankingLoss(model),
    )
    trainer.train()
    model.save_pretrained(args.out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["bm25", "order", "train"])
    parser.add_argument("--set", action="append", required=True, help="name=path")
    parser.add_argument("--model")
    parser.add_argument("--order")
    parser.add_argument("--out")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--warmup", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    sets = [each.split("=", 1) for each in args.set]
    if args.task == "bm25":
        bm25(sets)
    elif args.task == "order":
        order(sets, args.steps, args.batch, args.out)
    else:
        train(sets, args)


if __name__ == "__main__":
    sys.exit(main())
