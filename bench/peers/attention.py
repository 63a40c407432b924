"""PyTorch's scaled_dot_product_attention beside bench/attention.bench.ts, forward and backward.

Reads tasks from standard input, one JSON object a line, and answers each with a line:

    {"dtype": "float32", "heads": 12, "dim": 64, "lengths": [90, 64], "window": [64, 64], "repeats": 3, "threads": 2}
    {"ms": [41.2, 40.9, 41.0]}

q, k and v [sequences, heads, longest, dim] are given, already projected and rotated, each in memory of its own. Shorter
sequences are padded to the longest, and masked where there is padding or a window; the mask is made before the clock
starts. A repeat is one call and one backward pass.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F


def mask_of(lengths, window, dtype):
    longest = max(lengths)
    place = torch.arange(longest)
    seen = None
    if min(lengths) < longest:
        seen = (place < torch.tensor(lengths)[:, None])[:, None, None, :]
    if window:
        left, right = window
        apart = place[None, :] - place[:, None]
        near = ((apart >= -left) & (apart <= right))[None, None]
        seen = near if seen is None else seen & near
    return None if seen is None else torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, float("-inf"))


class Task:
    def __init__(self, task):
        dtype, lengths = getattr(torch, task["dtype"]), task["lengths"]
        shape = (len(lengths), task["heads"], max(lengths), task["dim"])
        self.q, self.k, self.v, self.dy = (torch.randn(shape).to(dtype) for _ in range(4))
        for x in (self.q, self.k, self.v):
            x.requires_grad_()
        self.mask = mask_of(lengths, task.get("window"), dtype)

    def run(self):
        begin = time.perf_counter()
        y = F.scaled_dot_product_attention(self.q, self.k, self.v, attn_mask=self.mask)
        y.backward(self.dy)
        took = time.perf_counter() - begin
        self.q.grad = self.k.grad = self.v.grad = None
        return 1e3 * took


def main():
    kept = {}
    for line in sys.stdin:
        task = json.loads(line)
        torch.set_num_threads(task["threads"])
        name = json.dumps([task[key] for key in ("dtype", "heads", "dim", "lengths")] + [task.get("window")])
        if name not in kept:
            kept = {name: Task(task)}  # only the one in use
            kept[name].run()
        print(json.dumps({"ms": [kept[name].run() for _ in range(task["repeats"])]}), flush=True)


main()
