"""Folders of MDS shards (MosaicML Streaming, version 2), written and read in plain Python from the layout alone.

    shard   uint32 n | uint32 offsets[n + 1], absolute | config JSON | samples          little-endian throughout
    sample  uint32 size of each column that varies | the values of the columns, sorted by name
    ndarray dtype byte if the encoding names none | (ndim << 2) | log2(bytes of a size), sizes, if it names no shape | values

Without arguments writes test/fixtures/mds: `plain` (every encoding, three shards), `zstd` and `gz` (compressed, no open
file), `merged` (two datasets under one index), and values.json with what they hold.

    python scripts/reference/mds.py              pinned: numpy 2, zstandard 0.25
    python scripts/reference/mds.py FOLDER       reads a folder by these rules, checks it, prints its rows as JSON lines
"""

import gzip
import hashlib
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "mds"
CODES = {
    "uint8": 8, "int8": 9, "uint16": 16, "int16": 17, "float16": 18, "uint32": 32, "int32": 33, "float32": 34,
    "uint64": 64, "int64": 65, "float64": 66,
}  # fmt: skip
SCALARS = {name: np.dtype(name) for name in CODES} | {"int": np.dtype("int64")}


def fixed_size(encoding):
    if encoding in SCALARS:
        return SCALARS[encoding].itemsize
    kind, *rest = encoding.split(":")
    if kind == "ndarray" and len(rest) == 2:
        return int(np.prod([int(d) for d in rest[1].split(",")])) * np.dtype(rest[0]).itemsize
    return None


def encode(encoding, value):
    if isinstance(value, bytes):
        return value
    if encoding in SCALARS:
        return np.array(value, SCALARS[encoding]).tobytes()
    if encoding.startswith("ndarray"):
        _, *rest = encoding.split(":")
        array = np.asarray(value, rest[0] if rest else None)
        out = b"" if rest else bytes([CODES[str(array.dtype)]])
        if len(rest) < 2:
            width = next(k for k in range(4) if max(array.shape) < 2 ** (8 * 2**k))
            out += bytes([array.ndim << 2 | width]) + np.array(array.shape, f"<u{2**width}").tobytes()
        return out + array.tobytes()
    if encoding == "json":
        return json.dumps(value).encode()
    return str(value).encode()


def decode(encoding, data):
    if encoding == "bytes":
        return list(data)
    if encoding in SCALARS:
        return np.frombuffer(data, SCALARS[encoding])[0].item()
    if encoding.startswith("ndarray"):
        _, *rest = encoding.split(":")
        if not rest:
            dtype, data = next(name for name, code in CODES.items() if code == data[0]), data[1:]
        else:
            dtype = rest[0]
        if len(rest) == 2:
            shape = [int(d) for d in rest[1].split(",")]
        else:
            ndim, width = data[0] >> 2, 2 ** (data[0] & 3)
            shape = np.frombuffer(data[1 : 1 + ndim * width], f"<u{width}")
            data = data[1 + ndim * width :]
        return np.frombuffer(data, dtype).reshape([int(d) for d in shape]).tolist()
    text = data.decode()
    return {"json": json.loads, "str_int": int, "str_float": float}.get(encoding, str)(text)


def write(folder, columns, rows, size_limit=1 << 26, compression=None, hashes=()):
    folder.mkdir(parents=True)
    names = sorted(columns)
    config = {
        "column_encodings": [columns[n] for n in names], "column_names": names,
        "column_sizes": [fixed_size(columns[n]) for n in names], "compression": compression, "format": "mds",
        "hashes": sorted(hashes), "size_limit": size_limit, "version": 2,
    }  # fmt: skip
    text = json.dumps(config, sort_keys=True).encode()
    shards, samples, size = [], [], 8 + len(text)

    def flush():
        offsets = np.cumsum([4 + 4 * (len(samples) + 1) + len(text)] + [len(s) for s in samples])
        raw = struct.pack("<I", len(samples)) + offsets.astype("<u4").tobytes() + text + b"".join(samples)
        name = f"shard.{len(shards):05}.mds"

        def entry(name, data):
            return {"basename": name, "bytes": len(data), "hashes": {h: hashlib.new(h, data).hexdigest() for h in sorted(hashes)}}

        packed = None
        if compression is None:
            (folder / name).write_bytes(raw)
        else:
            data = pack(compression, raw)
            suffix = compression.split(":")[0]
            (folder / f"{name}.{suffix}").write_bytes(data)
            packed = entry(f"{name}.{suffix}", data)
        shards.append(config | {"raw_data": entry(name, raw), "samples": len(samples), "zip_data": packed})

    for row in rows:
        values = [encode(columns[n], row[n]) for n in names]
        sizes = [len(v) for v, n in zip(values, names) if fixed_size(columns[n]) is None]
        sample = struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(values)
        if samples and size_limit < size + len(sample) + 4:
            flush()
            samples, size = [], 8 + len(text)
        samples.append(sample)
        size += len(sample) + 4
    flush()
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": shards}, sort_keys=True))
    return shards


def pack(compression, data):
    if compression.startswith("zstd"):
        import zstandard

        return zstandard.ZstdCompressor(level=int((compression.split(":") + ["3"])[1])).compress(data)
    return gzip.compress(data, mtime=0)


