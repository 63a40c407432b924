"""The losses of 200 training steps of MLM, CLM and MNTP, for test/pretrain: writes test/fixtures/pretrain/.

  encoder/config.json, decoder/config.json   as transformers saves them
  curves.json                                data, settings, and the loss of every step for each objective
  order.json                                 the rows of the run, eight a step
  mlm.jsonl, mntp.jsonl                      the masks of every step

Models are transformers' (the model for MNTP is the encoder, its logits read one place earlier), in float32. The initial
weights are uniform numbers of mulberry32, so that any program can make them again. Rows become sequences as the recipe
prepares them (CLS before, SEP after for encoders), masks are those of transformers' collator: of the tokens that are not
special a share p is selected, 80 % of which become the mask token and 10 % a random one.

StableAdamW is written here from its formulas, step k = 1, 2, …:

    b = (beta - beta^k) / (1 - beta^k)              the debiased keep factors
    m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
    r = sqrt(mean(g^2 / max(v, eps^2)))             one number per tensor; q, k and v are one, as the recipe trains them
    rate = lr / max(1, r)
    p = p (1 - decay * rate / peak)                 fully decoupled; 0 for biases and vectors
    p = p - rate m / (sqrt(v) + eps)

and so is the schedule, at step t from 0: a rise to 1, a plateau, and a linear fall to `floor` at the end.

Run: python scripts/reference/pretrain_curves.py        pinned: torch 2.13.0, transformers 5.17.0, numpy 2
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from torch.nn import functional as F

OUT = Path(__file__).parents[2] / "test" / "fixtures" / "pretrain"
STEPS, BATCH, ROWS = 200, 8, 96
VOCABULARY, CLS, SEP, PAD, MASK, UNK, FIRST = 512, 1, 2, 0, 3, 4, 5
SHAPE = dict(
    vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=2,
    max_position_embeddings=64, local_attention=16, tie_word_embeddings=True,
    bos_token_id=CLS, cls_token_id=CLS, eos_token_id=SEP, sep_token_id=SEP, pad_token_id=PAD,
    rope_parameters={
        "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    },
)
SETTINGS = dict(learningRate=3e-3, betas=[0.9, 0.98], eps=1e-6, weightDecay=3e-4, warmup=20, decay=60, floor=0.02)
PROBABILITY = {"mlm": 0.3, "mntp": 0.15}
SPREAD = 0.035  # of the matrices: uniform in ± this


def mulberry32(seed, count):
    """Uniform numbers in [0, 1): state k is seed + k * 0x6d2b79f5."""
    state = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)) & np.uint64(0xFFFFFFFF)
    state = state.astype(np.uint32)
    with np.errstate(over="ignore"):
        mixed = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
        mixed ^= mixed + (mixed ^ (mixed >> np.uint32(7))) * (mixed | np.uint32(61))
    return (mixed ^ (mixed >> np.uint32(14))).astype(np.float64) / 2**32


def fill(model):
    """Norms 1; all else uniform, seeded by the parameter's place in the alphabet."""
    with torch.no_grad():
        for seed, (name, parameter) in enumerate(sorted(model.named_parameters()), start=1):
            if "norm" in name:
                parameter.fill_(1.0)
            else:
                values = (2 * mulberry32(seed, parameter.numel()) - 1) * SPREAD
                parameter.copy_(torch.from_numpy(values.astype(np.float32)).reshape(parameter.shape))


def make_rows(rng):
    """Texts of a small language: each token has a usual successor, and sometimes another follows."""
    successor = rng.permutation(np.arange(FIRST, VOCABULARY))
    common = rng.zipf(1.5, size=1 << 16)
    common = common[common < VOCABULARY - FIRST] + FIRST
    rows = []
    for _ in range(ROWS):
        row = [int(rng.choice(common))]
        for _ in range(int(rng.integers(5, 36))):
            row.append(int(successor[row[-1] - FIRST]) if rng.random() < 0.75 else int(rng.choice(common)))
        rows.append(row)
    rows[0] = [CLS, *rows[0][:9], SEP]  # one row comes with its special tokens
    return rows


def prepared(row, encoder):
    sequence = row if row[0] == CLS else [CLS, *row]
    return [*sequence, SEP] if encoder and sequence[-1] != SEP else sequence


def masked(sequence, p, rng):
    """Positions and what stands there."""
    positions, seen = [], []
    for t, token in enumerate(sequence):
        if token in (CLS, SEP, PAD, MASK, UNK) or rng.random() >= p:
            continue
        draw = rng.random()
        positions.append(t)
        seen.append(MASK if draw < 0.8 else int(rng.integers(VOCABULARY)) if draw < 0.9 else token)
    return positions, seen


def factor(step):
    s = SETTINGS
    if step < s["warmup"]:
        return step / s["warmup"]
    into = step - (STEPS - s["decay"])
    return 1.0 if into <= 0 else s["floor"] + (1 - s["floor"]) * (1 - into / s["decay"])


