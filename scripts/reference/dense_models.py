"""Small models of Sentence Transformers with the embeddings that it gives for them: writes test/fixtures/dense/.

    tokenizer/        byte-level BPE of 320 entries, learned from examples/tales.txt
    model/            transformer, mean pooling, Dense, Normalize, with prompts; as version 6 saves it
    legacy/           the files of the same model that versions up to 5.3 wrote otherwise; its weights are those of model/
    residual/         a Dense module with a residual projection, which only version 6 has
    static/           StaticEmbedding, as version 6 saves it
    embeddings.json   texts, and what all of them become: pooling modes, prompts, cuts, precisions, similarities

The legacy files are loaded here with the weights beside them, and give the same embeddings.

Run: python scripts/reference/dense_models.py
pinned: sentence-transformers 6.0.1, transformers 5.17.0, torch 2.13.0, tokenizers 0.23.2
"""

import json
import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from sentence_transformers.util import quantize_embeddings
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "test" / "fixtures" / "dense"
ENTRIES = 320
LENGTH = 24
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
TEXTS = [
    "The weather is lovely today.",
    "",
    "  He drove to the stadium,  twice.\n",
    "It's so sunny outside! " * 6,
    "Ein Größenvergleich: 42 \N{SPARKLES} und [MASK]",
    "a",
]
SHAPE = dict(
    vocab_size=ENTRIES, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
    max_position_embeddings=64, local_attention=8, global_attn_every_n_layers=2, initializer_range=0.4,
    bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2, pad_token_id=3,
)


def rounded(values):
    return np.round(np.asarray(values, dtype=np.float64), 8).tolist()


def tokenizer():
    lines = (ROOT / "examples" / "tales.txt").read_text().splitlines()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=ENTRIES - len(special), initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    learner.train_from_iterator(lines, trainer)
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    names = special + alphabet + ["".join(merge) for merge in merges]
    made = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:0 [SEP]:0", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    roles = {f"{name.strip('[]').lower()}_token": name for name in special}
    return PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=LENGTH, model_input_names=["input_ids", "attention_mask"], **roles
    )


def transformer(folder):
    torch.manual_seed(7)
    ModernBertModel(ModernBertConfig(**SHAPE)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return Transformer(str(folder))


def save(model, name):
    model.save_pretrained(str(OUT / name), create_model_card=False)
    return model


def write(path, value, indent):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent))


def write_legacy(model):
    """What versions up to 5.3 wrote, by their rules; the order of the keys is theirs."""
    classes = ["Transformer", "Pooling", "Dense", "Normalize"]
    paths = ["", "1_Pooling", "2_Dense", "3_Normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
        for i, (name, path) in enumerate(zip(classes, paths))
    ]
    folder = OUT / "legacy"
    write(folder / "modules.json", modules, 2)
    write(folder / "sentence_bert_config.json", {"max_seq_length": LENGTH, "do_lower_case": False}, 4)
    settings = {
        "model_type": "SentenceTransformer",
        "__version__": {"sentence_transformers": "5.2.0", "transformers": "4.57.6", "pytorch": "2.9.0"},
        "prompts": model.prompts,
        "default_prompt_name": model.default_prompt_name,
        "similarity_fn_name": model.similarity_fn_name,
    }
    write(folder / "config_sentence_transformers.json", settings, 2)
    switches = {
        "word_embedding_dimension": 16,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
        "pooling_mode_weightedmean_tokens": False,
        "pooling_mode_lasttoken": False,
        "include_prompt": True,
    }
    write(folder / "1_Pooling" / "config.json", switches, 4)
    dense = {
        "in_features": 16, "out_features": 12, "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    write(folder / "2_Dense" / "config.json", dense, None)
    with tempfile.TemporaryDirectory() as whole:
        for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]:
            shutil.copy(OUT / "model" / name, whole)
        shutil.copytree(folder, whole, dirs_exist_ok=True)
        shutil.copy(OUT / "model" / "2_Dense" / "model.safetensors", Path(whole) / "2_Dense")
        same = SentenceTransformer(whole, device="cpu").encode(TEXTS)
        assert np.array_equal(same, model.encode(TEXTS)), "the legacy files mean another model"


