"""What the scripts of this folder share: their arguments, and the file of cases."""

import argparse
import json
import re
from pathlib import Path


def arguments(count):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    return parser.parse_args()


def snake(name):
    return re.sub("([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def finite(value):
    """NaN and infinite numbers are no JSON: null and the largest number."""
    if isinstance(value, float):
        return None if value != value else max(-1e300, min(1e300, value))
    if isinstance(value, list):
        return [finite(each) for each in value]
    return {key: finite(each) for key, each in value.items()} if isinstance(value, dict) else value


def write(folder, cases):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(finite(cases)))
    refused = sum("error" in case for case in cases)
    print(f"{len(cases)} cases, {refused} of them refused")