def unpack(compression, data):
    if compression.startswith("zstd"):
        import zstandard

        return zstandard.ZstdDecompressor().decompress(data)
    if compression.startswith("br"):
        import brotli

        return brotli.decompress(data)
    return gzip.decompress(data)


def read(folder):
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    for shard in index["shards"]:
        path = folder / shard["raw_data"]["basename"]
        if path.exists():
            raw = path.read_bytes()
        else:
            packed = (folder / shard["zip_data"]["basename"]).read_bytes()
            assert len(packed) == shard["zip_data"]["bytes"]
            raw = unpack(shard["compression"], packed)
        assert len(raw) == shard["raw_data"]["bytes"]
        for name, digest in shard["raw_data"]["hashes"].items():
            assert hashlib.new(name, raw).hexdigest() == digest
        (n,) = struct.unpack("<I", raw[:4])
        assert n == shard["samples"]
        offsets = np.frombuffer(raw, "<u4", n + 1, 4)
        assert offsets[-1] == len(raw)
        keys = ["column_encodings", "column_names", "column_sizes", "compression", "format", "hashes", "size_limit", "version"]
        config = raw[4 + 4 * (n + 1) : offsets[0]].decode()
        assert config == json.dumps({key: shard[key] for key in keys}, sort_keys=True), config
        assert shard["column_names"] == sorted(shard["column_names"])
        columns = list(zip(shard["column_names"], shard["column_encodings"], shard["column_sizes"]))
        for i in range(n):
            sample, at, row = raw[offsets[i] : offsets[i + 1]], 0, {}
            lengths = []
            for _, encoding, size in columns:
                assert size == fixed_size(encoding)
                if size is None:
                    size, at = struct.unpack_from("<I", sample, at)[0], at + 4
                lengths.append(size)
            for (name, encoding, _), length in zip(columns, lengths):
                row[name], at = decode(encoding, sample[at : at + length]), at + length
            assert at == len(sample)
            yield row


COLUMNS = {
    "bytes": "bytes", "décimal": "str_decimal", "f16": "float16", "f32": "float32", "f64": "float64", "fixed": "ndarray:int16:2,3",
    "free": "ndarray", "i16": "int16", "i32": "int32", "i8": "int8", "ids": "ndarray:uint32", "int": "int", "json": "json",
    "str": "str", "str_float": "str_float", "str_int": "str_int", "u16": "uint16", "u32": "uint32", "u64": "uint64", "u8": "uint8",
}  # fmt: skip


def all_encodings():
    rng = np.random.default_rng(11)
    free = [np.arange(3, dtype=dtype).reshape(shape) for dtype in CODES for shape in [(3,), (1, 3)]]
    for i, array in enumerate(free):
        yield {
            "bytes": bytes(range(i)), "décimal": f"{i}.50", "f16": i / 8 - 1, "f32": i / 3, "f64": -i / 3,
            "fixed": rng.integers(-(2**15), 2**15, (2, 3)), "free": array, "i16": -(2**15) + i, "i32": 2**31 - 1 - i, "i8": -128 + i,
            "ids": rng.integers(0, 50368, [1, 255, 256, 700][i % 4]), "int": -i * 2**33, "json": {"a": [i, None, "é"]},
            "str": "naïve 🙂 " * (i % 3), "str_float": i / 7, "str_int": -i, "u16": 2**16 - 1 - i, "u32": 2**32 - 1 - i,
            "u64": 2**53 + i if i % 2 else i, "u8": 255 - i,
        }  # fmt: skip


def fixtures():
    shutil.rmtree(FIXTURES, ignore_errors=True)
    tokens = {"id": "str", "input_ids": "ndarray:uint32"}
    rng = np.random.default_rng(5)
    rows = [{"id": f"row-{i}", "input_ids": rng.integers(0, 50368, 20 + i)} for i in range(12)]
    counts = [len(write(FIXTURES / "plain", COLUMNS, all_encodings(), size_limit=12000, hashes=["sha1", "md5"]))]
    counts.append(len(write(FIXTURES / "zstd", tokens, rows, size_limit=1000, compression="zstd:7")))
    counts.append(len(write(FIXTURES / "gz", tokens, rows, compression="gz")))
    shards = []
    for name, part in [("a", rows[:5]), ("b", rows[5:])]:
        for shard in write(FIXTURES / "merged" / name, tokens, part):
            raw = shard["raw_data"]
            shards.append(shard | {"raw_data": raw | {"basename": f"{name}/{raw['basename']}"}})
    (FIXTURES / "merged" / "index.json").write_text(json.dumps({"version": 2, "shards": shards}))
    values = {name: list(read(FIXTURES / name)) for name in ["plain", "zstd", "gz", "merged"]}
    made_by = f"scripts/reference/mds.py, numpy {np.__version__}"
    (FIXTURES / "values.json").write_text(json.dumps({"made by": made_by, "shards": counts, "rows": values}, ensure_ascii=False))


if len(sys.argv) > 1:
    for each in read(Path(sys.argv[1])):
        print(json.dumps(each, ensure_ascii=False))
else:
    fixtures()
