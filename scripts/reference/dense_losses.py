"""Losses and gradients of Sentence Transformers for given embeddings, and for a small model's: writes
test/fixtures/dense/losses.json.

Embeddings are e[column, row, component] = sin(1 + 0.9 c + 1.7 i + 0.6 j + 0.1 i j (c + 1)), in float64. Each case has its
loss and the gradient of all embeddings. What a layered model gives was run in float32 on test/fixtures/models/
modernbert-mlm with mean pooling, and has the norm of all its parameters' gradients.

Run: python scripts/reference/dense_losses.py     pinned: torch 2.13.0, transformers 5.17.0, sentence-transformers 6.0.1
"""

import json
import math
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.losses.batch_hard_triplet import BatchHardTripletLossDistanceFunction
from sentence_transformers.sentence_transformer.losses.contrastive import SiameseDistanceMetric
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from sentence_transformers.util import euclidean_sim, manhattan_sim, pairwise_manhattan_sim
from torch import nn

ROOT = Path(__file__).parents[2]
OUT = ROOT / "test" / "fixtures" / "dense" / "losses.json"
F = [0.1, 0.9, 0.4, 0.6]
F2 = [0.5 * x - 0.2 for x in F]
F3 = [x * x for x in F]
UNTIED = [0.1, 0.85, 0.4, 0.7]  # no two of these and 1 less these are equal


def embeddings(columns, rows=4, dim=6, first=0):
    return [
        torch.tensor(
            [[math.sin(1 + 0.9 * c + 1.7 * i + 0.6 * j + 0.1 * i * j * (c + 1)) for j in range(dim)] for i in range(rows)],
            dtype=torch.float64,
            requires_grad=True,
        )
        for c in range(first, first + columns)
    ]


class Given(nn.Module):
    """A model whose embeddings are in the features."""

    def __init__(self, dim=6):
        super().__init__()
        self.dim = dim

    def forward(self, features):
        return {"sentence_embedding": features["row"]}

    def get_embedding_dimension(self):
        return self.dim


cases = {}


def case(name, loss, columns, labels=None, backward=None):
    value = loss([{"row": column} for column in columns], labels) if backward is None else backward()
    if isinstance(value, dict):
        value = sum(value.values())
    value.backward()
    cases[name] = {
        "loss": value.item(),
        "gradients": [[float(f"{x:.9g}") for x in column.grad.flatten().tolist()] for column in columns],
    }


def gist(columns, guides, cached=False, **options):
    """The loss on given embeddings: its models are not asked."""
    cls = losses.CachedGISTEmbedLoss if cached else losses.GISTEmbedLoss
    loss = cls.__new__(cls)
    nn.Module.__init__(loss)
    loss.__dict__.update(
        temperature=0.01, margin_strategy="absolute", margin=0.0, contrast_anchors=True, contrast_positives=True,
        gather_across_devices=False, must_retokenize=False, mini_batch_size=3, show_progress_bar=False)
    loss.__dict__.update(options)
    loss.similarity_fct = nn.CosineSimilarity(dim=-1)
    loss.cross_entropy_loss = nn.CrossEntropyLoss()
    if cached:
        return lambda: loss.calculate_loss([[c] for c in columns], [[g] for g in guides])
    loss.model = Given()
    loss.guide = lambda features: {"sentence_embedding": features["guide"]}
    return lambda: loss([{"row": c, "guide": g} for c, g in zip(columns, guides)], None)


model = Given()
model.device = "cpu"
f = torch.tensor(F, dtype=torch.float64)
wide = torch.tensor([F, F2, F3], dtype=torch.float64).T
everywhere = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")

for name, options in {
    "defaults": {}, "absolute 0.1": {"margin": 0.1}, "relative 0.2": {"margin": 0.2, "margin_strategy": "relative"},
    "pairs only": {"contrast_anchors": False, "contrast_positives": False, "temperature": 0.05},
}.items():
    for count in (2, 3):
        columns = embeddings(count)
        case(f"gist {name} {count}", None, columns, backward=gist(columns, embeddings(count, first=2), **options))
