"""Small files as Python's libraries write them, for test/core/formats: writes test/fixtures/data/files/.

Rows with every kind of value, and what they are in rows.json: Parquet by pyarrow with each compression, in two row
groups; Arrow IPC as a stream and as a file; a DatasetDict that `datasets` saved; JSON lines packed by Zstandard in two
frames; an order of rows as .npy.

Run: python scripts/reference/data_files.py            pinned: pyarrow 25.0.1, datasets 5.0.1, numpy 2.4.6
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict

FOLDER = Path(__file__).parents[2] / "test/fixtures/data/files"

ROWS = [
    {
        "text": text,
        "id": number,
        "score": score,
        "label": number % 3,
        "flag": number % 2 == 0,
        "tokens": list(range(number)),
        "tags": tags,
        "meta": {"lang": "en", "n": number},
        "weights": [0.5 * number, -1.25],
    }
    for number, (text, score, tags) in enumerate(
        [
            ("one", 0.5, ["a"]),
            ("zwei: größer", None, []),
            (None, -2.25, ["b", "c"]),
            ("", 1e-3, None),
            ("四 🙂", 3.0, ["ü"]),
        ]
    )
]

SCHEMA = pa.schema(
    {
        "text": pa.string(),
        "id": pa.int64(),
        "score": pa.float64(),
        "label": pa.int32(),
        "flag": pa.bool_(),
        "tokens": pa.list_(pa.int32()),
        "tags": pa.list_(pa.string()),
        "meta": pa.struct({"lang": pa.string(), "n": pa.int64()}),
        "weights": pa.list_(pa.float32()),
    }
)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "rows.json").write_text(json.dumps(ROWS, ensure_ascii=False, indent=1) + "\n")
    table = pa.Table.from_pylist(ROWS, SCHEMA)
    for compression in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pq.write_table(table, FOLDER / f"{compression}.parquet", compression=compression, row_group_size=3)
    with pa.ipc.new_stream(FOLDER / "stream.arrow", SCHEMA) as stream:
        stream.write_table(table, max_chunksize=2)
    with pa.ipc.new_file(FOLDER / "file.arrow", SCHEMA) as file:
        file.write_table(table, max_chunksize=2)
    with pa.ipc.new_file(FOLDER / "zstd.arrow", SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        file.write_table(table)

    rows = Dataset.from_list([{"text": row["text"], "label": row["label"]} for row in ROWS])
    DatasetDict({"train": rows.select([0, 1, 2]), "test": rows.select([3, 4])}).save_to_disk(FOLDER / "saved")

    lines = "".join(json.dumps({"text": row["text"], "id": row["id"]}) + "\n" for row in ROWS).encode()
    codec = pa.Codec("zstd")
    packed = [codec.compress(part, asbytes=True) for part in (lines[:40], lines[40:])]
    (FOLDER / "rows.jsonl.zst").write_bytes(b"".join(packed))

    np.save(FOLDER / "flat.npy", np.array([4, 0, 3, 1, 2], dtype=np.int64))
    np.save(FOLDER / "batches.npy", np.array([[4, 0], [3, 1]], dtype=np.int32))
    print(FOLDER)


if __name__ == "__main__":
    main()
