"""What transformers' generation does: writes test/fixtures/generation/.

  processors.json     scores before and after its logits processors and warpers, option by option and together
  sequences.json      continuations of tiny decoders: the best token each time, with rules, and by beam search
  decoder, llama      those decoders, as transformers saves them

Prompts run one at a time, so there is no padding.

Run: python scripts/reference/generation.py      pinned: torch 2.13.0, transformers 5.17.0, safetensors 0.8.0
"""

import json
import math
import shutil
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, ModernBertDecoderConfig
from transformers import ModernBertDecoderForCausalLM

OUT = Path(__file__).parents[2] / "test" / "fixtures" / "generation"
MADE_BY = f"scripts/reference/generation.py, torch {torch.__version__}, transformers {transformers.__version__}"
VOCABULARY = 50
EOS = [2, 7]

# Prompt length and ids of four sequences. Ids repeat, so that bigrams and trigrams do.
SEQUENCES = [
    (3, [11, 4, 9, 11, 4, 9, 11, 4]),
    (1, [5]),
    (2, [30, 31, 30, 31, 2, 30]),
    (6, [1, 8, 20, 8, 21, 8, 20, 8, 22, 8]),
]

# Names are GenerationConfig's; new_tokens is the most new tokens, from which max_length follows.
RULES = [
    {},
    {"repetition_penalty": 1.3},
    {"repetition_penalty": 0.7},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 3},
    {"bad_words_ids": [[8], [4, 9], [30, 31], [2], [31, 30, 12], [5, 6]]},
    {"sequence_bias": [[[8], 2.5], [[4, 9], -3.25], [[31, 2, 30, 17], 1.5], [[31], -0.5], [[11, 4, 31], 4.0]]},
    {"suppress_tokens": [0, 3, 49]},
    {"begin_suppress_tokens": [0, 3, 49]},
    {"min_length": 8},
    {"min_length": 9},
    {"min_new_tokens": 4},
    {"min_new_tokens": 5},
    {"forced_eos_token_id": 2, "new_tokens": 5},
    {"forced_eos_token_id": [7, 13], "new_tokens": 6},
    {"forced_eos_token_id": 2, "new_tokens": 1},
    {"forced_bos_token_id": 9},
    {"forced_bos_token_id": 9, "begin_suppress_tokens": [3]},
    {"exponential_decay_length_penalty": [2, 1.4]},
    {"exponential_decay_length_penalty": [0, 0.9]},
    {"remove_invalid_values": True},
    {"renormalize_logits": True},
    {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "bad_words_ids": [[12], [8, 20]], "min_new_tokens": 3,
     "sequence_bias": [[[2], 3.0]], "suppress_tokens": [1], "exponential_decay_length_penalty": [1, 1.2]},
]
WARPERS = [
    {"temperature": 0.6}, {"temperature": 1.7},
    {"top_k": 1}, {"top_k": 7}, {"top_k": 50}, {"top_k": 400},
    {"top_p": 0.0}, {"top_p": 0.3}, {"top_p": 0.9}, {"top_p": 0.999}, {"top_p": 1.0},
    {"min_p": 0.0}, {"min_p": 0.05}, {"min_p": 0.4}, {"min_p": 1.0},
    {"typical_p": 0.1}, {"typical_p": 0.5}, {"typical_p": 0.95},
    {"epsilon_cutoff": 0.01}, {"epsilon_cutoff": 0.2}, {"epsilon_cutoff": 0.9},
    {"eta_cutoff": 0.01}, {"eta_cutoff": 0.3},
    {"temperature": 0.7, "top_k": 12, "top_p": 0.8, "renormalize_logits": True},
    {"temperature": 1.4, "top_k": 20, "top_p": 0.95, "min_p": 0.02, "typical_p": 0.9, "epsilon_cutoff": 0.001,
     "eta_cutoff": 0.001, "repetition_penalty": 1.1},
    {"num_beams": 3, "top_k": 1}, {"num_beams": 3, "top_p": 0.2}, {"num_beams": 3, "min_p": 0.9},
    {"num_beams": 3, "typical_p": 0.1}, {"num_beams": 3, "epsilon_cutoff": 0.5}, {"num_beams": 3, "eta_cutoff": 0.5},
]


def plain(x):
    """A number as JSON can hold it: 9 digits tell float32 apart."""
    return ("nan" if math.isnan(x) else "inf" if x > 0 else "-inf") if not math.isfinite(x) else float(f"{x:.9g}")


def rows(scores):
    return [[plain(x) for x in row] for row in scores.tolist()]