class StableAdamW:
    def __init__(self, model):
        self.tensors = {}  # the parameters that are one tensor in training; transformers' decoder has q, k and v apart
        for name, parameter in model.named_parameters():
            fused = name.replace("q_proj", "qkv").replace("k_proj", "qkv").replace("v_proj", "qkv")
            self.tensors.setdefault(fused, []).append(parameter)
        self.first = {p: torch.zeros_like(p) for p in model.parameters()}
        self.second = {p: torch.zeros_like(p) for p in model.parameters()}
        self.k = 0

    @torch.no_grad()
    def step(self, lr):
        self.k += 1
        b1, b2 = ((beta - beta**self.k) / (1 - beta**self.k) for beta in SETTINGS["betas"])
        eps, peak = SETTINGS["eps"], SETTINGS["learningRate"]
        for name, parameters in self.tensors.items():
            squares = []
            for p in parameters:
                m, v, g = self.first[p], self.second[p], p.grad
                m.mul_(b1).add_(g, alpha=1 - b1)
                v.mul_(b2).addcmul_(g, g, value=1 - b2)
                squares.append((g * g / v.clamp(min=eps**2)).flatten())
            rate = lr / max(1.0, torch.cat(squares).mean().sqrt().item())
            for p in parameters:
                decays = p.dim() > 1 and not name.endswith("bias")
                p.mul_(1 - (SETTINGS["weightDecay"] if decays else 0.0) * rate / peak)
                p.sub_(rate * self.first[p] / (self.second[p].sqrt() + eps))
                p.grad = None


def pack(sequences):
    """Padded on the right, with its mask."""
    longest = max(len(s) for s in sequences)
    ids = torch.full((len(sequences), longest), PAD)
    mask = torch.zeros(len(sequences), longest, dtype=torch.long)
    for i, s in enumerate(sequences):
        ids[i, : len(s)] = torch.tensor(s)
        mask[i, : len(s)] = 1
    return ids, mask


def curve(objective, rows, order):
    encoder = objective != "clm"
    name = "ModernBertForMaskedLM" if encoder else "ModernBertDecoderForCausalLM"
    config = (transformers.ModernBertConfig if encoder else transformers.ModernBertDecoderConfig)(**SHAPE)
    config._attn_implementation = "eager"
    model = getattr(transformers, name)(config)
    fill(model)
    shapes = {key: list(parameter.shape) for key, parameter in sorted(model.named_parameters())}
    model.train()
    folder = OUT / ("encoder" if encoder else "decoder")
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = [name]
    config.save_pretrained(folder)

    optimizer = StableAdamW(model)
    rng = np.random.default_rng(100)
    losses, masks = [], []
    for step in range(STEPS):
        sequences = [prepared(rows[i], encoder) for i in order[step]]
        inputs, places, targets = [list(s) for s in sequences], [], []
        if encoder:
            positions, seen = zip(*(masked(s, PROBABILITY[objective], rng) for s in sequences))
            masks.append({"step": step, "positions": positions, "tokens": seen})
            for b, sequence in enumerate(sequences):
                for t, token in zip(positions[b], seen[b]):
                    inputs[b][t] = token
                    places.append((b, t - 1 if objective == "mntp" else t))
                    targets.append(sequence[t])
        else:
            for b, sequence in enumerate(sequences):
                places += [(b, t) for t in range(len(sequence) - 1)]
                targets += sequence[1:]
        ids, attention_mask = pack(inputs)
        logits = model(input_ids=ids, attention_mask=attention_mask).logits
        b, t = torch.tensor(places).T
        loss = F.cross_entropy(logits[b, t], torch.tensor(targets))
        loss.backward()
        optimizer.step(SETTINGS["learningRate"] * factor(step))
        losses.append(loss.item())
    if masks:
        lines = [json.dumps(line, separators=(",", ":")) for line in masks]
        (OUT / f"{objective}.jsonl").write_text("\n".join(lines) + "\n")
    print(f"{objective}: {losses[0]:.4f} to {losses[-1]:.4f}")
    return losses, shapes


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(21)
    rows = make_rows(rng)
    shuffled = [i for _ in range(-(-STEPS * BATCH // ROWS)) for i in rng.permutation(ROWS).tolist()]
    order = [shuffled[step * BATCH : (step + 1) * BATCH] for step in range(STEPS)]
    curves = {objective: curve(objective, rows, order) for objective in ("mlm", "clm", "mntp")}
    fixture = {
        "made by": f"scripts/reference/pretrain_curves.py, torch {torch.__version__}, transformers {transformers.__version__}",
        "tokens": {"vocabSize": VOCABULARY, "cls": CLS, "sep": SEP, "pad": PAD, "mask": MASK, "unk": UNK},
        "spread": SPREAD,
        "settings": SETTINGS,
        "rows": rows,
        "weights": {"encoder": curves["mlm"][1], "decoder": curves["clm"][1]},
        "losses": {objective: losses for objective, (losses, _) in curves.items()},
    }
    (OUT / "order.json").write_text(json.dumps(shuffled[: STEPS * BATCH]) + "\n")
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fixture.items()]
    (OUT / "curves.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
