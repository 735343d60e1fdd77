"""Prose is spelled in British English, without filler and hype; pages take as long as they say.

A word that the dictionaries lack, and that is right, goes into tests/words.txt; a word to avoid, with what to do
instead, into tests/avoid.yml.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from building import ROOT
from hunspell import Hunspell

from sitekit import layers, prose
from sitekit.prose import Passage

HERE = Path(__file__).parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("labs/**/*.md"), ROOT / "README.md"])
NOTEBOOKS = sorted(ROOT.glob("labs/**/*.ipynb"))
OURS = {
    line.strip() for line in (HERE / "words.txt").read_text("utf-8").splitlines() if not line.startswith("#")
}
AVOID: dict[str, str] = yaml.safe_load((HERE / "avoid.yml").read_text("utf-8"))


@functools.cache
def hunspell() -> Hunspell:
    """Hunspell with its American dictionary, the only one that comes with it."""
    return Hunspell("en_US")


@functools.cache
def in_american() -> dict[str, str]:
    """British words and their American spellings, from the list that codespell keeps."""
    file = importlib.resources.files("codespell_lib") / "data/dictionary_en-GB_to_en-US.txt"
    lines = (line for line in file.read_text("utf-8").splitlines() if "->" in line)
    return dict(line.rstrip(", ").split("->") for line in lines)


@functools.cache
def in_british() -> dict[str, str]:
    return {american: british for british, american in in_american().items()}


def misspelt(passage: Passage) -> Iterator[str]:
    for word in dict.fromkeys(prose.words(passage.text)):
        if word.lower() in OURS:
            continue
        if british := in_british().get(word.lower()):
            yield f'{passage.place}: "{word}" is American; write "{british}"'
        elif not is_english(word):
            near = ", ".join(f'"{guess}"' for guess in hunspell().suggest(word)[:3])
            remedy = f"did you mean {near}? If it is right," if near else "mend it, or, if it is right,"
            yield f'{passage.place}: "{word}" is in no dictionary; {remedy} add it to tests/words.txt'


def is_english(word: str) -> bool:
    """Whether Hunspell knows the word, as it is or in its American spelling: by the list, or -ise as -ize."""
    word = word if hunspell().spell(word) else word.lower()  # Berlin is known, Softmax is not
    regular = re.sub(r"is(e[drs]?|ers|ing|ations?|able)$", r"iz\1", word)
    return any(map(hunspell().spell, (word, in_american().get(word, word), regular)))


def passages(path: Path) -> Iterator[Passage]:
    read = prose.in_notebook if path.suffix == ".ipynb" else prose.in_markdown
    return read(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_prose_is_spelled_right(path: Path) -> None:
    told = [line for passage in passages(path) for line in misspelt(passage)]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_prose_is_free_of_filler_and_hype(path: Path) -> None:
    told = [line for passage in passages(path) for line in prose.avoided(passage, AVOID)]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_no_table_of_contents_is_deeper_than_two_levels(path: Path) -> None:
    assert not list(prose.too_deep(name(path), path.read_text("utf-8")))


LAYERS = [
    layer
    for index in ROOT.glob("docs/*/concepts.md")
    for layer in layers.read_topic(ROOT, index.parent.name).layers
    if layer.written and layer.code != "L3"
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.path)
def test_a_page_takes_as_long_as_it_says(layer: layers.Layer) -> None:
    counted = prose.minutes((ROOT / layer.path).read_text("utf-8"))
    assert counted / 1.25 <= layer.minutes <= counted * 1.25, (
        f"{layer.path}: minutes: {layer.minutes}, but its words, code, figures, checks and exercises take "
        f"about {counted:.0f} (see minutes() in sitekit/prose.py); mend the front matter, or the page"
    )


# --- the readers themselves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The colour of a color.", ['p:1: "color" is American; write "colour"']),
        (
            "Recieve it.",
            [
                'p:1: "Recieve" is in no dictionary; did you mean "Receive", "Relieve", "Retrieve"? If it is right, add it to tests/words.txt'
            ],
        ),
        ("To standardise, summarised, by normalisation, modelling neighbours in Berlin.", []),
        ("It's the model's, isn't it? Ask Vaswani, NVIDIA, gpt-oss-120b or foo.py.", []),
        (
            "so well-knwon",
            [
                'p:1: "knwon" is in no dictionary; did you mean "known", "kn won", "kn-won"? If it is right, add it to tests/words.txt'
            ],
        ),
        (
            "zqzqzqzqzqzqzqzqzqzqzqzqzqzqz",
            [
                'p:1: "zqzqzqzqzqzqzqzqzqzqzqzqzqzqz" is in no dictionary; mend it, or, if it is right, add it to tests/words.txt'
            ],
        ),
    ],
)
def test_a_misspelt_word_is_told(text: str, said: list[str]) -> None:
    assert list(misspelt(Passage("p:1", text))) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We simply add it.", '"simply": delete it; what is simple shows'),
        ("In order to see it", '"In order to": write "to"'),
        ("a Powerful model", '"Powerful": say what it can do'),
        ("it leverages this", '"leverages": write "use"'),
        ("a state-of-the-art model", '"state-of-the-art": name the result and its date'),
    ],
)
def test_a_word_to_avoid_is_told(text: str, said: str) -> None:
    assert list(prose.avoided(Passage("p:1", text), AVOID)) == [f"p:1: {said}"]


def test_a_word_to_avoid_may_be_quoted_and_may_be_part_of_another() -> None:
    passage = Passage("p:1", 'He wrote "simply" and “leverage”; overpowerful is another word.')
    assert list(prose.avoided(passage, AVOID)) == []


def test_only_prose_is_read_and_lines_are_kept() -> None:
    page = (
        "---\ntitle: A title\nminutes: 5\nprerequisites:\n  - README.md\n  - Some Python.\n---\n"
        "# Heading `code`\n\nfirst line <!-- a note -->\nsecond [link](http://x.y/zzz) "
        '<span lang="de">Wort</span> end\n\n```python\ncodeword\n```\n\n<details markdown="1"><summary>A. option</summary>\n\n'
        "![alt text](a.svg)\n\n</details>\n\n| a | cell |\n|---|---|\n| b | `c` |\n"
    )
    read = [(p.place, " ".join(p.text.split())) for p in prose.in_markdown("p", page) if p.text.strip()]
    assert read == [
        ("p:2", "A title"),
        ("p:6", "Some Python."),
        ("p:8", f"Heading {prose.HOLE}"),
        ("p:10", "first line"),
        ("p:11", "second link end"),
        ("p:17", "A. option"),
        ("p:19", "alt text"),
        ("p:23", f"{prose.HOLE}a"),
        ("p:23", f"{prose.HOLE}cell"),
        ("p:25", f"{prose.HOLE}b"),
        ("p:25", f"{prose.HOLE}{prose.HOLE}"),
    ]


def test_a_notebook_is_read_by_cell() -> None:
    notebook = '{"cells": [{"cell_type": "code", "source": ["x = 1"]}, {"cell_type": "markdown", "source": ["# T\\n", "\\n", "Text."]}]}'
    assert list(prose.in_notebook("n.ipynb", notebook)) == [
        Passage("n.ipynb, cell 2, line 1", "T"),
        Passage("n.ipynb, cell 2, line 3", "Text."),
    ]


def test_a_heading_that_is_too_deep_is_told() -> None:
    said = "p:5: a heading of level 4; H3 is the deepest: say it in bold, or split the section"
    assert list(prose.too_deep("p", "---\na: b\n---\n### fine\n#### deep\n\n```\n#### code\n```\n")) == [said]


def test_reading_time_adds_up() -> None:
    page = (
        "word " * 400
        + "\n\n```python\n1\n2\n3\n```\n\n![a b](c.svg)\n\n### Check 1: x\n\n"
        + '<details markdown="1"><summary>A. x</summary>\n\n**No.**\n\n</details>\n\n'
        + "## Exercises\n\n### Exercise 1: x\n\n"
        + "word " * 100
        + "\n"
    )
    counted_words = 400 + 2 + 3 + 2 + 1  # text, alt text, heading, option, explanation
    assert prose.minutes(page) == pytest.approx(counted_words / 200 + 3 * 0.05 + 1 / 3 + 0.5 + 3)
