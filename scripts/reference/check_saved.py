"""Checks that transformers loads what savePretrained writes, with the logits that we gave.

Each fixture of test/fixtures/models is loaded and saved again by scripts/reference/save_models.mjs (whole, in shards,
and across: an encoder as a decoder and back), which leaves its own logits beside the files. Here transformers loads the
folders, and compares. It also makes the configurations and weights of a model drawn from a named configuration load.

Run: python scripts/reference/check_saved.py      pinned: torch 2.13.0, transformers 5.17.0 (4.57.6 reads them as well)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]


def logits_of(model, case):
    outputs = []
    with torch.no_grad():
        for b, text in enumerate(case["texts"]):
            inputs = {"input_ids": torch.tensor([text])}
            if "types" in case:
                inputs["token_type_ids"] = torch.tensor([case["types"][b]])
            outputs.append(model(**inputs).logits[0])
    return torch.stack(outputs) if outputs[0].dim() == 1 else torch.cat(outputs)


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", ROOT / "scripts" / "reference" / "save_models.mjs", folder], check=True)
        for saved in sorted(Path(folder).iterdir()):
            case = json.loads((saved / "case.json").read_text())
            model, report = getattr(transformers, case["class"]).from_pretrained(
                saved, dtype=torch.float32, output_loading_info=True
            )
            theirs = logits_of(model.eval(), case)
            ours = load_file(saved / "logits.safetensors")["logits"].reshape(theirs.shape)
            apart = float((ours - theirs).abs().max() / theirs.abs().max())
            unmatched = [name for kind in ["missing_keys", "unexpected_keys", "mismatched_keys"] for name in report[kind]]
            right = apart <= 2e-5 and not unmatched
            failed += not right
            print(f"{'ok  ' if right else 'BAD '} {saved.name:60} {apart:.1e} of the largest logit {unmatched or ''}")
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: {failed or 'none'} failed")
    sys.exit(failed > 0)


main()
