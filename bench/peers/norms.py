"""PyTorch beside the benchmarks of norms and softmax: one task, one JSON line.

    python norms.py norm --threads 2 --shapes 8192x768
    python norms.py softmax --threads 2 --shapes 8192x1024

Milliseconds of a forward and a backward pass, the fastest of nine after one that does not count. bfloat16 runs on
bfloat16 activations with float32 weights cast beforehand, as PyTorch's norms ask for.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F


def fastest(run, repeats=9):
    run()
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def both(forward, inputs, dy):
    def step():
        for tensor in inputs:
            tensor.grad = None
        forward().backward(dy)

    return fastest(step)


def norm(T, C, dtype):
    x, r, dy = (torch.randn(T, C, dtype=dtype) for _ in range(3))
    w, b = (torch.randn(C, dtype=dtype) for _ in range(2))
    inputs = [t.requires_grad_() for t in (x, r, w, b)]

    def add_layer_norm():
        s = x + r
        return F.layer_norm(s, (C,), w, b) + s

    return {
        "layerNorm": both(lambda: F.layer_norm(x, (C,), w, b), inputs, dy),
        "addLayerNorm": both(add_layer_norm, inputs, dy),
        "rmsNorm": both(lambda: F.rms_norm(x, (C,), w, 1e-6), inputs, dy),
    }


def softmax(N, C, dtype):
    x, dy = (torch.randn(N, C, dtype=dtype) for _ in range(2))
    x.requires_grad_()
    return {
        "softmax": both(lambda: F.softmax(x, -1), [x], dy),
        "logSoftmax": both(lambda: F.log_softmax(x, -1), [x], dy),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["norm", "softmax"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shapes", nargs="+", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    milliseconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        for shape in args.shapes:
            task = {"norm": norm, "softmax": softmax}[args.task]
            for kind, ms in task(*map(int, shape.split("x")), dtype).items():
                milliseconds[f"{str(dtype).removeprefix('torch.')} {kind} {shape}"] = ms
    print(json.dumps(milliseconds))


main()
