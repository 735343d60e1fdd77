"""The prose of pages and notebooks, as the tests of spelling and style read it, and how long that takes.

Prose is what a reader reads as sentences: text, headings, alt texts, summaries of folded parts. Code,
addresses, comments and passages in other languages (`<span lang="de">`) are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from sitekit import quiz
from sitekit.layers import split_front_matter


class Passage(NamedTuple):
    """A piece of prose, and where it begins: `docs/models.md:12`, or `labs/llms/03.ipynb, cell 4, line 2`."""

    place: str
    text: str


HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands where something was that is no word, such as code
PARSER = MarkdownIt("commonmark").enable("table")
FOREIGN = re.compile(r'<(span|p|div)[^>]*\blang="(?!en)[^"]*"[^>]*>.*?</\1>', re.DOTALL)
MARKUP = re.compile(r"<!--.*?-->|<[^>]*>|https?://\S+", re.DOTALL)


def in_markdown(name: str, page: str) -> Iterator[Passage]:
    """The passages of a page."""
    front, _ = split_front_matter(page)
    for number, line in enumerate(front.splitlines(), 2):
        key, _, value = line.partition(": ")
        if key in ("title", "summary") or (line.startswith("  - ") and not line.endswith(".md")):
            yield Passage(f"{name}:{number}", value or line[4:])
    yield from (Passage(f"{name}:{line}", text) for line, text in _blocks(_without(front, page)))


def in_notebook(name: str, notebook: str) -> Iterator[Passage]:
    """The passages of a notebook's Markdown cells."""
    for number, cell in enumerate(json.loads(notebook)["cells"], 1):
        if cell["cell_type"] == "markdown":
            for line, text in _blocks("".join(cell["source"])):
                yield Passage(f"{name}, cell {number}, line {line}", text)


def _without(front: str, page: str) -> str:
    """The page with empty lines in place of its front matter, so that lines keep their numbers."""
    lines = front.count("\n") + 3 if front else 0
    return "\n" * lines + page.split("\n", lines)[-1]


def _blocks(markdown: str) -> Iterator[tuple[int, str]]:
    """Line and text of each block that holds prose."""
    tokens = PARSER.parse(markdown)
    for before, token in zip([None, *tokens], tokens, strict=False):
        line = token.map[0] + 1 if token.map else 1
        if token.type == "html_block":
            yield line, MARKUP.sub(" ", FOREIGN.sub(" ", token.content))
        elif token.type == "inline":
            # a cell of a table often begins with a name: it is no beginning of a sentence
            in_cell = before and before.type in ("td_open", "th_open")
            yield from _lines(line, HOLE if in_cell else "", token)


def _lines(line: int, text: str, block: Token) -> Iterator[tuple[int, str]]:
    """The text of a paragraph, which begins with `text`, line by line, without what is code or foreign."""
    foreign = 0
    for token in block.children or []:
        if token.type == "html_inline":
            if re.match(r'<\w+[^>]*\blang="(?!en)', token.content):
                foreign += 1
            elif foreign and token.content.startswith("</"):
                foreign -= 1
        elif token.type in ("softbreak", "hardbreak"):
            yield line, text
            text, line = "", line + 1
        elif token.type == "image":
            text += f" {token.content} "
        elif token.type == "text" and not foreign:
            text += MARKUP.sub(" ", token.content)
        elif token.type == "code_inline":
            text += HOLE
    yield line, text


# --- spelling and style ----------------------------------------------------------------------------

WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
NO_WORD = re.compile(
    r"\S*[\d/_@\\]\S*|\w\S*\.\w\S*|\S*[^\W\d_A-Za-z]\S*"
)  # gpt-oss-120b, key/value, llama.cpp, Río
QUOTED = re.compile(r'"[^"]*"|“[^”]*”')


def words(text: str) -> Iterator[str]:
    """The words whose spelling can be checked: no names, so no capitals but at the start of a sentence."""
    text = NO_WORD.sub(HOLE, text.replace("’", "'")).replace("-", " ")
    for match in WORD.finditer(text):
        word = re.sub(r"'(s|re|ll|ve|d|m)?$", "", match[0])
        before = text[: match.start()].strip()
        begins = not before or before[-1] in ".?!"
        if len(word) > 1 and (word.islower() or (begins and word.istitle())):
            yield word


def avoided(passage: Passage, remedies: dict[str, str]) -> Iterator[str]:
    """A message for each word of `remedies` that a passage uses; quoting one is fine."""
    text = QUOTED.sub(" ", passage.text)
    for word, remedy in remedies.items():
        if match := re.search(rf"(?<![\w-]){word}(?![\w-])", text, re.IGNORECASE):
            yield f'{passage.place}: "{match[0]}": {remedy}'


# --- how long and how deep ---------------------------------------------------------------------------

WORDS_A_MINUTE = 200  # of technical prose, read to be understood
MINUTES = {"line of code": 0.05, "figure": 1 / 3, "check": 0.5, "exercise": 3}


def minutes(page: str) -> float:
    """How long it takes to work through a page: to read its words and code, to look, to think, to try.

    Words / 200, and 3 s for a line of code or output, 20 s for a figure, 30 s for a quiz question, 3 minutes
    for an exercise with its solution. Tables count as words. Who codes the exercises needs longer.
    """
    read = re.sub(r"^## Exercises$.*?(?=^## |\Z)", "", page, flags=re.M | re.S)
    prose = sum(len(passage.text.split()) for passage in in_markdown("", read))
    code = sum(len(block.splitlines()) - 2 for block in re.findall(r"^```.*?^```$", read, re.M | re.S))
    figures = len(re.findall(r"^!\[", read, re.M))
    counts = {
        "line of code": code,
        "figure": figures,
        "check": len(quiz.questions(page)),
        "exercise": len(quiz.exercises(page)),
    }
    return prose / WORDS_A_MINUTE + sum(MINUTES[kind] * count for kind, count in counts.items())


def too_deep(name: str, page: str) -> Iterator[str]:
    """A message for each heading below H3, which would make the table of contents deeper than two levels."""
    for token in PARSER.parse(_without(split_front_matter(page)[0], page)):
        if token.type == "heading_open" and token.tag > "h3" and token.map:
            remedy = "H3 is the deepest: say it in bold, or split the section"
            yield f"{name}:{token.map[0] + 1}: a heading of level {token.tag[1]}; {remedy}"
