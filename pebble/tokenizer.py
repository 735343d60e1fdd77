"""Text to numbers and back: byte-level byte-pair encoding (BPE).

A model reads integers. The tokenizer starts from the 256 possible bytes, so that every text in every script
has an encoding, and then learns merges: "these two neighbours appear together so often that they get a number
of their own".

    >>> pebble = Tokenizer.load()
    >>> pebble.encode("What is a token?")
    [356, 905, 903, 1016, 38]
    >>> [pebble.decode([i]) for i in pebble.encode("What is a token?")]
    ['What', ' is', ' a', ' token', '?']

The file format is `tokenizer.json` of Hugging Face's `tokenizers`, which gives the same numbers. Left out:
that library's speed, its offsets, and all its other models and normalisers.
"""

import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parent / "weights"

# Control tokens, numbered from 0. They shape a conversation, and no text that a user types can produce them.
BEGIN, END, SYSTEM, USER, ASSISTANT, TOOL = range(6)
CALL, CALL_END = 6, 7  # around a tool call; ordinary text in the output, so that any client can find it
SPECIAL = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
SPECIAL += ["<tool_call>", "</tool_call>"]

# Before merging, text is cut into pieces that no merge may cross: contractions, words, punctuation (each with
# one space before it), and runs of white space. This is GPT-2's pattern, written for ASCII: see `_stand_in`.
_PIECE = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+(?!\S)|\s+")


def _stand_in(character: str) -> str:
    """The ASCII character that belongs to the same class: letter, number, white space, or anything else."""
    category = unicodedata.category(character)
    if category[0] in "LN":
        return "a" if category[0] == "L" else "0"
    return "\t" if category[0] == "Z" or character == "\x85" else "!"  # not " ": only that joins a word


def pieces(text: str) -> Iterator[str]:
    """Cut text where no merge may cross.

    >>> list(pieces("Pebble's 42 stones"))
    ['Pebble', "'s", ' 42', ' stones']
    """
    # subtle: Python's `re` cannot say "any Unicode letter", so we match on a stand-in of the same length
    plain = text if text.isascii() else "".join(c if c.isascii() else _stand_in(c) for c in text)
    plain = re.sub(
        "[\x1c-\x1f]", "!", plain
    )  # Python calls these four separators white space; Unicode does not
    return (text[p.start() : p.end()] for p in _PIECE.finditer(plain))


