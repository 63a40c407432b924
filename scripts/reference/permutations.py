"""Which rows Python picks, for test/core/data: writes test/fixtures/data/permutations.json.

`shuffle` and `train_test_split` are those of Hugging Face `datasets`; the loader's order is NumPy's PCG64DXSM, seeded
with seed + epoch, as MosaicML's loader does it. Draws of `numpy.random.Generator` stand beside them.

Run: python scripts/reference/permutations.py            pinned: numpy 2.4.6, datasets 5.0.1
"""

import json
from pathlib import Path

import numpy as np
from datasets import Dataset

SIZES = [1, 10, 1000]
SEEDS = [0, 12, 42, 2**31, 12345678901234567890, 2**130 + 7]
SPLITS = [0.1, 0.25, 0.333, 3, 0.9]
LARGE = 200_000


def shuffles():
    for n in SIZES:
        dataset = Dataset.from_dict({"row": list(range(n))})
        for seed in SEEDS[: 3 if n == 1000 else None]:
            yield {"n": n, "seed": str(seed), "rows": dataset.shuffle(seed=seed)["row"][:]}


def splits():
    for n in SIZES[1:]:
        dataset = Dataset.from_dict({"row": list(range(n))})
        for size in SPLITS[: 2 if n == 1000 else None]:
            parts = dataset.train_test_split(test_size=size, seed=12)
            yield {"n": n, "testSize": size, "seed": 12, "train": parts["train"]["row"][:], "test": parts["test"]["row"][:]}
    parts = Dataset.from_dict({"row": list(range(10))}).train_test_split(test_size=0.3, shuffle=False)
    yield {"n": 10, "testSize": 0.3, "shuffle": False, "train": parts["train"]["row"][:], "test": parts["test"]["row"][:]}


def loader_orders():
    for n in SIZES:
        for epoch in [0, 1]:
            rng = np.random.Generator(np.random.PCG64DXSM(21 + epoch))
            yield {"n": n, "seed": 21, "epoch": epoch, "rows": rng.permutation(n).tolist()}


def large():
    """Of long permutations the ends, and a sum that every place enters."""
    for bits in ["PCG64", "PCG64DXSM"]:
        rows = np.random.Generator(getattr(np.random, bits)(7)).permutation(LARGE)
        weighted = int((rows.astype(np.int64) * (np.arange(LARGE) % 1000)).sum())
        yield {"bits": bits, "n": LARGE, "seed": 7, "first": rows[:8].tolist(), "last": rows[-8:].tolist(), "weighted": weighted}


def draws():
    for bits in ["PCG64", "PCG64DXSM"]:
        rng = np.random.Generator(getattr(np.random, bits)(99))
        yield {
            "bits": bits,
            "seed": 99,
            "random": [rng.random() for _ in range(5)],
            "integers": [int(rng.integers(0, high)) for high in [1, 2, 7, 1000, 50368, 2**31, 2**32 - 1, 2**32]],
            "between": [int(rng.integers(-5, 6)) for _ in range(12)],
            "again": rng.random(),  # a kept half of 32 bits stays beside the draws of 64
            "few": rng.choice(1000, 5, replace=False).tolist(),
            "all": rng.choice(6, 6, replace=False).tolist(),
            "tail": rng.choice(10_001, 300, replace=False).tolist(),
            "none": rng.choice(5, 0, replace=False).tolist(),
        }
    rng = np.random.default_rng([21, 3])
    yield {"bits": "PCG64", "seed": [21, 3], "random": [rng.random() for _ in range(3)]}


if __name__ == "__main__":
    fixture = {
        "shuffles": list(shuffles()),
        "splits": list(splits()),
        "loader": list(loader_orders()),
        "large": list(large()),
        "draws": list(draws()),
    }
    path = Path(__file__).parents[2] / "test/fixtures/data/permutations.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fixture, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(path)
