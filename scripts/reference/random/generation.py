"""Continuations by transformers' generate with random settings, of a small decoder of random weights: see README.md.

pinned: transformers 5.17.0, torch 2.13.0
"""

import random

import torch
import transformers
from cases import arguments, snake, write
from transformers import ModernBertDecoderConfig, ModernBertDecoderForCausalLM

VOCABULARY = 40


def decoder(folder):
    torch.manual_seed(0)
    config = ModernBertDecoderConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=64,
        local_attention=8,
        global_attn_every_n_layers=2,
        attn_implementation="eager",
        **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
    )
    model = ModernBertDecoderForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    return model


def draw(r):
    def token():
        return r.randrange(3, VOCABULARY)

    def tokens(least, most):
        return [token() for _ in range(r.randint(least, most))]

    may = {  # a setting, how likely it is, and its values
        "eosTokenId": (0.6, lambda: r.choice([token(), tokens(4, 4), tokens(10, 15)])),
        "minNewTokens": (0.2, lambda: r.randint(0, 8)),
        "minLength": (0.15, lambda: r.randint(0, 14)),
        "repetitionPenalty": (0.25, lambda: r.choice([1.2, 2.0, 0.7])),
        "noRepeatNgramSize": (0.25, lambda: r.randint(1, 3)),
        "badWordsIds": (0.2, lambda: [tokens(1, 3) for _ in range(r.randint(1, 6))]),
        "sequenceBias": (0.2, lambda: [[tokens(1, 2), r.choice([-5.0, 3.0, 8.0])] for _ in range(r.randint(1, 5))]),
        "suppressTokens": (0.15, lambda: tokens(1, 8)),
        "beginSuppressTokens": (0.15, lambda: tokens(1, 10)),
        "forcedBosTokenId": (0.1, token),
        "forcedEosTokenId": (0.15, lambda: r.choice([2, token()])),
        "exponentialDecayLengthPenalty": (0.15, lambda: [r.randint(0, 6), r.choice([1.1, 1.5, 0.9])]),
        "renormalizeLogits": (0.1, lambda: True),
        "removeInvalidValues": (0.1, lambda: True),
    }
    options = {"maxNewTokens": r.randint(1, 24)} if r.random() < 0.85 else {"maxLength": r.randint(13, 40)}
    options |= {name: value() for name, (chance, value) in may.items() if r.random() < chance}
    if r.random() < 0.55:
        options["numBeams"] = beams = r.randint(2, 5)
        if r.random() < 0.5:
            options["lengthPenalty"] = r.choice([0.0, 0.5, 2.0, -1.0])
        if r.random() < 0.5:
            options["earlyStopping"] = r.choice([True, False, "never"])
        if r.random() < 0.4:
            options["numReturnSequences"] = r.randint(1, beams)
    return {"prompt": tokens(1, 1) if r.random() < 0.4 else tokens(2, 12), "options": options}


def main():
    transformers.utils.logging.set_verbosity_error()
    options = arguments(400)
    r = random.Random(options.seed)
    model = decoder(options.out / "model")
    cases = []
    for _ in range(options.count):
        case = draw(r)
        settings = {snake(name): value for name, value in case["options"].items()}
        ids = torch.tensor([case["prompt"]])
        fixed = {"do_sample": False, "pad_token_id": 0, "return_dict_in_generate": True, "output_scores": True}
        try:
            found = model.generate(ids, attention_mask=torch.ones_like(ids), **fixed, **settings)
            scores = getattr(found, "sequences_scores", None)
            case["expected"] = {
                "sequences": found.sequences[:, ids.shape[1] :].tolist(),
                "scores": None if scores is None else scores.tolist(),
            }
        except ValueError as error:
            case["error"] = str(error)[:300]
        cases.append(case)
    write(options.out, cases)


main()