def processors():
    torch.manual_seed(1)
    apart = 2.5 * torch.randn(len(SEQUENCES), VOCABULARY)
    scores = apart.clone()
    scores[0, 10:14] = scores[0, 20]  # equals
    scores[1] = (scores[1] * 2).round() / 2  # many of them
    invalid = scores.clone()
    invalid[:, 5], invalid[:, 6], invalid[:, 8] = math.nan, math.inf, -math.inf
    model = ModernBertDecoderForCausalLM._from_config(decoder_config())

    cases = []
    for options in RULES + [{"do_sample": True, "top_k": 0, **options} for options in WARPERS]:
        given = dict(options)
        new_tokens = given.pop("new_tokens", 20)
        # torch.sort and topk take equals in no fixed order
        sorts = any(name in given for name in ["top_p", "typical_p", "num_beams"])
        kind = "invalid" if "remove_invalid_values" in given else "apart" if sorts else "scores"
        start = {"invalid": invalid, "apart": apart, "scores": scores}[kind]
        processed = []
        for (prompt, ids), row in zip(SEQUENCES, start):
            config = GenerationConfig(**{"top_k": 50, "do_sample": False, "temperature": 1.0, "top_p": 1.0,
                                         "repetition_penalty": 1.0, **given})
            config.eos_token_id, config.max_length = EOS, prompt + new_tokens
            if "min_new_tokens" in given:
                config.min_length = prompt + given["min_new_tokens"]
            model._prepare_special_tokens(config)
            for name in ["no_repeat_ngram_size", "min_length"]:
                if getattr(config, name) is None:
                    setattr(config, name, 0)
            chain = model._get_logits_processor(config, input_ids_seq_length=prompt, device="cpu")
            processed += chain(torch.tensor([ids]), row[None].clone())
        cases.append({"options": given, "newTokens": new_tokens, "from": kind, "processed": rows(torch.stack(processed))})
    (OUT / "processors.json").write_text(json.dumps({
        "made by": MADE_BY, "eos": EOS, "sequences": [{"prompt": p, "ids": i} for p, i in SEQUENCES],
        "scores": rows(scores), "apart": rows(apart), "invalid": rows(invalid), "cases": cases,
    }) + "\n")


def decoder_config():
    return ModernBertDecoderConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=4, num_attention_heads=2,
        max_position_embeddings=256, local_attention=16, bos_token_id=1, cls_token_id=1, eos_token_id=2,
        sep_token_id=2, pad_token_id=0, rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    )


def llama_config():
    return LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
    )


PROMPTS = [[5, 17, 33, 8, 40, 12, 9], [44], [3 + (i * i * 7 + i) % 45 for i in range(30)], [20, 21, 20, 21]]
FREE = {"eos_token_id": None}
CALLS = [
    {"max_new_tokens": 64, **FREE},
    {"max_new_tokens": 64},
    {"max_new_tokens": 64, "eos_token_id": [2, 30, 31]},
    {"max_new_tokens": 64, "repetition_penalty": 1.4, **FREE},
    {"max_new_tokens": 64, "no_repeat_ngram_size": 2, "bad_words_ids": [[30], [12, 9]], **FREE},
    {"max_length": 40, "repetition_penalty": 1.2, "min_new_tokens": 6, "eos_token_id": [2, 30, 31, 32, 33]},
    {},
    {"num_beams": 4, "max_new_tokens": 24, **FREE},
    {"num_beams": 4, "max_new_tokens": 24, "num_return_sequences": 3, "eos_token_id": [2, 30, 31]},
    {"num_beams": 3, "max_new_tokens": 24, "length_penalty": 0.3, "early_stopping": True, "eos_token_id": [2, 30, 31]},
    {"num_beams": 3, "max_new_tokens": 24, "length_penalty": 2.0, "early_stopping": "never", "eos_token_id": [30, 31]},
    {"num_beams": 2, "max_new_tokens": 16, "repetition_penalty": 1.5, "no_repeat_ngram_size": 3, "eos_token_id": 31},
]


def fill(model):
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = 1 + 0.2 * torch.randn_like(parameter)
        elif parameter.dim() == 1:
            parameter.data = 0.5 * torch.randn_like(parameter)
        else:
            parameter.data = 1.5 * torch.randn_like(parameter) * parameter.shape[-1] ** -0.5


def sequences():
    models = []
    for name, model in [("decoder", ModernBertDecoderForCausalLM._from_config(decoder_config())),
                        ("llama", LlamaForCausalLM._from_config(llama_config()))]:
        torch.manual_seed(3)
        fill(model)
        model.tie_weights()
        model.save_pretrained(OUT / name)
        (OUT / name / "generation_config.json").unlink()
        model = type(model).from_pretrained(OUT / name, dtype=torch.float32).eval()
        calls = []
        for options in CALLS:
            results, closest = [], math.inf
            for prompt in PROMPTS:
                ids = torch.tensor([prompt])
                given = {"max_new_tokens": 20} | options if "max_length" not in options else options
                out = model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=0, do_sample=False,
                                     return_dict_in_generate=True, output_scores=True, **given)
                for i, sequence in enumerate(out.sequences[:, len(prompt):].tolist()):
                    eos = given.get("eos_token_id", 2)
                    ends = [i for i, id in enumerate(sequence) if id in (eos if isinstance(eos, list) else [eos])]
                    if ends:
                        del sequence[ends[0] + 1:]  # the fill behind a shorter one
                    results.append({"ids": sequence})
                    if "num_beams" in options:
                        results[-1]["score"] = plain(float(out.sequences_scores[i]))
                if "num_beams" not in options:
                    best = torch.stack(out.scores)[:, 0].topk(2).values
                    closest = min(closest, float((best[:, 0] - best[:, 1]).min()))
            calls.append({"options": options, "results": results})
            print(f"{name:8} {options}: lengths {[len(r['ids']) for r in results]}, closest {closest:.1e}")
        models.append({"name": name, "calls": calls})
    (OUT / "sequences.json").write_text(json.dumps({"made by": MADE_BY, "prompts": PROMPTS, "models": models}) + "\n")


shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
processors()
sequences()
print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file()):,} bytes")
