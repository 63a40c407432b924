"""Fixtures of test/core/hub, and the check that Python reads what saveWeights writes.

    python scripts/reference/safetensors_check.py           writes test/fixtures/safetensors
    python scripts/reference/safetensors_check.py FOLDER    loads the weights of a folder that saveWeights wrote, compares
                                                            them with the fixtures, and says so

Needs torch 2.13, safetensors 0.8 and huggingface_hub 1.33 (they come with transformers 5.17). Element i of a
floating-point tensor is 0.75 i - 1.5, of a signed one i - 1, of an unsigned one i + 1, of a boolean one i mod 2.
"""

import json
import sys
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import safe_open
from safetensors.torch import save_file

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures" / "safetensors"
LIMIT = 36


def values(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    count = 1
    for size in shape:
        count *= size
    i = torch.arange(count, dtype=torch.float64)
    if dtype.is_floating_point:
        y = 0.75 * i - 1.5
    elif dtype == torch.bool:
        y = i % 2
    else:
        y = i - 1 if dtype.is_signed else i + 1
    return y.to(dtype).reshape(shape)


def mixed() -> dict[str, torch.Tensor]:
    return {
        "byte": values(torch.uint8, 3),
        "b.weight": values(torch.float32, 2, 3),
        "flag": values(torch.bool, 3),
        "half": values(torch.float16, 4),
        "brain": values(torch.bfloat16, 4),
        "double": values(torch.float64, 2),
        "long": values(torch.int64, 2),
        "int": values(torch.int32, 3),
        "short": values(torch.int16, 3),
        "tiny": values(torch.int8, 3),
        "u16": values(torch.uint16, 3),
        "u32": values(torch.uint32, 3),
        "u64": values(torch.uint64, 2),
        "a.weight": values(torch.float32, 3),
        "scalar": values(torch.float32),
        "empty": values(torch.float32, 0, 4),
        "é": values(torch.float32, 1),
        "1": values(torch.float32, 1),
    }


def sharded() -> dict[str, torch.Tensor]:
    sizes = {"a": 4, "b": 10, "c": 4, "d": 3}  # floats; b is larger than a shard
    return {name: values(torch.float32, size) for name, size in sizes.items()}


def write() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    save_file(mixed(), FIXTURES / "mixed.safetensors", {"format": "pt"})
    folder = FIXTURES / "sharded"
    folder.mkdir(exist_ok=True)
    tensors = sharded()
    split = split_torch_state_dict_into_shards(tensors, max_shard_size=LIMIT)
    for name, keys in split.filename_to_tensors.items():
        save_file({key: tensors[key] for key in keys}, folder / name, {"format": "pt"})
    # as transformers writes it, with its own count of parameters
    metadata = {"total_parameters": sum(t.numel() for t in tensors.values()), **split.metadata}
    index = {"metadata": metadata, "weight_map": split.tensor_to_filename}
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    (folder / "limit.txt").write_text(str(LIMIT))


def check(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"))
    found: dict[str, torch.Tensor] = {}
    for file in files:
        with safe_open(file, framework="pt") as opened:
            assert opened.metadata() == {"format": "pt"}, opened.metadata()
            found.update({name: opened.get_tensor(name) for name in opened.keys()})
    expected = sharded() if len(files) > 1 else mixed()
    assert found.keys() == expected.keys(), (sorted(found), sorted(expected))
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape, name
        assert torch.equal(found[name], tensor), name
    print(f"{len(expected)} tensors in {len(files)} files are equal")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        check(Path(sys.argv[1]))
    else:
        write()
