"""PyTorch beside the benchmarks of heads and optimizers: one task, one JSON line.

    python heads.py linear-cross-entropy --dtype float32 --repeats 3
    python heads.py optimizer | max-sim

Each task does the same work on the same shapes as bench/<task>.bench.ts. Times in milliseconds, the median
of --repeats after one call that does not count.
"""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F


def median(run, repeats):
    run()
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        took.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(took)


def linear_cross_entropy(args):
    rows, vocabulary, dim = args.shape
    dtype = getattr(torch, args.dtype)
    x = torch.randn(rows, dim).to(dtype).requires_grad_()
    weight = (0.02 * torch.randn(vocabulary, dim)).requires_grad_()
    bias = torch.zeros(vocabulary, requires_grad=True)
    targets = torch.randint(0, vocabulary, (rows,))

    def step():
        x.grad = weight.grad = bias.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = F.cross_entropy(F.linear(x, weight, bias).float(), targets)
        loss.backward()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ms = median(step, args.repeats)
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - 4 * vocabulary * dim / 2**20
    return {"ms": ms, "extra_mb": extra}


def optimizer(args):
    shapes = [[50368, 768]] + 22 * [[2304, 768], [768, 768], [2304, 768], [768, 1152]] + 45 * [[768]]
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e-3)
    adamw = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01, fused=True)

    def step():
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adamw.step()

    return {"ms": median(step, args.repeats), "parameters": sum(p.numel() for p in parameters)}


def max_sim(args):
    queries, query_tokens, documents, document_tokens, dim = args.shape
    q = F.normalize(torch.randn(queries, query_tokens, dim), dim=-1).requires_grad_()
    d = F.normalize(torch.randn(documents, document_tokens, dim), dim=-1).requires_grad_()

    def step():
        q.grad = d.grad = None
        scores = torch.einsum("ash,bth->abst", q, d).max(dim=-1).values.sum(dim=-1)
        scores.backward(torch.ones_like(scores))

    return {"ms": median(step, args.repeats)}


TASKS = {
    "linear-cross-entropy": (linear_cross_entropy, [2048, 50368, 768]),
    "optimizer": (optimizer, []),
    "max-sim": (max_sim, [16, 32, 32, 180, 128]),
}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("task", choices=TASKS)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--shape", type=int, nargs="+")
args = parser.parse_args()
task, shape = TASKS[args.task]
args.shape = args.shape or shape
torch.manual_seed(0)
print(json.dumps({"task": args.task, "torch": torch.__version__, "threads": torch.get_num_threads(), **task(args)}))
