"""PyTorch on a GPU, at its best, for bench/gpu.bench.ts: packed sequences of one length, so that nothing is padded.

    python gpu.py mlm-train --size 150m --sequences 64 --length 1024 --steps 10 --json

    python gpu.py dense-train --size 17m --sequences 256 --length 256 --json

The encoder is written here in plain PyTorch: layers compiled one by one (they share their code, so compiling takes
seconds), scaled_dot_product_attention in global layers, flex_attention with a block mask in windowed ones, the head on
scored rows only, fused AdamW. `--model transformers` runs ModernBERT of the transformers library instead. Where a
variant does not run, the reason is printed and the others go on; the figure is the fastest one's.

`dense-train` is a step of ranking pairs (mean pooling, in-batch negatives) as Sentence Transformers takes it: ModernBERT
of the transformers library on texts of real lengths, padded to the longest; tokens are counted without the padding.

Prints one JSON line: tokens_per_s, step_ms, first_step_s, peak_mb (allocated), reserved_mb, variant.
"""
import argparse
import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# layers, hidden, intermediate, heads
SIZES = {
    "17m": (7, 256, 384, 4),
    "32m": (10, 384, 576, 6),
    "68m": (19, 512, 768, 8),
    "150m": (22, 768, 1152, 12),
    "400m": (28, 1024, 2624, 16),
    "1b": (28, 1792, 3840, 28),
}
VOCABULARY = 50368
WINDOW = 64  # on each side
MASKED = 0.3


def rotary_table(length, dim, base, device):
    angles = torch.outer(
        torch.arange(length, device=device).float(),
        base ** (-torch.arange(0, dim, 2, device=device).float() / dim),
    )
    return torch.cat([angles, angles], dim=-1)


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return (x * cos + turned * sin).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, hidden, intermediate, heads, first):
        super().__init__()
        self.heads = heads
        self.before_attention = nn.Identity() if first else nn.LayerNorm(hidden, bias=False)
        self.qkv = nn.Linear(hidden, 3 * hidden, bias=False)
        self.out = nn.Linear(hidden, hidden, bias=False)
        self.before_mlp = nn.LayerNorm(hidden, bias=False)
        self.up = nn.Linear(hidden, 2 * intermediate, bias=False)
        self.down = nn.Linear(intermediate, hidden, bias=False)

    def forward(self, x, cos, sin, attend):
        batch, length, hidden = x.shape
        qkv = self.qkv(self.before_attention(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, hidden))
        gate, value = self.up(self.before_mlp(x)).chunk(2, dim=-1)
        return x + self.down(F.gelu(gate) * value)


def windowed(attention, length, device):
    """Attention of 64 tokens on each side, by flex_attention or by a mask."""
    if attention == "sdpa":
        place = torch.arange(length, device=device)
        mask = (place[:, None] - place[None, :]).abs() <= WINDOW
        return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    block = create_block_mask(lambda b, h, q, k: (q - k).abs() <= WINDOW, None, None, length, length, device=device)
    return lambda q, k, v: flex_attention(q, k, v, block_mask=block)


