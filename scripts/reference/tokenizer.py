"""The small tokenizers of tests and the quickstart, and what Python's libraries make of texts with them.

Writes
    examples/tokenizer/                    byte-level BPE of 4,096 entries, laid out like the ModernBERT and Ettin one
    test/fixtures/tokenizer/wordpiece/     WordPiece of 600 entries, as BERT's
    test/fixtures/tokenizer/unigram/       Unigram of 500 entries, as XLM-R's
    test/fixtures/tokenizer/cases.json     texts and their ids

all trained on examples/tales.txt; those of the fixtures only where they are not there yet,
because their trainers do not give the same result twice. A "variant" in cases.json is the byte-level tokenizer with
some fields of its tokenizer.json replaced: the layouts of SmolLM2, Llama 3 and GPT-2.

Run: python scripts/reference/tokenizer.py            pinned: tokenizers 0.23.2, transformers 5.17.0
"""

import json
import random
from pathlib import Path

from tokenizer_texts import PAIRS, STREAMED, TEXTS, random_texts
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, TextStreamer

ROOT = Path(__file__).resolve().parents[2]
BPE = ROOT / "examples" / "tokenizer"
FIXTURES = ROOT / "test" / "fixtures" / "tokenizer"
ENTRIES = 4096
UNUSED = 8
SPACES = range(24, 1, -1)
NAMED = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def lines():
    return (ROOT / "examples/tales.txt").read_text().splitlines()


def learned_merges(count):
    """Merges of the texts, most frequent pair first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + count, min_frequency=1, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    tokenizer.train_from_iterator(lines(), trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    assert len(merges) == count, f"the texts give {len(merges)} merges of {count}: they are too short"
    return alphabet, merges


def byte_level():
    """Ettin's layout: bytes and merges, then runs of spaces and markers, then the special tokens and unused ones."""
    before = ["|||IP_ADDRESS|||", "<|padding|>"]
    after = [" " * n for n in SPACES] + ["|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||", "<|endoftext|>"]
    unused = [f"[unused{i}]" for i in range(UNUSED)]
    alphabet, merges = learned_merges(ENTRIES - 256 - len(before + after + NAMED + unused))

    tokens = before + alphabet + ["".join(merge) for merge in merges] + after
    vocab = {token: i for i, token in enumerate(tokens)}
    assert len(vocab) == len(tokens), "two merges make one token"
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(merge) for merge in merges]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()

    special = {"<|padding|>", "<|endoftext|>"}
    for token in before + after:
        kind = AddedToken(token, normalized=token not in special, special=token in special)
        tokenizer.add_special_tokens([kind]) if token in special else tokenizer.add_tokens([kind])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True, lstrip=t == "[MASK]") for t in NAMED])
    tokenizer.add_tokens([AddedToken(token, normalized=True) for token in unused])
    tokenizer.post_processor = template(tokenizer, types=(0, 0))
    assert tokenizer.get_vocab_size() == ENTRIES
    return tokenizer


def template(tokenizer, types):
    first, second = types
    return processors.TemplateProcessing(
        single=f"[CLS]:{first} $A:{first} [SEP]:{first}",
        pair=f"[CLS]:{first} $A:{first} [SEP]:{first} $B:{second} [SEP]:{second}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=600, min_frequency=2, special_tokens=names, show_progress=False)
    tokenizer.train_from_iterator(lines(), trainer)
    tokenizer.post_processor = template(tokenizer, types=(0, 1))
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=names, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(lines(), trainer)
    ids = {name: tokenizer.token_to_id(name) for name in names}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[(n, ids[n]) for n in ("<s>", "</s>")]
    )
    return tokenizer


def save(tokenizer, folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


NAMED_ROLES = {f"{role}_token": f"[{role.upper()}]" for role in ("cls", "mask", "pad", "sep", "unk")}
CONFIGS = {
    "bpe": NAMED_ROLES
    | {
        "clean_up_tokenization_spaces": True,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 8192,
        "tokenizer_class": "PreTrainedTokenizerFast",
    },
    "wordpiece": NAMED_ROLES
    | {
        "clean_up_tokenization_spaces": True,
        "model_max_length": 512,
        "tokenizer_class": "PreTrainedTokenizerFast",
    },
    "unigram": {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True},
        "model_max_length": 1000000000000000019884624838656,
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
    },
}