columns = embeddings(4)
case("gist cached 4", None, columns, backward=gist(columns, embeddings(4, first=2), cached=True))

case("angle odd", losses.AnglELoss(model), embeddings(2, dim=5), f)
case("angle negatives", losses.AnglELoss(model), embeddings(4), None)
case("angle negatives with labels", losses.AnglELoss(model), embeddings(3), torch.tensor(UNTIED, dtype=torch.float64))
case("mnrl two directions joint", losses.MultipleNegativesRankingLoss(model, directions=("query_to_doc", "doc_to_doc")), embeddings(4))
for mode in ("in_batch_negatives", "hard_negatives", "all_negatives"):
    case(f"mnrl {mode}", losses.MultipleNegativesRankingLoss(
        model, scale=2, hardness_mode=mode, hardness_strength=3, directions=everywhere), embeddings(4))
case("mnrl euclidean", losses.MultipleNegativesRankingLoss(model, scale=1, similarity_fct=euclidean_sim), embeddings(3))
case("mnrl manhattan", losses.MultipleNegativesRankingLoss(model, scale=1, similarity_fct=manhattan_sim), embeddings(2))  # a third has equal components
case("cosent manhattan", losses.CoSENTLoss(model, scale=2, similarity_fct=pairwise_manhattan_sim), embeddings(2), f)
case("cosent equal labels", losses.CoSENTLoss(model), embeddings(2), torch.tensor([0.5, 0.1, 0.5, 0.1], dtype=torch.float64))

for name, metric in {"euclidean": SiameseDistanceMetric.EUCLIDEAN, "manhattan": SiameseDistanceMetric.MANHATTAN}.items():
    case(f"contrastive {name} sum", losses.ContrastiveLoss(model, distance_metric=metric, margin=3, size_average=False), embeddings(2), torch.tensor([1, 0, 1, 0]))
for name, labels in {"one positive": [0, 1, 0, 0], "one negative": [1, 1, 1, 0], "positives": [1, 1, 1, 1], "negatives": [0, 0, 0, 0]}.items():
    loss = losses.OnlineContrastiveLoss(model, margin=0.9)
    case(f"online contrastive {name}", loss, embeddings(2), torch.tensor(labels))
for name, metric in {"cosine": TripletDistanceMetric.COSINE, "manhattan": TripletDistanceMetric.MANHATTAN}.items():
    case(f"triplet {name}", losses.TripletLoss(model, distance_metric=metric, triplet_margin=1), embeddings(3))

classes = torch.tensor([3, 7, 7, 3, 3, 5, 7, 3, 7])
for name, distance in {
    "euclidean": BatchHardTripletLossDistanceFunction.euclidean_distance,
    "cosine": BatchHardTripletLossDistanceFunction.cosine_distance,
}.items():
    margin = 0.5
    for cls in ("BatchAllTripletLoss", "BatchHardTripletLoss", "BatchSemiHardTripletLoss"):
        case(f"{cls} {name}", getattr(losses, cls)(model, distance_metric=distance, margin=margin), embeddings(1, rows=9), classes)
    case(f"BatchHardSoftMarginTripletLoss {name}", losses.BatchHardSoftMarginTripletLoss(model, distance_metric=distance), embeddings(1, rows=9), classes)

case("margin mse margins", losses.MarginMSELoss(model), embeddings(5), wide)
case("distill kl two temperatures", losses.DistillKLDivLoss(model, student_temperature=2, teacher_temperature=0.5), embeddings(4), wide)
absent = wide.clone()
absent[1, 2] = -math.inf
case("distill kl absent", losses.DistillKLDivLoss(model), embeddings(4), absent)
three = torch.stack([column.detach() for column in embeddings(2, first=5)], dim=1)
for distance in ("mse", "l2", "cosine"):
    case(f"embed distill {distance} per column", losses.EmbedDistillLoss(model, distance_metric=distance), embeddings(2), three)
case("mega batch margin", losses.MegaBatchMarginLoss(model, 0.9, -0.2, use_mini_batched_version=False), embeddings(2, rows=9))
case("gor sum", losses.GlobalOrthogonalRegularizationLoss(model, mean_weight=2, second_moment_weight=0.5, aggregation="sum"), embeddings(3))

