"""PyTorch beside bench/elementwise.bench.ts: one JSON line of milliseconds by op, the fastest of --repeats.

    python elementwise.py --dtype float32 --tokens 8192

The gated units are written as the models write them: chunk, activation, product. A backward time is that of
autograd alone, without the forward pass.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--tokens", type=int, default=8192)
parser.add_argument("--dim", type=int, default=1152)
parser.add_argument("--repeats", type=int, default=15)
args = parser.parse_args()

torch.manual_seed(0)
dtype = getattr(torch, args.dtype)
x, residual = torch.randn(2, args.tokens, args.dim).to(dtype)
both = torch.randn(args.tokens, 2 * args.dim).to(dtype)


def fastest(run):
    best = float("inf")
    for _ in range(args.repeats + 1):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def gated(activation):
    def forward(both):
        a, gate = both.chunk(2, dim=-1)
        return activation(a) * gate

    return forward


def backward(function, x, dy):
    x = x.clone().requires_grad_()
    y = function(x)
    return lambda: torch.autograd.grad(y, x, dy, retain_graph=True)


times = {}
with torch.no_grad():
    times["residual add"] = fastest(lambda: x + residual)
    for name, activation in (("geglu", F.gelu), ("swiglu", F.silu)):
        times[name] = fastest(lambda: gated(activation)(both))
    times["gelu"] = fastest(lambda: F.gelu(x))
    times["transpose"] = fastest(lambda: x.t().contiguous())
for name, activation in (("geglu", F.gelu), ("swiglu", F.silu)):
    times[f"{name} backward"] = fastest(backward(gated(activation), both, x))
times["gelu backward"] = fastest(backward(F.gelu, x, residual))
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), **times}))
