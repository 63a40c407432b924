"""PyTorch's matrix products beside bench/matmul.bench.ts, as one JSON line of GFLOP/s.

    python matmul.py --threads 2 --shapes 2304x768x512 768x1152x512

A shape is out x in x tokens. Keys are "<dtype> <shape> <orientation>": 0 is x · Wᵀ, 1 is dy · W, 2 is dyᵀ · x,
each as torch.mm on operands of one dtype, into memory that is there. The figure is the median of --repeats. A product
that would take longer than --longest seconds, by the rate of the product before it, is left out.
"""

import argparse
import json
import statistics
import time

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--seconds", type=float, default=0.05, help="of one repeat, at least")
parser.add_argument("--longest", type=float, default=0.3, help="seconds of one product, at most")
parser.add_argument("--shapes", nargs="+", required=True)
args = parser.parse_args()
torch.set_num_threads(args.threads)


def seconds(run):
    run()
    begin = time.perf_counter()
    run()
    times = max(1, round(args.seconds / (time.perf_counter() - begin)))
    took = []
    for _ in range(args.repeats):
        begin = time.perf_counter()
        for _ in range(times):
            run()
        took.append((time.perf_counter() - begin) / times)
    return statistics.median(took)


results, slowest = {}, {}
for shape in args.shapes:
    out, width, tokens = map(int, shape.split("x"))
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(tokens, width).to(dtype)
        dy = torch.randn(tokens, out).to(dtype)
        w = torch.randn(out, width).to(dtype)
        products = [(x, w.t()), (dy, w), (dy.t(), x)]
        for i, (a, b) in enumerate(products):
            giga, like = 2 * out * width * tokens / 1e9, (dtype, i)
            if giga / slowest.get(like, float("inf")) > args.longest:
                continue
            y = torch.empty(a.shape[0], b.shape[1], dtype=dtype)
            rate = slowest[like] = giga / seconds(lambda: torch.mm(a, b, out=y))
            results[f"{str(dtype).split('.')[1]} {shape} {i}"] = round(rate, 1)
print(json.dumps(results))
