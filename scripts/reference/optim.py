"""Ten and a hundred steps of AdamW and of StableAdamW, for test/core/optim: writes test/fixtures/optim.json.

AdamW and the clipping are PyTorch's own. StableAdamW is written here from its formulas, in float64:

    b = (beta - beta^k) / (1 - beta^k)              the debiased keep factors of step k
    m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
    r = sqrt(mean(g^2 / max(v, eps^2)))             one number per tensor
    rate = lr / max(1, r)
    p = p (1 - decay * rate) - rate m / (sqrt(v) + eps)

with decay = weight_decay, or weight_decay / max_lr where the learning rate is decoupled.

The hundred steps are in float64 throughout: PyTorch's AdamW on float64 tensors, and the formulas above. Their gradients
come from a generator that the test has too (mulberry32), so that the file stays small.

Run: python scripts/reference/optim.py            pinned: torch 2.13.0, numpy 2
"""

import json
from pathlib import Path

import numpy as np
import torch

STEPS = 10
SHAPES = [[5], [3, 7], [33]]
GROUPS = [  # parameters by number
    {"parameters": [0, 2], "weightDecay": 0.0, "learningRate": 0.02},
    {"parameters": [1], "weightDecay": 0.1, "learningRate": 0.01},
]
BETAS, EPS, MAX_NORM = (0.9, 0.98), 1e-6, 2.5


HUNDRED = {"steps": 100, "seed": 2026, "shapes": [[7], [5, 9], [64]]}


def uniforms(seed):
    """Numbers in [0, 1): mulberry32."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        t = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        yield ((t ^ (t >> 14)) & 0xFFFFFFFF) / 2**32


def hundred_inputs():
    """Start and gradients, each 2u - 1; the gradients of step s times 10 to the power of s mod 5 - 3, as float32."""
    u = uniforms(HUNDRED["seed"])
    draw = lambda shape, scale: np.array([scale * (2 * next(u) - 1) for _ in range(int(np.prod(shape)))], np.float32)
    start = [draw(shape, 1.0).reshape(shape) for shape in HUNDRED["shapes"]]
    scales = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
    gradients = [
        [draw(shape, scales[s % 5]).reshape(shape) for shape in HUNDRED["shapes"]] for s in range(HUNDRED["steps"])
    ]
    return start, gradients


def hundred_rate(step):
    """The factor of this step: ten up, then a line down to a tenth."""
    return (step + 1) / 10 if step < 10 else 1.0 - 0.9 * (step - 10) / 90


def hundred_adamw(start, gradients):
    parameters = [torch.nn.Parameter(torch.from_numpy(p.astype(np.float64))) for p in start]
    groups = [
        {"params": [parameters[i] for i in g["parameters"]], "weight_decay": g["weightDecay"], "lr": g["learningRate"]}
        for g in GROUPS
    ]
    optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=EPS, foreach=False)
    for s, step in enumerate(gradients):
        for parameter, gradient in zip(parameters, step):
            parameter.grad = torch.from_numpy(gradient.astype(np.float64))
        for group, own in zip(optimizer.param_groups, GROUPS):
            group["lr"] = own["learningRate"] * hundred_rate(s)
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


def learning_rates(step):
    """A schedule that moves: the factor of this step."""
    return 1.0 - 0.05 * step


def make_inputs():
    rng = np.random.default_rng(7)
    start = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    scale = [0.1, 3.0, 0.2, 1.0, 0.01, 5.0, 0.3, 1.0, 0.5, 2.0]  # some steps are clipped, some are not
    gradients = [[(scale[s] * rng.normal(size=shape)).astype(np.float32) for shape in SHAPES] for s in range(STEPS)]
    return start, gradients


def adamw(start, gradients, max_norm):
    parameters = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in start]
    optimizer = torch.optim.AdamW(
        [
            {"params": [parameters[i] for i in g["parameters"]], "weight_decay": g["weightDecay"], "lr": g["learningRate"]}
            for g in GROUPS
        ],
        betas=BETAS,
        eps=EPS,
        foreach=False,
    )
    norms = []
    for s in range(STEPS):
        for parameter, gradient in zip(parameters, gradients[s]):
            parameter.grad = torch.from_numpy(gradient.copy())
        if max_norm is not None:
            norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, max_norm)))
        for group, own in zip(optimizer.param_groups, GROUPS):
            group["lr"] = own["learningRate"] * learning_rates(s)
        optimizer.step()
    return [p.detach().numpy() for p in parameters], norms


def stable_adamw(start, gradients, decoupled, rates=learning_rates):
    parameters = [p.astype(np.float64) for p in start]
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    max_lr = GROUPS[0]["learningRate"]
    for s in range(len(gradients)):
        k = s + 1
        b1, b2 = ((beta - beta**k) / (1 - beta**k) for beta in BETAS)
        for group in GROUPS:
            for i in group["parameters"]:
                g = gradients[s][i].astype(np.float64)
                first[i] = b1 * first[i] + (1 - b1) * g
                second[i] = b2 * second[i] + (1 - b2) * g * g
                r = np.sqrt(np.mean(g * g / np.maximum(second[i], EPS**2)))
                rate = group["learningRate"] * rates(s) / max(1.0, r)
                decay = group["weightDecay"] / max_lr if decoupled else group["weightDecay"]
                parameters[i] = parameters[i] * (1 - decay * rate) - rate * first[i] / (np.sqrt(second[i]) + EPS)
    return parameters


def plain(arrays):
    return [[float(np.float32(x)) for x in np.ravel(a)] for a in arrays]


def main():
    start, gradients = make_inputs()
    clipped, norms = adamw(start, gradients, MAX_NORM)
    hundred_start, hundred_gradients = hundred_inputs()
    hundred = {
        **HUNDRED,
        "firstGradient": plain(hundred_gradients[0])[0],
        "adamw": plain(hundred_adamw(hundred_start, hundred_gradients)),
        "stableAdamw": plain(stable_adamw(hundred_start, hundred_gradients, False, hundred_rate)),
        "stableAdamwDecoupled": plain(stable_adamw(hundred_start, hundred_gradients, True, hundred_rate)),
    }
    fixture = {
        "made by": f"scripts/reference/optim.py, torch {torch.__version__}, numpy {np.__version__}",
        "shapes": SHAPES,
        "groups": GROUPS,
        "betas": BETAS,
        "eps": EPS,
        "maxNorm": MAX_NORM,
        "factors": [learning_rates(s) for s in range(STEPS)],
        "start": plain(start),
        "gradients": [plain(step) for step in gradients],
        "adamw": plain(adamw(start, gradients, None)[0]),
        "adamwClipped": plain(clipped),
        "norms": norms,
        "stableAdamw": plain(stable_adamw(start, gradients, False)),
        "stableAdamwDecoupled": plain(stable_adamw(start, gradients, True)),
        "hundred": hundred,
    }
    path = Path(__file__).parents[2] / "test" / "fixtures" / "optim.json"
    path.parent.mkdir(exist_ok=True)
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fixture.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
