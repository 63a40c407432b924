"""The factors of transformers' schedules, step by step, at a learning rate of 1, for test/core/trainer.
Writes test/fixtures/schedules.json.

Run: python scripts/reference/schedules.py            pinned: transformers 5.17.0, torch 2.13.0
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import get_scheduler

TOTAL = 20
CASES = [  # the names and options of TrainingArguments, in this library's spelling where that differs
    {"type": "constant", "warmup": 0, "options": {}},
    {"type": "constant_with_warmup", "warmup": 4, "options": {}},
    {"type": "linear", "warmup": 0, "options": {}},
    {"type": "linear", "warmup": 6, "options": {}},
    {"type": "cosine", "warmup": 3, "options": {}},
    {"type": "cosine", "warmup": 3, "options": {"num_cycles": 1.5}},
    {"type": "cosine_with_restarts", "warmup": 2, "options": {}},
    {"type": "cosine_with_restarts", "warmup": 2, "options": {"num_cycles": 3}},
    {"type": "cosine_with_min_lr", "warmup": 3, "options": {"min_lr_rate": 0.1}},
    {"type": "cosine_with_min_lr", "warmup": 0, "options": {"min_lr": 0.25, "num_cycles": 1.5}},
    {"type": "polynomial", "warmup": 4, "options": {}},
    {"type": "polynomial", "warmup": 0, "options": {"power": 2.5, "lr_end": 0.125}},
    {"type": "inverse_sqrt", "warmup": 4, "options": {}},
    {"type": "inverse_sqrt", "warmup": 0, "options": {}},
    {"type": "inverse_sqrt", "warmup": 3, "options": {"timescale": 7}},
    {"type": "warmup_stable_decay", "warmup": 5, "options": {"num_decay_steps": 8}},
    {"type": "warmup_stable_decay", "warmup": 5, "options": {"num_decay_steps": 8, "decay_type": "linear", "min_lr_ratio": 0.1}},
    {"type": "warmup_stable_decay", "warmup": 0, "options": {"num_decay_steps": 20, "decay_type": "1-sqrt", "min_lr_ratio": 0.04}},
]


def factors(case):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    # warmup_stable_decay asks for the total or for the stable steps
    scheduler = get_scheduler(
        case["type"],
        optimizer,
        num_warmup_steps=case["warmup"],
        num_training_steps=TOTAL,
        scheduler_specific_kwargs=case["options"] or None,
    )
    found = []
    for _ in range(TOTAL):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def main():
    fixture = {
        "made by": f"scripts/reference/schedules.py, transformers {transformers.__version__}, torch {torch.__version__}",
        "total": TOTAL,
        "cases": [{**case, "factors": factors(case)} for case in CASES],
    }
    path = Path(__file__).parents[2] / "test" / "fixtures" / "schedules.json"
    path.write_text(json.dumps(fixture, indent=1) + "\n")


main()
