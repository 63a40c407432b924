"""Reads the events files of a run with TensorBoard and compares them with the run's metrics.jsonl.

Run: python scripts/reference/tensorboard_check.py FOLDER            pinned: tensorboard 2.21.0, numpy 2
"""

import json
import sys
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    read = {tag: {e.step: e.value for e in accumulator.Scalars(tag)} for tag in accumulator.Tags()["scalars"]}
    compared = 0
    for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        evaluation = any(name.startswith("eval_") for name in record)
        for name, value in record.items():
            measured = {"step", "time", "epoch", "rss", "memory", "memory_peak", "tokens_per_second"}
            if name in measured or (evaluation and not name.startswith("eval_")) or not isinstance(value, (int, float)):
                continue  # each reporter measures these for itself
            tag = f"eval/{name[5:]}" if name.startswith("eval_") else f"train/{name}"
            assert read[tag][record["step"]] == float(np.float32(value)), (tag, record["step"])
            compared += 1
    print(f"{compared} values agree, tags {sorted(read)}, tensors {accumulator.Tags()['tensors']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