teacher = embeddings(1, first=5)[0].detach()
case("matryoshka of mse", losses.MatryoshkaLoss(model, losses.MSELoss(model), [2, 6, 3], [0.5, 1, 2]), embeddings(2), teacher)
case("matryoshka of cosent", losses.MatryoshkaLoss(model, losses.CoSENTLoss(model), [4, 2]), embeddings(2), f)

for name, options in {"": {}, " with product": {"concatenation_sent_multiplication": True, "concatenation_sent_rep": False}}.items():
    loss = losses.SoftmaxLoss(model, 6, 3, **options).double()
    with torch.no_grad():
        weight = loss.classifier.weight
        weight.copy_(torch.tensor([[math.cos(1 + 0.7 * o + 0.3 * k) for k in range(weight.shape[1])] for o in range(3)]))
        loss.classifier.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    case(f"softmax{name}", loss, embeddings(2), torch.tensor([2, 0, 1, 2]))
    cases[f"softmax{name}"]["weightNorm"] = loss.classifier.weight.grad.norm().item()
    cases[f"softmax{name}"]["biasGradient"] = loss.classifier.bias.grad.tolist()

columns = embeddings(2)
case("contrastive tension", None, columns, backward=lambda: nn.BCEWithLogitsLoss(reduction="sum")((columns[0] * columns[1]).sum(-1), torch.tensor([1, 0, 1, 0]).double()))
columns = embeddings(2)
loss = losses.ContrastiveTensionLossInBatchNegatives(Given()).double()
loss.model1.forward = lambda features: {"sentence_embedding": columns[0]}
loss.model2.forward = lambda features: {"sentence_embedding": columns[1]}
case("contrastive tension in batch", loss, columns)
cases["contrastive tension in batch"]["scaleGradient"] = loss.logit_scale.grad.item()

# A layered model: two columns of three texts each, given as ids.
folder = ROOT / "test" / "fixtures" / "models" / "modernbert-mlm"
transformer = Transformer(str(folder), tokenizer_name_or_path=str(ROOT / "examples" / "tokenizer"))
layered = SentenceTransformer(modules=[transformer, Pooling(16, pooling_mode="mean")], device="cpu")
layered.train()
TEXTS = [[[1, 9, 33, 2], [1, 17, 2], [1, 40, 41, 42, 5, 2]], [[1, 8, 12, 60, 2], [1, 3, 2], [1, 7, 7, 2]]]


def features(texts):
    longest = max(map(len, texts))
    return {
        "input_ids": torch.tensor([text + [0] * (longest - len(text)) for text in texts]),
        "attention_mask": torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts]),
    }


def whole_model(name, loss):
    layered.zero_grad()
    value = loss([features(texts) for texts in TEXTS], None)
    value.backward()
    norm = math.sqrt(sum(p.grad.double().pow(2).sum().item() for p in layered.parameters() if p.grad is not None))
    cases[name] = {"loss": value.item(), "norm": norm}


ranking = lambda: losses.MultipleNegativesRankingLoss(layered)
whole_model("model mnrl", ranking())
whole_model("model adaptive layer", losses.AdaptiveLayerLoss(layered, ranking(), n_layers_per_step=-1))
whole_model("model adaptive layer linear", losses.AdaptiveLayerLoss(
    layered, ranking(), n_layers_per_step=-1, layer_weighting="linear", last_layer_weight=2, prior_layers_weight=0.5,
    kl_div_weight=3, kl_temperature=0.7))
whole_model("model matryoshka 2d", losses.Matryoshka2dLoss(layered, ranking(), [16, 8, 4], n_layers_per_step=-1, n_dims_per_step=-1))

OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps({"texts": TEXTS, "cases": cases}, indent=1).replace("\n     ", " ").replace("\n    ", " ") + "\n")
print(f"{len(cases)} cases in {OUT.relative_to(ROOT)}, {OUT.stat().st_size} bytes")