class Encoder(nn.Module):
    def __init__(self, size, attention, length, device, compiled):
        super().__init__()
        layers, hidden, intermediate, heads = SIZES[size]
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.norm = nn.LayerNorm(hidden, bias=False)
        self.layers = nn.ModuleList(Layer(hidden, intermediate, heads, i == 0) for i in range(layers))
        self.last_norm = nn.LayerNorm(hidden, bias=False)
        self.dense = nn.Linear(hidden, hidden, bias=False)
        self.head_norm = nn.LayerNorm(hidden, bias=False)
        self.head_bias = nn.Parameter(torch.zeros(VOCABULARY))
        self.to(device)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        self.tables = [rotary_table(length, hidden // heads, base, device) for base in (160000.0, 10000.0)]
        self.attend = [lambda q, k, v: F.scaled_dot_product_attention(q, k, v), windowed(attention, length, device)]
        if compiled:
            for layer in self.layers:
                layer.compile()
            self.loss = torch.compile(self.loss)

    def encode(self, ids):
        x = self.norm(self.embedding(ids)).to(torch.bfloat16)
        for i, layer in enumerate(self.layers):
            local = int(i % 3 != 0)
            table = self.tables[local]
            x = layer(x, table.cos(), table.sin(), self.attend[local])
        return self.last_norm(x)

    def loss(self, hidden, targets):
        x = self.head_norm(F.gelu(self.dense(hidden)))
        return F.cross_entropy(F.linear(x, self.embedding.weight, self.head_bias).float(), targets)

    def forward(self, ids, rows, targets):
        return self.loss(self.encode(ids).flatten(0, 1)[rows], targets)


class Transformers(nn.Module):
    """ModernBERT of the transformers library, its own loss on its own sparse positions."""

    def __init__(self, size, attention, device, compiled):
        super().__init__()
        from transformers import ModernBertConfig, ModernBertForMaskedLM

        layers, hidden, intermediate, heads = SIZES[size]
        config = ModernBertConfig(
            vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=layers,
            num_attention_heads=heads, local_attention=2 * WINDOW, global_attn_every_n_layers=3,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, sparse_prediction=True,
        )
        config._attn_implementation = attention
        self.model = ModernBertForMaskedLM(config).to(device)
        if compiled:
            self.model = torch.compile(self.model)

    def forward(self, ids, rows, targets):
        labels = torch.full_like(ids, -100).flatten()
        labels[rows] = targets
        return self.model(input_ids=ids, labels=labels.view_as(ids)).loss


def variants(args, device):
    if args.task == "dense-train":
        for attention in ("flash_attention_2", "sdpa"):
            for compiled in (False, True) if args.compile else (False,):
                name = f"transformers {attention}{', compiled' if compiled else ''}"
                yield name, lambda a=attention, c=compiled: Retriever(args.size, a, device, c)
        return
    if args.model == "transformers":
        for attention in ("flash_attention_2", "sdpa"):
            yield f"transformers {attention}", lambda a=attention: Transformers(args.size, a, device, args.compile)
        return
    for attention in ("flex", "sdpa"):
        yield attention, lambda a=attention: Encoder(args.size, a, args.length, device, args.compile)


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def train(model, args, device):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device.type == "cuda")
    generator = torch.Generator(device="cpu").manual_seed(1)
    tokens = args.sequences * args.length
    scored = int(tokens * MASKED)
    seconds, first = [], None
    for step in range(args.warmup + args.steps):
        ids = torch.randint(5, 50000, (args.sequences, args.length), generator=generator).to(device)
        rows = torch.randperm(tokens, generator=generator)[:scored].sort().values.to(device)
        targets = ids.flatten()[rows]
        synchronize(device)
        start = time.perf_counter()
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = model(ids, rows, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        value = loss.item()
        synchronize(device)
        if not math.isfinite(value):
            raise RuntimeError(f"loss {value}")
        took = time.perf_counter() - start
        first = took if first is None else first
        if step >= args.warmup:
            seconds.append(took)
    return tokens / statistics.median(seconds), seconds, first


def encode(model, args, device):
    """Sequences of one length through the encoder alone, mean of its rows."""
    seconds, first = [], None
    ids = torch.randint(5, 50000, (args.sequences, args.length), device=device)
    model.eval()
    for step in range(args.warmup + args.steps):
        synchronize(device)
        start = time.perf_counter()
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
            F.normalize(model.encode(ids).float().mean(dim=1), dim=-1).cpu()
        took = time.perf_counter() - start
        first = took if first is None else first
        if step >= args.warmup:
            seconds.append(took)
    return args.sequences * args.length / statistics.median(seconds), seconds, first


class Retriever(nn.Module):
    def __init__(self, size, attention, device, compiled):
        super().__init__()
        self.model = Transformers(size, attention, device, False).model.model
        if compiled:
            self.model = torch.compile(self.model, dynamic=True)

    def forward(self, ids, mask):
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1)
        return F.normalize((hidden * kept).sum(dim=1).float() / kept.sum(dim=1), dim=-1)


def real_lengths(count, longest, step):
    with open(os.path.join(os.path.dirname(__file__), "..", "data", "lengths.json")) as file:
        lengths = json.load(file)["lengths"]
    return [min(longest, lengths[(step * count + i) % len(lengths)]) for i in range(count)]


def train_pairs(model, args, device):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=device.type == "cuda")
    half = args.sequences // 2
    rates, seconds, first = [], [], None
    for step in range(args.warmup + args.steps):
        lengths = real_lengths(2 * half, args.length, step)
        columns = []
        for column in (lengths[:half], lengths[half:]):
            mask = torch.arange(max(column))[None, :] < torch.tensor(column)[:, None]
            ids = torch.randint(5, 50000, mask.shape) * mask
            columns.append((ids.to(device), mask.long().to(device)))
        synchronize(device)
        start = time.perf_counter()
        with torch.autocast(device.type, dtype=torch.bfloat16):
            queries, documents = (model(ids, mask) for ids, mask in columns)
        scores = 20 * queries @ documents.T
        loss = F.cross_entropy(scores, torch.arange(half, device=device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        value = loss.item()
        took = time.perf_counter() - start
        if not math.isfinite(value):
            raise RuntimeError(f"loss {value}")
        first = took if first is None else first
        if step >= args.warmup:
            seconds.append(took)
            rates.append(sum(lengths) / took)
    return statistics.median(rates), seconds, first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["mlm-train", "encode", "dense-train"])
    parser.add_argument("--size", choices=SIZES, default="17m")
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=4)
    parser.add_argument("--model", choices=["own", "transformers"], default="own")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    device = torch.device(args.device)
    torch.manual_seed(1)
    best = None
    for name, build in variants(args, device):
        try:
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            model = build()
            run = {"mlm-train": train, "encode": encode, "dense-train": train_pairs}[args.task]
            rate, seconds, first = run(model, args, device)
        except Exception as error:  # another variant may run
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:200]}", file=sys.stderr)
            continue
        found = {
            "tokens_per_s": rate,
            "step_ms": 1e3 * statistics.median(seconds),
            "first_step_s": first,
            "variant": name,
            "torch": torch.__version__,
        }
        if device.type == "cuda":
            found["peak_mb"] = torch.cuda.max_memory_allocated() / 1e6
            found["reserved_mb"] = torch.cuda.max_memory_reserved() / 1e6
        print(f"{name}: {rate:,.0f} tokens/s", file=sys.stderr)
        if best is None or rate > best["tokens_per_s"]:
            best = found
        del model
    if best is None:
        sys.exit("no variant ran")
    print(json.dumps(best))


main()