def poolings(folder):
    """Every mode, with and without the prompt's tokens, and several at once; no modules after it."""
    cases = []
    for modes in [*MODES, ["lasttoken", "mean"], ["mean", "max"]]:
        for include in [True, False]:
            model = SentenceTransformer(
                modules=[Transformer(str(folder)), Pooling(16, modes, include_prompt=include)], device="cpu"
            )
            prompt = "query: "
            embeddings = model.encode(TEXTS, prompt=prompt)
            cases.append({"modes": modes, "includePrompt": include, "prompt": prompt, "embeddings": rounded(embeddings)})
    return cases


def quantized():
    values = np.sin(np.arange(1, 8 * 11 + 1, dtype=np.float32) * 1.7).reshape(8, 11).astype(np.float32)
    values[:, 3] = 0.25  # a dimension without a range
    values[2, 5] = 0  # not above 0
    ranges = np.stack([np.full(11, -0.5), np.full(11, 0.75)]).astype(np.float32)
    calibration = values[:3] * np.float32(0.5)
    kinds = {}
    for precision in ["int8", "uint8", "binary", "ubinary"]:
        kinds[precision] = {"plain": quantize_embeddings(values, precision).tolist()}
        if precision.endswith("int8"):
            kinds[precision]["ranges"] = quantize_embeddings(values, precision, ranges=ranges).tolist()
            kinds[precision]["calibration"] = quantize_embeddings(
                values, precision, calibration_embeddings=calibration
            ).tolist()
    return {
        "values": values.astype(np.float64).tolist(),
        "ranges": ranges.tolist(),
        "calibration": calibration.astype(np.float64).tolist(),
        "kinds": kinds,
    }


def lower_case(folder):
    lowering = Transformer(str(folder), do_lower_case=True)
    texts = ["The WEATHER is Lovely", "GRÖSSE und [MASK]"]
    return {"texts": texts, "ids": [lowering.tokenizer(text)["input_ids"] for text in texts]}


def main():
    torch.set_num_threads(1)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    shutil.rmtree(OUT, ignore_errors=True)
    with tempfile.TemporaryDirectory() as bare:
        first = transformer(Path(bare))
        torch.manual_seed(8)
        modules = [first, Pooling(16, "mean"), Dense(16, 12), Normalize()]
        prompts = {"query": "query: ", "document": "", "passage": "passage: "}
        save(SentenceTransformer(modules=modules, prompts=prompts, similarity_fn_name="dot", device="cpu"), "model")
        model = SentenceTransformer(str(OUT / "model"), device="cpu")
        write_legacy(model)
        torch.manual_seed(9)
        residual = Dense(16, 12, activation_function=torch.nn.GELU(), bias=False, use_residual=True)
        residual.save(str((OUT / "residual").mkdir() or OUT / "residual"))
        torch.manual_seed(10)
        static = save(SentenceTransformer(modules=[StaticEmbedding(tokenizer(), embedding_dim=8)], device="cpu"), "static")
        with_residual = SentenceTransformer(modules=[first, Pooling(16, "cls"), residual], device="cpu")
        embeddings = model.encode(TEXTS)
        tokens = model.encode(TEXTS[:2], output_value="token_embeddings")
        facts = {
            "texts": TEXTS,
            "ids": [first.tokenizer(text, truncation=True)["input_ids"] for text in TEXTS],
            "embeddings": rounded(embeddings),
            "queries": rounded(model.encode_query(TEXTS)),
            "documents": rounded(model.encode_document(TEXTS)),
            "passages": rounded(model.encode(TEXTS, prompt_name="passage")),
            "tokens": [rounded(each.numpy()) for each in tokens],
            "cut": rounded(model.encode(TEXTS, truncate_dim=5, normalize_embeddings=True)),
            "int8": model.encode(TEXTS, precision="int8").tolist(),
            "ubinary": model.encode(TEXTS, precision="ubinary").tolist(),
            "similarity": rounded(model.similarity(embeddings[:2], embeddings)),
            "similarityPairwise": rounded(model.similarity_pairwise(embeddings[:3], embeddings[3:])),
            "stateDict": list(model.state_dict()),
            "residual": rounded(with_residual.encode(TEXTS)),
            "static": rounded(static.encode(TEXTS)),
            "poolings": poolings(bare),
            "quantized": quantized(),
            "lowerCase": lower_case(bare),
        }
        write(OUT / "embeddings.json", facts, None)
    sizes = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(f"{sizes / 1e3:.0f} kB in {OUT.relative_to(ROOT)}")


main()
