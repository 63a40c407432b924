"""Runs of transformers' Trainer on random arguments, with two weights and rows that are all alike: see README.md.

pinned: transformers 5.17.0, torch 2.13.0
"""

import random
import tempfile
from pathlib import Path

import torch
import transformers
from cases import arguments, snake, write
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments

KEPT = ("step", "epoch", "learning_rate", "loss", "eval_loss", "train_loss", "grad_norm")


class Two(torch.nn.Module):
    """(w1 + w2 - x)^2"""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1, 2))

    def forward(self, x, **_):
        return {"loss": ((self.w.sum() - x) ** 2).mean(), "logits": x}


def draw(r):
    case = {
        "perDeviceTrainBatchSize": r.randint(1, 8),
        "gradientAccumulationSteps": r.choice([1, 1, 2, 3, 4]),
        "dataloaderDropLast": r.random() < 0.2,
        "learningRate": r.choice([0.01, 0.3, 0.6, 1.0]),
        "weightDecay": r.choice([0, 0, 0.1]),
        "maxGradNorm": r.choice([1.0, 0.1, 0, 100]),
        "lrSchedulerType": r.choice(["linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"]),
        "loggingStrategy": r.choice(["steps", "steps", "epoch", "no"]),
        "evalStrategy": r.choice(["no", "steps", "epoch"]),
        "saveStrategy": r.choice(["no", "steps", "epoch"]),
    }
    if r.random() < 0.3:
        case["maxSteps"] = r.randint(1, 12)
    else:
        case["numTrainEpochs"] = r.choice([1, 2, 3, 0.5, 1.5, 2.3])
    if case["lrSchedulerType"] != "constant" and r.random() < 0.5:
        case["warmupSteps"] = r.choice([1, 2, 3, 0.1, 0.3])
    if case["loggingStrategy"] == "steps":
        case |= {"loggingSteps": r.choice([1, 2, 3, 0.25]), "loggingFirstStep": r.random() < 0.3}
    if case["saveStrategy"] == "steps":
        case["saveSteps"] = r.choice([1, 2, 3, 5, 0.4])
    if case["saveStrategy"] != "no" and r.random() < 0.5:
        case["saveTotalLimit"] = r.choice([1, 2, 3])
    early = None
    if case["evalStrategy"] != "no":
        case |= {"evalDelay": r.choice([0, 0, 0, 2]), "evalOnStart": r.random() < 0.2}
        if case["evalStrategy"] == "steps":
            case["evalSteps"] = r.choice([1, 2, 3, 4, 0.3])
        if case["evalStrategy"] == case["saveStrategy"] and r.random() < 0.4:
            case["loadBestModelAtEnd"] = True
            if "evalSteps" in case:
                case["saveSteps"] = case["evalSteps"]
            if r.random() < 0.4:
                case |= {"metricForBestModel": r.choice(["loss", "eval_loss"]), "greaterIsBetter": r.random() < 0.3}
            if r.random() < 0.6:
                early = {"earlyStoppingPatience": r.choice([1, 2, 3]), "earlyStoppingThreshold": r.choice([0, 0, 0.05])}
    rows = r.randint(1, 40)
    if case["dataloaderDropLast"]:
        rows = max(rows, case["perDeviceTrainBatchSize"])
    return {"rows": rows, "args": case, "early": early}


def run(case, folder):
    args = TrainingArguments(
        output_dir=folder,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["x"],
        logging_nan_inf_filter=False,
        **{snake(name): value for name, value in case["args"].items()},
    )
    trainer = Trainer(
        model=Two(),
        args=args,
        train_dataset=[{"x": torch.tensor(1.0)}] * case["rows"],
        eval_dataset=[{"x": torch.tensor(1.5)}] * 24,
        callbacks=[EarlyStoppingCallback(*case["early"].values())] if case["early"] else [],
    )
    trainer.train()
    state = trainer.state
    return {
        "globalStep": state.global_step,
        "maxSteps": state.max_steps,
        "epoch": state.epoch,
        "numTrainEpochs": state.num_train_epochs,
        "bestGlobalStep": state.best_global_step,
        "history": [{key: entry[key] for key in KEPT if key in entry} for entry in state.log_history],
        "checkpoints": sorted(int(path.name.split("-")[1]) for path in Path(folder).glob("checkpoint-*")),
    }


def main():
    transformers.utils.logging.set_verbosity_error()
    options = arguments(400)
    r = random.Random(options.seed)  # of its own: the Trainer seeds the module's
    cases = []
    for _ in range(options.count):
        case = draw(r)
        with tempfile.TemporaryDirectory() as folder:
            try:
                case["expected"] = run(case, folder)
            except ValueError as error:
                case["error"] = str(error)[:300]
        cases.append(case)
    write(options.out, cases)


main()
