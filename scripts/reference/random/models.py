"""Outputs of small models of random shapes: see README.md.

pinned: transformers 5.17.0, torch 2.13.0
"""

import random

import torch
import transformers
from cases import arguments, write

HEADS = {
    "ModernBert": ["Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"],
    "ModernBertDecoder": ["Model", "ForCausalLM", "ForSequenceClassification"],
    "Bert": ["Model", "ForMaskedLM", "ForSequenceClassification"],
    "Llama": ["Model", "ForCausalLM"],
}
ROPE = [
    {"rope_type": "default", "rope_theta": 5e5},
    {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4},
    {
        **{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
        **{"original_max_position_embeddings": 16, "rope_theta": 1e4},
    },
]


def draw(r):
    def may(chance=0.4):
        return r.random() < chance

    heads = r.choice([1, 2, 4])
    layers = r.randint(1, 4)
    config = {
        "vocab_size": r.choice([37, 64, 101]),
        "hidden_size": heads * r.choice([8, 16]),
        "intermediate_size": r.choice([16, 24, 48]),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": 64,
        "tie_word_embeddings": may(0.7),
        "pad_token_id": 0,
        "initializer_range": 0.2,
        "num_labels": r.choice([1, 2, 5]),
    }
    kind = r.choice(["ModernBert", "ModernBert", "ModernBertDecoder", "ModernBertDecoder", "Bert", "Llama"])
    if kind.startswith("ModernBert"):
        config |= {
            "local_attention": r.choice([4, 8, 16, 128]),
            "global_attn_every_n_layers": r.choice([1, 2, 3]),
            **{name: may() for name in ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias")},
            "decoder_bias": may(0.7),
            "hidden_activation": r.choice(["gelu", "gelu", "silu", "gelu_pytorch_tanh", "relu"]),
            "classifier_activation": r.choice(["gelu", "silu"]),
            "classifier_pooling": r.choice(["cls", "mean"]),
            "norm_eps": r.choice([1e-5, 1e-3]),
            **{"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
        }
        if may(0.5):
            bases = {"full_attention": [1e4, 1.6e5], "sliding_attention": [1e4, 5e3]}
            config["rope_parameters"] = {
                name: {"rope_type": "default", "rope_theta": r.choice(values)} for name, values in bases.items()
            }
        if kind == "ModernBert" and may(0.3):
            config["layer_types"] = [r.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    elif kind == "Bert":
        config |= {"hidden_act": r.choice(["gelu", "relu", "gelu_new", "silu"]), "layer_norm_eps": r.choice([1e-12, 1e-3])}
    else:
        config |= {
            "num_key_value_heads": r.choice([count for count in (1, 2, 4) if heads % count == 0]),
            "rms_norm_eps": r.choice([1e-6, 1e-3]),
            **{name: may() for name in ("attention_bias", "mlp_bias")},
            "hidden_act": r.choice(["silu", "gelu"]),
            "rope_parameters": r.choice(ROPE),
        }
        if may(0.3):
            config["head_dim"] = r.choice([8, 32])
    sequences = [[r.randrange(3, config["vocab_size"]) for _ in range(r.choice([1, 3, 7, 20, 40]))] for _ in range(3)]
    return {"kind": kind, "class": kind + r.choice(HEADS[kind]), "config": config, "sequences": sequences}


def run(case, folder):
    config = getattr(transformers, case["kind"] + "Config")(**case["config"], attn_implementation="eager")
    model = getattr(transformers, case["class"])(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(folder)
        outputs = [model(input_ids=torch.tensor([ids])) for ids in case["sequences"]]
    found = [output.logits if hasattr(output, "logits") else output.last_hidden_state for output in outputs]
    return [values.flatten().tolist() for values in found]


def main():
    transformers.utils.logging.set_verbosity_error()
    options = arguments(120)
    r = random.Random(options.seed)
    torch.manual_seed(options.seed)
    cases = []
    for number in range(options.count):
        case = draw(r)
        case["folder"] = f"model-{number}"
        case["expected"] = run(case, options.out / case["folder"])
        cases.append(case)
    write(options.out, cases)


main()
