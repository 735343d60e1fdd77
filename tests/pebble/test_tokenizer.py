"""The tokenizer against `tokenizers`, which reads the same file."""

import random
import unicodedata
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Twin

from pebble.tokenizer import SPECIAL, Tokenizer, join, pieces

PARTS = [
    *SPECIAL, "The cat sat on the mat.", " token", "tokens", "Pebble's", "don't", "I'LL", "we've", "'", "''s",
    "12", "3.14", "1962", " ", "  ", "   ", "\n", "\n\n", " \n", "\t", "\r\n", "\x0b", "\x1c", "\x85", "\xa0",
    "\u2003", "\u2028", "\u3000", "def f(x):\n    return x ** 2\n", "<div class='a'>", '{"a": [1, 2]}', "==>",
    "/* … */", "naïve", "Straße", "ﬁ", "e\u0301", "Ελλάδα", "привет", "日本語", "한국어",
    "العربية", "हिन्दी", "ไทย", "Ⅷ", "²", "½", "٣", "१२", "𝟘",
    "🙂", "👩\u200d👩\u200d👧", "🇨🇭", "👍🏽",
    "\ud83d", "\ude42", "\ud83d\ude42", "\ufffd", "\x00", "\x7f", "\u200b", "\ufeff", "\xad",
]  # fmt: skip


def strings(count: int) -> list[str]:
    """Mixtures of telling parts and of any characters that Unicode had when both sides' tables were made."""
    rng = random.Random(0)
    known = [c for c in map(chr, range(0x30000)) if unicodedata.ucd_3_2_0.category(c) not in ("Cn", "Cs")]

    def part() -> str:
        return rng.choice(PARTS) if rng.random() < 0.7 else "".join(rng.choices(known, k=rng.randint(1, 5)))

    return ["".join(part() for _ in range(rng.randint(0, 12))) for _ in range(count)]


def mended(text: str) -> str:
    """What any program that reads UTF-8 can be given: half surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.fixture(scope="module")
def twin(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    return Twin.from_file(str(folder / "tokenizer.json"))


def test_ten_thousand_strings_as_tokenizers_encodes_them(tokenizer: Tokenizer, twin: Twin) -> None:
    texts = strings(10_000)
    expected = [encoding.ids for encoding in twin.encode_batch([mended(t) for t in texts])]
    different = [
        t for t, ids in zip(texts, expected, strict=True) if tokenizer.encode(t, special=True) != ids
    ]
    assert different == []
    assert len({i for ids in expected for i in ids}) > 200  # the strings do exercise the vocabulary


def test_decoding_gives_every_string_back(tokenizer: Tokenizer) -> None:
    for text in strings(1_000):
        assert tokenizer.decode(tokenizer.encode(text)) == mended(text)


def test_a_broken_character_decodes_to_the_replacement_character(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("🙂")
    assert len(ids) == 4
    assert tokenizer.decode(ids[:2]) == "\ufffd"


def test_control_tokens_count_only_when_asked(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("<|end|>", special=True) == [1]
    assert len(tokenizer.encode("<|end|>")) > 1


def test_a_word_is_the_same_tokens_wherever_it_stands(tokenizer: Tokenizer) -> None:
    """Only the first token may take the space in."""
    for word in ["token", "zorvik", "weights", "1962", "Cats"]:
        bare, spaced = tokenizer.encode(word), tokenizer.encode(" " + word)
        assert spaced[-len(bare) + 1 :] == bare[1:] or len(bare) == 1
        assert tokenizer.decode(spaced[:1]) in (" ", " " + tokenizer.decode(bare[:1]))


def test_digits_stay_alone(tokenizer: Tokenizer) -> None:
    assert [tokenizer.decode([i]) for i in tokenizer.encode("1962")] == list("1962")


def test_loading_gives_the_saved_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert (loaded.vocab, loaded.merges) == (tokenizer.vocab, tokenizer.merges)


def test_a_missing_file_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="tokenizer.json is missing.*make train"):
        Tokenizer.load(tmp_path)


def test_training_by_hand() -> None:
    """hug 11 times, pug 5 times, hugs 4 times: u+g (20), then h+ug (15), and so on; the space comes last."""
    text = " ".join(["hug"] * 11 + ["pug"] * 5 + ["hugs"] * 4)
    learned = Tokenizer.train([text], size=8 + 256 + 8).merges
    assert learned == [
        ("u", "g"),
        ("h", "ug"),
        ("p", "ug"),
        ("hug", "s"),
        ("Ġ", "hug"),
        ("Ġ", "pug"),
        ("Ġ", "hugs"),
    ]


def test_join_goes_from_left_to_right() -> None:
    assert join(["a", "a", "a"], ("a", "a")) == ["aa", "a"]


def test_pieces_keep_every_character() -> None:
    for text in map(mended, strings(500)):
        assert "".join(pieces(text)) == text
