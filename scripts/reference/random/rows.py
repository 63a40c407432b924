"""Rows that Python's datasets picks by shuffle, train_test_split and shard: see README.md.

pinned: datasets 5.0.1
"""

import random

from cases import arguments, write
from datasets import Dataset


def draw(r):
    rows = r.choice([1, 2, 3, 5, 10, 17, 100, r.randint(1, 5000)])
    case = {"rows": rows, "call": r.choice(["shuffle", "trainTestSplit", "shard"])}
    if case["call"] == "shard":
        shards = r.randint(1, min(rows, 9))
        return case | {"options": {"numShards": shards, "index": r.randrange(shards), "contiguous": r.random() < 0.5}}
    options = {"seed": r.choice([0, 1, 42, r.getrandbits(31), r.getrandbits(32), r.getrandbits(52)])}
    if case["call"] == "trainTestSplit":
        size = lambda: r.choice([0.1, 0.25, 0.333, 0.5, r.random(), r.randint(1, max(1, rows - 1))])
        options["shuffle"] = r.random() < 0.8
        if r.random() < 0.8:
            options["testSize"] = size()
        if r.random() < 0.4:
            options["trainSize"] = size()
    return case | {"options": options}


def run(case):
    data = Dataset.from_dict({"row": list(range(case["rows"]))})
    options = case["options"]
    if case["call"] == "shuffle":
        return data.shuffle(seed=options["seed"])["row"][:]
    if case["call"] == "shard":
        return data.shard(options["numShards"], options["index"], contiguous=options["contiguous"])["row"][:]
    sizes = {name: options[ours] for name, ours in (("test_size", "testSize"), ("train_size", "trainSize")) if ours in options}
    parts = data.train_test_split(seed=options["seed"], shuffle=options["shuffle"], **sizes)
    return [parts["train"]["row"][:], parts["test"]["row"][:]]


def main():
    options = arguments(250)
    r = random.Random(options.seed)
    cases = []
    for _ in range(options.count):
        case = draw(r)
        try:
            case["expected"] = run(case)
        except ValueError as error:
            case["error"] = str(error)[:300]
        cases.append(case)
    write(options.out, cases)


main()