@lru_cache
def byte_letters() -> dict[int, str]:
    """A printable letter for each byte (a space is Ġ), so that the vocabulary can be written in JSON."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + n) for n, b in enumerate(others)}


class Tokenizer:
    """Encodes and decodes text.

    vocab: from a token's bytes, written in `byte_letters`, to its number; the control tokens come first.
    merges: pairs of tokens in the order in which they were learned, the most useful first.
    """

    def __init__(self, vocab: dict[str, int], merges: list[tuple[str, str]]) -> None:
        self.vocab = vocab
        self.merges = merges
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._special = re.compile("(" + "|".join(re.escape(s) for s in SPECIAL) + ")")
        letters = {letter: byte for byte, letter in byte_letters().items()}
        self.bytes_of = {  # what each number stands for, as bytes
            number: token.encode() if token in SPECIAL else bytes(letters[c] for c in token)
            for token, number in vocab.items()
        }
        self._encode_piece = lru_cache(maxsize=50_000)(self._merge)  # the same words come again and again

    @classmethod
    def load(cls, folder: Path | str = WEIGHTS) -> "Tokenizer":
        """Read `tokenizer.json` in a folder."""
        file = Path(folder) / "tokenizer.json"
        if not file.exists():
            raise FileNotFoundError(
                f"{file} is missing. Train a model first (make train), or name its folder."
            )
        model = json.loads(file.read_text(encoding="utf-8"))["model"]
        pairs = [(left, right) for left, right in model["merges"]]
        return cls(model["vocab"], pairs)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """Numbers of a text. With `special`, control tokens written out in it count as such."""
        # half of a surrogate pair is no character: it becomes U+FFFD, as in any other program
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        numbers: list[int] = []
        for part in self._special.split(text) if special else [text]:
            if special and part in SPECIAL:
                numbers.append(self.vocab[part])
            else:
                numbers.extend(n for piece in pieces(part) for n in self._encode_piece(piece))
        return numbers

    def decode(self, ids: Iterable[int]) -> str:
        """The text of numbers; bytes that do not form a character (yet) become U+FFFD."""
        return b"".join(self.bytes_of[i] for i in ids).decode("utf-8", "replace")

    def _merge(self, piece: str) -> list[int]:
        """Start from single bytes, then apply the earliest learned merge for as long as there is one.

        With the merges (h, e), (l, l), (he, ll): h e l l o -> he l l o -> he ll o -> hell o
        """
        return [self.vocab[t] for t in self._merge_letters([byte_letters()[b] for b in piece.encode()])]

    def _merge_letters(self, tokens: list[str]) -> list[str]:
        while len(tokens) > 1:
            best = min(itertools.pairwise(tokens), key=lambda p: self._rank.get(p, len(self._rank)))
            if best not in self._rank:
                break
            tokens = join(tokens, best)
        return tokens

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> "Tokenizer":
        """Learn merges from texts until the vocabulary has `size` tokens.

        Two departures from ordinary BPE, because Pebble has to copy names and numbers from its context:
        Digits are never merged, so that 1962 and 9621 share what can be learned about digits.
        Words are merged without the space before them; only in the end is the space joined to the first
        token of a word. Otherwise " Mira" and "Mira" could become quite different tokens: the one after a
        space, the other after a quotation mark.
        """
        words: Counter[tuple[str, ...]] = Counter()  # a word, as its current tokens -> how often it occurs
        after_space: Counter[tuple[str, ...]] = Counter()  # those of them that follow a space
        for piece, n in Counter(piece for text in texts for piece in pieces(text)).items():
            word = tuple(byte_letters()[b] for b in piece.removeprefix(" ").encode())
            words[word] += n
            after_space[word] += n if len(piece) > 1 and piece[0] == " " else 0
        vocab = {token: number for number, token in enumerate([*SPECIAL, *sorted(byte_letters().values())])}
        merges: list[tuple[str, str]] = []

        def learn(pair: tuple[str, str]) -> None:
            merges.append(pair)
            vocab["".join(pair)] = len(vocab)

        for _ in range((size - len(vocab)) // 2):
            pairs: Counter[tuple[str, str]] = Counter()
            for word, n in words.items():
                for pair in itertools.pairwise(word):
                    pairs[pair] += 0 if pair[0].isdigit() else n
            best = min(pairs, key=lambda p: (-pairs[p], vocab[p[0]], vocab[p[1]]))  # ties: the older tokens
            learn(best)
            words = Counter({tuple(join(list(word), best)): n for word, n in words.items()})

        tokenizer = cls(vocab, merges)
        firsts: Counter[str] = Counter()
        for word, n in after_space.items():
            firsts[tokenizer._merge_letters(list(word))[0]] += n
        for token, _ in firsts.most_common(size - len(vocab)):
            learn(("Ġ", token))
        return cls(vocab, merges)

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json`, readable by `tokenizers`, `transformers` and transformers.js."""
        added = [
            {"id": n, "content": s, "special": n not in (CALL, CALL_END)}
            | dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
            for n, s in enumerate(SPECIAL)
        ]
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        model: dict[str, Any] = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
        }
        model |= {
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
        }
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {**model, "vocab": self.vocab, "merges": self.merges},
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (Path(folder) / "tokenizer.json").write_text(text + "\n", encoding="utf-8")


def join(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """Put every occurrence of two neighbours together, from left to right.

    >>> join(["a", "b", "a", "b", "c"], ("a", "b"))
    ['ab', 'ab', 'c']
    """
    result: list[str] = []
    i = 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            result.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            result.append(tokens[i])
            i += 1
    return result
