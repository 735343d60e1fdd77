"""The sentences in other vocabularies: nothing is lost, and each cut is what its tokenizer makes."""

from __future__ import annotations

import json

import pytest
from building import ROOT

from pebble.embeddings import words
from pebble.tokenizer import Tokenizer
from sitekit import vocabularies
from sitekit.vocabularies import SENTENCES, Piece, Vocabulary

ROWS = vocabularies.with_pebble(ROOT)


def joins(row: Vocabulary, text: str, pieces: list[Piece]) -> bool:
    """Do the pieces make up the text? BERT's do without spaces, in lower case, [UNK] for what it lost."""
    if row["name"] == "BERT":
        made = " ".join(map(str, pieces)).replace(" ##", "").split()
        return len(made) == len(words(text)) and all(
            m in (w, "[UNK]") for m, w in zip(made, words(text), strict=True)
        )
    return b"".join(p.encode() if isinstance(p, str) else bytes(p) for p in pieces) == text.encode()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_the_pieces_join_to_the_sentence_and_a_lost_one_is_seen(row: Vocabulary) -> None:
    assert list(row["pieces"]) == list(SENTENCES)
    for name, text in SENTENCES.items():
        pieces = row["pieces"][name]
        assert joins(row, text, pieces), name
        assert not joins(row, text, pieces[:-1]) and not joins(row, text, [*pieces, "x"])


def test_pebbles_row_is_pebbles() -> None:
    tokenizer = Tokenizer.load()
    for name, text in SENTENCES.items():
        pieces = ROWS[0]["pieces"][name]
        assert [
            tokenizer.bytes_of[n] if isinstance(p, list) else tokenizer.decode([n])
            for n, p in zip(tokenizer.encode(text), pieces, strict=True)
        ] == [bytes(p) if isinstance(p, list) else p for p in pieces]


@pytest.mark.parametrize(("name", "year"), vocabularies.SOURCES)
def test_the_others_are_what_their_tokenizers_make(name: str, year: int) -> None:
    try:
        size, _, pieces = vocabularies.SOURCES[name, year]()
    except ModuleNotFoundError as missing:
        pytest.skip(f"{name} was not cut anew: {missing}")
    row = next(row for row in ROWS if row["name"] == name)
    assert (row["year"], row["size"], row["pieces"]) == (year, size, pieces)


def test_the_table_counts_the_pieces_and_tells_the_unknown() -> None:
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in vocabularies.table(ROOT).splitlines()
    ]
    assert lines[0] == ["Vocabulary", "Size", *SENTENCES] and len(lines) == 2 + len(ROWS)
    for row, line in zip(ROWS, lines[2:], strict=True):
        assert line[0] == f"{row['name']} ({row['year']})"
        assert [int(cell.split(",")[0]) for cell in line[2:]] == [len(p) for p in row["pieces"].values()]
        assert "unknown" not in "".join(line) or row["name"] == "BERT"
    assert "8, 6 unknown" in vocabularies.table(ROOT)


def test_the_file_is_as_the_script_writes_it() -> None:
    text = (ROOT / vocabularies.FILE).read_text(encoding="utf-8")
    assert vocabularies.written(json.loads(text)) == text