def variants(base):
    """Other byte-level layouts: fields of tokenizer.json that are replaced."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    split = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "ettin": {},
        "smollm2": {
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]},
            "post_processor": None,
        },
        "llama3": {
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level | {"use_regex": False}]},
            "post_processor": {"type": "Sequence", "processors": [byte_level, base["post_processor"]]},
            "model": {"ignore_merges": True},
        },
        "gpt2": {
            "normalizer": None,
            "pre_tokenizer": byte_level | {"add_prefix_space": True},
            "post_processor": byte_level,
        },
    }


def patched(base, patch):
    model = base["model"] | patch.get("model", {})
    return Tokenizer.from_str(json.dumps(base | patch | {"model": model}))


def cases(tokenizer, texts):
    return [
        {"text": text, "ids": encoded.ids, "decoded": tokenizer.decode(encoded.ids, skip_special_tokens=True)}
        for text, encoded in ((text, tokenizer.encode(text)) for text in texts)
    ]


def pair_cases(tokenizer):
    return [
        {"text": a, "pair": b, "ids": encoded.ids, "types": encoded.type_ids}
        for a, b, encoded in ((a, b, tokenizer.encode(a, b)) for a, b in PAIRS)
    ]


def truncations(tokenizer):
    out = []
    first, second = lines()[0], lines()[2]
    for words, pair_words in ((40, None), (40, 8), (8, 40), (20, 20), (5, 5), (1, 30)):
        text = " ".join(first.split()[:words])
        pair = None if pair_words is None else " ".join(second.split()[:pair_words])
        for strategy in ("longest_first", "only_first", "only_second"):
            for limit in (3, 4, 11, 12, 30):
                tokenizer.enable_truncation(limit, strategy=strategy)
                try:
                    ids = tokenizer.encode(text, pair).ids
                except Exception:  # too short to cut
                    ids = None
                out.append({"text": text, "pair": pair, "truncation": strategy, "maxLength": limit, "ids": ids})
    tokenizer.no_truncation()
    return out


class Pieces(TextStreamer):
    def __init__(self, tokenizer, **options):
        super().__init__(tokenizer, **options)
        self.pieces = []

    def on_finalized_text(self, text, stream_end=False):
        self.pieces.append(text)


def streams(tokenizer):
    """What transformers' streamer gives out after each id, and at the end."""
    import torch

    out = []
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    for text in STREAMED:
        ids = tokenizer.encode(text).ids
        streamer = Pieces(fast, skip_special_tokens=True)
        for i in ids:
            streamer.put(torch.tensor([i]))
        streamer.end()
        out.append({"text": text, "ids": ids, "pieces": streamer.pieces})
    return out


def main():
    save(byte_level(), BPE, CONFIGS["bpe"])
    for name, train in (("wordpiece", word_piece), ("unigram", unigram)):
        if not (FIXTURES / name / "tokenizer.json").exists():  # their trainers do not repeat themselves
            save(train(), FIXTURES / name, CONFIGS[name])

    path = BPE / "tokenizer.json"
    assert path.stat().st_size < 300_000
    base = json.loads(path.read_text())
    rng = random.Random(3)
    result = {"variants": {}}
    for name, patch in variants(base).items():
        tokenizer = patched(base, patch)
        found = cases(tokenizer, TEXTS + random_texts(rng, 120))
        result["variants"][name] = {"patch": patch, "cases": found, "pairs": pair_cases(tokenizer)}
    ettin = patched(base, {})
    result["truncations"] = truncations(ettin)
    result["streams"] = streams(ettin)
    for name in ("wordpiece", "unigram"):
        tokenizer = Tokenizer.from_file(str(FIXTURES / name / "tokenizer.json"))
        fast = PreTrainedTokenizerFast.from_pretrained(FIXTURES / name)
        found = cases(tokenizer, [text for text in TEXTS if len(text) < 2000])
        for case in found:
            case["decoded"] = fast.decode(case["ids"], skip_special_tokens=True)
        result[name] = {"cases": found, "pairs": pair_cases(tokenizer)}
    (FIXTURES / "cases.json").write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
