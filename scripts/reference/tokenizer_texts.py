"""Texts that tokenizers disagree about, for tokenizer.py."""

TEXTS = [
    "",
    " ",
    "  ",
    "   three",
    "a",
    "The giant's two heads don't agree; they've never agreed, and he'll say so.",
    "IT'S, DON'T, WE'LL, I'M, THEY'RE, YOU'VE, HE'D",
    "it\u017f'\u017f 'S 'RE ' s",
    "one\ntwo\n\nthree\r\nfour\t\tfive \n six",
    "trailing spaces   ",
    "  leading and      many        in                        between                              x",
    "\u00a0no\u00a0break\u2003em\u3000wide\u0085next\ufeffmark\u200bzero",
    "12 123 1234 12345 3.14159 1,000,000 2^10 \u00bd \u2167 \u0663\u0664\u0665 \u0e53 \u2460",
    "caf\u00e9 cafe\u0301 A\u030a \u212b \u1e9b\u0323 \ufb01 \u2126 \u0958",
    "q\u0307\u0323 q\u0323\u0307 \u0344 a\u0345\u0301",
    "\u1100\u1161\u11a8 \uac01 \u1100\u1161 \ud55c\uad6d\uc5b4",
    "\u6f22\u5b57\u3068\u3072\u3089\u304c\u306a \u4e2d\u6587\u3002\u6ca1\u6709\u7a7a\u683c",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001d54f\U0001d7d8 \U00020000",
    "[CLS] typed by hand [SEP] and [MASK] and[MASK]. [MASK]\n[MASK]  \t[MASK][PAD]",
    "a <|endoftext|> b<|padding|>c [UNK] [unused3] [unused33]",
    "|||IP_ADDRESS||| |||EMAIL_ADDRESS||||||PHONE_NUMBER||| ||||IP_ADDRESS|||",
    "[MAS\u212a] [MASK\u0338] <|endoftext|>\u0338 [CLS]\u0301x",
    "[[CLS]] [CLS [SEP]] [mask] <|endoftext",
    "function greet(name) {\n    return `hello, ${name}!`;\n}\n\n\tif (x != null) { y += x**2; } // done",
    "https://example.org/a?b=c&d=%20#e user@example.org C:\\path\\file.txt",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the" * 60,
    "giantgiantssea" * 30,
    "\x00\x01\x1f\x7f control \x80\x9f",
    "\ue000\uffff\ufffe\ufffd \U0010ffff",
    "He said: \u201cno\u201d \u2014 \u2018yes\u2019\u2026 and \u00abmaybe\u00bb \u20ac45 \u00a3 \u00a7",
    "don\u2019t can\u2019t \u02bc",
    "3 apples , 2 pears ! isn ' t it ? he 's , they 've , do n't .",
]

PAIRS = [
    ("who lives on the hill?", "A giant with two heads lives on Quarry Hill."),
    ("", "only the second"),
    ("only the first", ""),
    ("a [SEP] b", " [MASK] c"),
    ("caf\u00e9", "cafe\u0301  12"),
]

STREAMED = [
    "The giant walked to the sea.\nIt was wide, and grey.",
    "soup \U0001f372 and \u6f22\u5b57\u304b\u306a \u4e2d\u6587 caf\u00e9\u2014na\u00efve",
    "line one\n\nline  three\n",
    "nospacesatall",
    "",
]

POOLS = [
    "abcdefghijklmnopqrstuvwxyz",
    "etaoinshr ",
    "ABCXYZ",
    " ",
    " \t\n\r\u00a0\u2003\u3000\u0085\ufeff\x0b\x0c",
    "0123456789\u00bd\u0663\u2167",
    ".,;:!?'\"-_()[]{}<>|/\\@#$%^&*+=~`",
    "'",
    "\u00e9\u00fc\u00f1\u00e7\u00df\u0153\u0142",
    "\u0301\u0308\u0323\u0338\u0345",
    "\u03b1\u03b2\u03b3\u0416\u0434\u05d0\u0627\u0915\u0e01",
    "\u4e2d\u6587\u3042\u30a2\ud55c\u1100\u1161\u11a8",
    "\U0001f600\U0001f468\u200d\U0001d54f\U00020000",
    "\u212a\u212b\u2126\u037e\u1e9b\u017f\ufb01",
]
PIECES = [
    "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", " the", " giant", "sea", "[CLS]", "[SEP]", "[MASK]", " [MASK]",
    "[PAD]", "<|endoftext|>", "<|padding|>", "|||IP_ADDRESS|||", "[unused1]", "  ", "    ", "\n", "\r\n",
]  # fmt: skip


def random_text(rng):
    """A few runs of characters of one kind, with pieces that mean something to a tokenizer between them."""
    text = ""
    for _ in range(rng.randint(1, 12)):
        if rng.random() < 0.25:
            text += rng.choice(PIECES)
        else:
            pool = rng.choice(POOLS)
            text += "".join(rng.choice(pool) for _ in range(rng.randint(1, 9)))
    return text


def random_texts(rng, count):
    return [random_text(rng) for _ in range(count)]
