"""Tiny checkpoints with the numbers that transformers gives for them: writes test/fixtures/models/.

Each folder is a model as transformers saves it, with

  case.json              class, batch, targets, and how far PyTorch's own bfloat16 runs are from its float32 run
  expected.safetensors   float32: logits of every token (or text), the loss, gradients under the names of the file

Texts are run one at a time, so there is no padding in the numbers either. The loss is the mean over all targets. Every
model has four layers or more, so local and global attention alternate, and a window smaller than the longest text.

Run: python scripts/reference/models.py          pinned: torch 2.13.0, transformers 5.17.0, safetensors 0.8.0
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch.nn import functional as F

OUT = Path(__file__).parents[2] / "test" / "fixtures" / "models"
LENGTHS = [23, 1, 12]  # of the texts whose every token counts
CLASSIFIED = [23, 1, 12, 7, 15, 2, 9, 18, 5, 30, 11, 3]
VOCABULARY = 64

MODERNBERT = dict(
    vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=4, num_attention_heads=2,
    max_position_embeddings=64, local_attention=8,
    bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2, pad_token_id=0,
)
BASES = dict(rope_parameters={
    "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
})
BIASES = dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True)
BERT = dict(
    vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=4, num_attention_heads=2,
    max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)
LLAMA = dict(
    vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)


def old_keys(config):
    """The configuration as transformers 4 wrote it."""
    rope = config.pop("rope_parameters")
    config.pop("layer_types")
    config["global_attn_every_n_layers"] = 3
    config["global_rope_theta"] = rope["full_attention"]["rope_theta"]
    config["local_rope_theta"] = rope["sliding_attention"]["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    config["layer_norm_eps"] = 1e-3  # without effect: the eps is norm_eps
    config["position_embedding_type"] = "sans_pos"
    return config


def old_llama_keys(config):
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype")
    return config


CASES = {
    "modernbert-mlm": ("ModernBertForMaskedLM", {**MODERNBERT, **BASES}, {}),
    "modernbert-mlm-untied-biases-old-keys": (
        "ModernBertForMaskedLM",
        {**MODERNBERT, **BASES, **BIASES, "tie_word_embeddings": False},
        {"config": old_keys},
    ),
    "modernbert-sequence-mean": (
        "ModernBertForSequenceClassification",
        {**MODERNBERT, **BASES, "classifier_pooling": "mean", "num_labels": 3},
        {"labels": [2, 0, 1, 1, 2, 0, 0, 0, 2, 1, 2, 1]},
    ),
    "modernbert-sequence-regression": (
        "ModernBertForSequenceClassification",
        {**MODERNBERT, **BASES, "num_labels": 1, "hidden_size": 32, "num_hidden_layers": 5},
        {"labels": [0.5, -1.25, 2.0, 0.0, 1.5, -0.5, 3.0, -2.0, 0.25, 1.0, -0.75, 0.125]},
    ),
    "modernbert-token": (
        "ModernBertForTokenClassification", {**MODERNBERT, **BASES, "num_labels": 5, "norm_bias": True}, {}),
    "modernbert-decoder": ("ModernBertDecoderForCausalLM", {**MODERNBERT, **BASES}, {}),
    "modernbert-decoder-untied-biases-old-keys-sharded": (
        "ModernBertDecoderForCausalLM",
        {**MODERNBERT, **BASES, **BIASES, "tie_word_embeddings": False},
        {"config": lambda config: {**old_keys(config), "sliding_window": 3}, "shard": "20KB"},
    ),
    "modernbert-decoder-sequence": (
        "ModernBertDecoderForSequenceClassification",
        {**MODERNBERT, **BASES, "num_labels": 4, "problem_type": "multi_label_classification"},
        {"labels": [[b % 2, b // 2 % 2, b // 3 % 2, b // 5 % 2] for b in range(12)]},
    ),
    "bert-mlm": ("BertForMaskedLM", BERT, {}),
    "bert-sequence": ("BertForSequenceClassification", {**BERT, "num_labels": 3}, {"labels": [1, 1, 2, 0, 0, 2, 1, 2, 0, 0, 1, 2], "types": True}),
    "llama": ("LlamaForCausalLM", {**LLAMA, "rope_parameters": LLAMA3, "tie_word_embeddings": True}, {}),
    "llama-untied-biases-old-keys": (
        "LlamaForCausalLM",
        {**LLAMA, "rope_parameters": LLAMA3, "tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
        {"config": old_llama_keys},
    ),
}


def fill(model):
    """Weights for which every part of the model matters: sums of about 1, norms about 1, biases that show."""
    for name, parameter in model.named_parameters():
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data = 1 + 0.2 * torch.randn_like(parameter)
        elif parameter.dim() == 1:
            parameter.data = 0.2 * torch.randn_like(parameter)
        else:
            parameter.data = torch.randn_like(parameter) * parameter.shape[-1] ** -0.5


def targets_of(name, texts):
    """Rows of the packed batch, and the ids that they are to predict."""
    rows, ids, first = [], [], 0
    for text in texts:
        if "CausalLM" in name:
            rows += range(first, first + len(text) - 1)
            ids += text[1:]
        else:
            some = range(first, first + len(text), 3)
            rows += some
            ids += [(7 * row + 5) % (5 if "Token" in name else VOCABULARY) for row in some]
        first += len(text)
    return rows, ids


def run(model, texts, types, case):
    """Logits of all rows, the loss, and the gradient of each parameter."""
    model.zero_grad()
    outputs = []
    for b, text in enumerate(texts):
        inputs = {"input_ids": torch.tensor([text])}
        if types:
            inputs["token_type_ids"] = torch.tensor([types[b]])
        outputs.append(model(**inputs).logits[0])
    if "labels" in case:
        logits = torch.stack(outputs).float()
        labels = torch.tensor(case["labels"])
        if logits.shape[1] == 1:
            loss = F.mse_loss(logits[:, 0], labels)
        elif labels.dim() == 2:
            loss = F.binary_cross_entropy_with_logits(logits, labels.float())
        else:
            loss = F.cross_entropy(logits, labels)
    else:
        logits = torch.cat(outputs).float()
        loss = F.cross_entropy(logits[case["rows"]], torch.tensor(case["ids"]))
    loss.backward()
    gradients = {name: p.grad.float().clone() for name, p in model.named_parameters()}
    return logits.detach(), loss.detach(), gradients


def bfloat16_errors(architecture, folder, types, case):
    """How far PyTorch's bfloat16 gets from its float32: the worst of eight or more batches with its two kinds of attention.

    Root mean square of the logits' errors; norm of the gradients' error relative to their norm."""
    errors = {"logits": 0.0, "gradients": 0.0}
    load = lambda **options: architecture.from_pretrained(folder, **options).eval()
    exact = load(dtype=torch.float32)
    for attention in ["sdpa", "eager"]:
        model = load(dtype=torch.bfloat16, attn_implementation=attention)
        for shift in range(16 if "labels" in case else 8):  # the first batch is the case's own
            texts = [[(token - 3 + 13 * shift) % (VOCABULARY - 3) + 3 for token in text] for text in case["texts"]]
            logits, _, gradients = run(exact, texts, types, case)
            half_logits, _, half_gradients = run(model, texts, types, case)
            apart = sum(((half_gradients[n] - g) ** 2).sum() for n, g in gradients.items())
            whole = sum((g**2).sum() for g in gradients.values())
            errors["logits"] = max(errors["logits"], float((half_logits - logits).pow(2).mean().sqrt()))
            errors["gradients"] = max(errors["gradients"], float((apart / whole).sqrt()))
    return errors


def write(folder, name, config, extra):
    architecture = getattr(transformers, name)
    torch.manual_seed(len(folder.name))
    model = architecture._from_config(architecture.config_class(**config))
    fill(model)
    model.tie_weights()
    model.save_pretrained(folder, **({"max_shard_size": extra["shard"]} if "shard" in extra else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    path = folder / "config.json"
    if "config" in extra:
        path.write_text(json.dumps(extra["config"](json.loads(path.read_text())), indent=2, sort_keys=True) + "\n")

    texts = [[(5 + 7 * b + i * i * 11 + i * 3) % (VOCABULARY - 3) + 3 for i in range(n)]
             for b, n in enumerate(CLASSIFIED if "labels" in extra else LENGTHS)]
    types = [[int(2 * i >= len(text)) for i in range(len(text))] for text in texts] if extra.get("types") else None
    case = {"class": name, "texts": texts}
    if types:
        case["types"] = types
    if "labels" in extra:
        case["labels"] = extra["labels"]
    else:
        case["rows"], case["ids"] = targets_of(name, texts)

    model = architecture.from_pretrained(folder, dtype=torch.float32).eval()
    logits, loss, gradients = run(model, texts, types, case)
    case["bfloat16"] = bfloat16_errors(architecture, folder, types, case)
    case["made by"] = f"scripts/reference/models.py, torch {torch.__version__}, transformers {transformers.__version__}"
    (folder / "case.json").write_text(json.dumps(case) + "\n")
    save_file(
        {"logits": logits, "loss": loss.reshape(1), **{f"gradient.{n}": g for n, g in gradients.items()}},
        folder / "expected.safetensors",
    )


def main():
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    for case, (name, config, extra) in CASES.items():
        folder = OUT / case
        folder.mkdir(parents=True)
        write(folder, name, config, extra)
        numbers = json.loads((folder / "case.json").read_text())["bfloat16"]
        print(f"{case:55} bfloat16: {numbers}")
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file()):,} bytes")


main()
