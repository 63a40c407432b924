"""The losses of 100 fine-tuning steps of two dense retrievers, for test/dense: writes test/fixtures/dense/curves/.

  config.json      the encoder's, as transformers saves it
  curves.json      settings, texts, and for each run the loss of every step, metrics and embeddings before and after
  order.json       the rows of a run, eight a step

The runs are Sentence Transformers' own: SentenceTransformerTrainer, mean pooling, float32, AdamW with a linear warm-up and
fall, gradients clipped to norm 1. "triplets" is MultipleNegativesRankingLoss over anchor, positive and negative; "pairs" is
CoSENTLoss over two sentences and a score. The tokenizer is examples/tokenizer. The initial weights are uniform numbers of
mulberry32 as in pretrain_curves.py, so that any program can make them again; the texts are made from word lists below.

Run: python scripts/reference/dense_curves.py    pinned: torch 2.13.0, transformers 5.17.0, sentence-transformers 6.0.1
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from pretrain_curves import SPREAD, fill
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.evaluation import (
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
    TripletEvaluator,
)
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from torch.utils.data import BatchSampler
from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]
OUT = ROOT / "test" / "fixtures" / "dense" / "curves"
TOKENIZER = ROOT / "examples" / "tokenizer"
PAD = PreTrainedTokenizerFast.from_pretrained(TOKENIZER).pad_token_id
STEPS, BATCH, ROWS, LENGTH = 100, 8, 96, 64
SETTINGS = dict(learningRate=1e-3, weightDecay=0.01, warmupSteps=10)

ANIMALS = "badger heron otter lynx raven tortoise beaver falcon hedgehog salmon marten crane".split()
PLACES = "river harbour orchard quarry meadow lighthouse station chapel windmill bakery library bridge".split()
DEEDS = "sleeps hunts waits sings hides builds listens swims".split()
TIMES = "at dawn, at noon, in the evening, after rain, in winter, before the storm".split(", ")


def make_rows(rng):
    """Questions with the sentence that answers them, and one that answers another."""
    rows = []
    for i in range(ROWS):
        animal, place = ANIMALS[i % 12], PLACES[(i * 5 + i // 12) % 12]
        deed, time = rng.choice(DEEDS), rng.choice(TIMES)
        other = PLACES[(i * 5 + i // 12 + 1 + int(rng.integers(11))) % 12]
        question = [f"What does the {animal} do near the {place}?", f"{animal} and {place}", f"The {animal}: {time}?"][i % 3]
        rows.append(
            dict(
                anchor=question,
                positive=f"Near the {place} the {animal} {deed} {time}.",
                negative=f"The {animal} was never seen at the {other}; nobody knows where it {deed}.",
                score=round(float(rng.random()), 3),
            )
        )
    return rows


class InOrder(BatchSampler):
    def __init__(self, order):
        self.order = order

    def __iter__(self):
        return iter(self.order)

    def __len__(self):
        return len(self.order)


class ExactTrainer(SentenceTransformerTrainer):
    """Keeps every step's loss as it is: logs are rounded to four digits."""

    def compute_loss(self, *args, **kwargs):
        loss = super().compute_loss(*args, **kwargs)
        self.exact.append((loss[0] if isinstance(loss, tuple) else loss).item())
        return loss


def new_model(folder):
    config = ModernBertConfig(
        vocab_size=4096, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=2,
        max_position_embeddings=128, local_attention=16, bos_token_id=None, eos_token_id=None,
        cls_token_id=None, sep_token_id=None, pad_token_id=PAD,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    )
    config._attn_implementation = "eager"
    model = ModernBertModel(config)
    fill(model)
    shapes = {key: list(parameter.shape) for key, parameter in sorted(model.named_parameters())}
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (TOKENIZER / name).exists():
            shutil.copy(TOKENIZER / name, folder)
    config.architectures = ["ModernBertModel"]
    OUT.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(OUT)
    transformer = Transformer(str(folder), max_seq_length=LENGTH, model_kwargs={"attn_implementation": "eager"})
    return SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension(), "mean")], device="cpu"), shapes


def evaluators(rows):
    return {
        "triplet": TripletEvaluator(*([row[name] for row in rows] for name in ("anchor", "positive", "negative"))),
        "ir": InformationRetrievalEvaluator(
            {str(i): row["anchor"] for i, row in enumerate(rows)},
            {str(i): row["positive"] for i, row in enumerate(rows)},
            {str(i): {str(i)} for i in range(len(rows))},
        ),
        "similarity": EmbeddingSimilarityEvaluator(
            [row["anchor"] for row in rows], [row["positive"] for row in rows], [row["score"] for row in rows]
        ),
    }


def measured(model, rows):
    metrics = {name: {k: float(v) for k, v in evaluate(model).items()} for name, evaluate in evaluators(rows).items()}
    texts = [rows[0]["anchor"], rows[1]["positive"], rows[2]["negative"]]
    return {"metrics": metrics, "embeddings": model.encode(texts).tolist()}


def run(kind, rows, order, work):
    torch.manual_seed(0)
    folder = work / kind
    folder.mkdir()
    model, shapes = new_model(folder)
    names = ["anchor", "positive", "negative"] if kind == "triplets" else ["anchor", "positive", "score"]
    dataset = Dataset.from_list([{name: row[name] for name in names} for row in rows])
    loss = losses.MultipleNegativesRankingLoss(model) if kind == "triplets" else losses.CoSENTLoss(model)
    before = measured(model, rows)
    trainer = ExactTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(work / "out"), per_device_train_batch_size=BATCH, max_steps=STEPS, seed=1,
            learning_rate=SETTINGS["learningRate"], weight_decay=SETTINGS["weightDecay"],
            warmup_steps=SETTINGS["warmupSteps"], save_strategy="no", report_to="none", logging_steps=1000,
            disable_tqdm=True, batch_sampler=lambda *args, **kwargs: InOrder(order), use_cpu=True,
        ),
        train_dataset=dataset,
        loss=loss,
    )
    trainer.exact = []
    trainer.train()
    after = measured(model, rows)
    print(f"{kind}: {trainer.exact[0]:.4f} to {trainer.exact[-1]:.4f}, {len(trainer.exact)} steps")
    print({name: list(values.values())[-1] for name, values in before["metrics"].items()}, end=" -> ")
    print({name: list(values.values())[-1] for name, values in after["metrics"].items()})
    return {"losses": trainer.exact, "before": before, "after": after}, shapes


def main():
    rng = np.random.default_rng(7)
    rows = make_rows(rng)
    order = [[int(i) for i in rng.choice(ROWS, BATCH, replace=False)] for _ in range(STEPS)]
    with tempfile.TemporaryDirectory() as work:
        runs = {kind: run(kind, rows, order, Path(work)) for kind in ("triplets", "pairs")}
    shapes = runs["triplets"][1]
    fixture = {
        "settings": SETTINGS,
        "spread": SPREAD,
        "maxSeqLength": LENGTH,
        "weights": shapes,
        "rows": rows,
        "runs": {kind: result for kind, (result, _) in runs.items()},
    }
    (OUT / "curves.json").write_text(json.dumps(fixture) + "\n")
    (OUT / "order.json").write_text(json.dumps([row for batch in order for row in batch]) + "\n")


if __name__ == "__main__":
    main()
