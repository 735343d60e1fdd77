"""What `docs/facts/*.yml` may say, and `Facts`, which reads them.

A fact is written once, with its source and date. A value is known, because a source gave it, or absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, RootModel, model_validator

from sitekit.layers import read_text
from sitekit.links import Place
from sitekit.links.in_notebook import read_notebook
from sitekit.links.slugs import slug, slugs
from sitekit.memory import Architecture
from sitekit.rows import FactError, Fault, Row, near, read

# --- what a row may say --------------------------------------------------------------------------


def _like(pattern: str, remedy: str) -> BeforeValidator:
    """Text that matches a pattern as a whole; `remedy` finishes the sentence about a value that does not."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(remedy)
        return value

    return BeforeValidator(check)


def _in_calendar(value: str) -> str:
    try:
        date.fromisoformat(value if len(value) == 10 else f"{value}-01")
    except ValueError:
        raise ValueError("is not in the calendar") from None
    return value


DAY = _like(r"\d{4}-\d\d-\d\d", "is not a day; write it like 2026-11-24")
DAY_OR_MONTH = _like(r"\d{4}-\d\d(-\d\d)?", "is not a day (2026-11-24) or a month (2026-11)")
ID = _like(r"[a-z0-9][a-z0-9.-]*", "is not an id; use lower-case letters, digits, dots and hyphens")
HUGGING_FACE_ID = _like(r"[\w.-]+/[\w.-]+", "is not a Hugging Face id; write owner/name")
ARXIV_ID = _like(r"\d{4}\.\d{4,5}", 'is not an arXiv id; write it in quotes, like "1706.03762"')
DEFINITION = _like(
    r".{1,129}[^.\s]",
    "is not a definition; in at most 130 characters finish “A token is …”, without a full stop",
)
SENTENCES = _like(r"\S.*[.?!)]", "is not made of sentences; end it with a full stop")
TAUGHT = _like(
    r"(docs|labs)/\S+\.(md|ipynb)(#\S+)?",
    "is not a page; write its path in the repository, like docs/llms/README.md#temperature",
)
URL = _like(r"https://[\w.-]+\.\w+(/\S*)?", "is not a URL; give https://…, and put remarks into note")

# Dates stay ISO text, which sorts and compares as it stands; a month comes before each of its days.
Day = Annotated[str, DAY, AfterValidator(_in_calendar)]
When = Annotated[str, DAY_OR_MONTH, AfterValidator(_in_calendar)]
Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, ID]
Url = Annotated[str, URL]
Urls = Annotated[list[Url], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)]
Medium = Literal["text", "image", "audio", "video", "pdf", "embedding"]
Billions = Annotated[float, Field(gt=0)]


class Parameters(Row):
    """Weights in billions. `active` is for mixtures of experts: those that one token uses."""

    total: Billions
    active: Billions | None = None

    @model_validator(mode="after")
    def _active_is_part(self) -> Parameters:
        if self.active and self.active > self.total:
            raise ValueError(f"active ({self.active:g}) is more than total ({self.total:g})")
        return self


class Experts(Row):
    """A mixture of experts, per layer: `routed` exist, a token uses `active` of them; `shared` always run."""

    routed: PositiveInt
    active: PositiveInt
    shared: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _active_is_part(self) -> Experts:
        if self.active > self.routed:
            raise ValueError(f"active ({self.active}) is more than routed ({self.routed})")
        return self


class Modalities(Row):
    """What a model reads and what it gives back."""

    reads: Annotated[list[Medium], Field(alias="in", min_length=1)]
    gives: Annotated[list[Medium], Field(alias="out", min_length=1)]


class Model(Row):
    """One model of `models.yml`."""

    id: Id
    name: Text
    developer: Text
    access: Literal["api", "open-weights"]
    kind: Literal["general", "code", "math", "vision", "embedding"]
    released: When | None = None
    retired: When | None = None  # the API's shutdown, past or announced
    parameters: Parameters | None = None
    experts: Experts | None = None
    context: PositiveInt | None = None  # tokens, input and output together unless `note` says otherwise
    output: PositiveInt | None = None  # tokens of the longest answer
    modalities: Modalities | None = None
    licence: Text | None = None  # of the weights
    ollama: Text | None = None
    hf: Annotated[str, HUGGING_FACE_ID] | None = None
    architecture: Architecture | None = None
    strengths: Text | None = None
    source: Urls
    source_date: When
    note: Text | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Model:
        if self.access == "api" and (self.hf or self.ollama or self.licence):
            raise ValueError("hf, ollama and licence are for open weights, but access is api")
        if self.released and self.retired and self.retired < self.released[: len(self.retired)]:
            raise ValueError(f"retired ({self.retired}) lies before released ({self.released})")
        return self


class Models(Row):
    """The file of models. `checked`: the day on which somebody last held all of it against its sources."""

    checked: Day
    models: list[Model]


class Choice(Row):
    """One row of the decision guide: for a need, the models to look at first, best known first."""

    need: Text
    models: Annotated[list[Id], Field(min_length=1)]
    why: Text
    checked: Day


class Price(Row):
    """What a hosted model costs, in US dollars for a million tokens read, read again, and written."""

    model: Id
    input: Annotated[float, Field(gt=0)]
    cached: Annotated[float, Field(gt=0)] | None = None
    output: Annotated[float, Field(gt=0)]
    source: Urls
    source_date: When
    note: Text | None = None

    @model_validator(mode="after")
    def _again_is_cheaper(self) -> Price:
        if self.cached and self.cached > self.input:
            raise ValueError(f"cached ({self.cached:g}) is more than input ({self.input:g})")
        return self


class Paper(Row):
    """One paper or specification that pages cite. `source`: where its id and title were seen together."""

    id: Id
    title: Text
    authors: Text
    year: Annotated[int, Field(ge=1900)]
    arxiv: Annotated[str, ARXIV_ID] | None = None
    url: Url | None = None
    source: Text

    @model_validator(mode="after")
    def _has_a_place(self) -> Paper:
        if bool(self.arxiv) == bool(self.url):
            raise ValueError("give arxiv (like 1706.03762), or url for what is not on arXiv")
        return self


class Term(Row):
    """One term of the glossary. Pebble learns `term`, `aliases` and `definition` by heart.

    `also`: names that came after Pebble's training; `learned`: false for a whole row that did.
    `taught`: the page, and the anchor on it, that teaches the term. `link`: the pages and folders
    where its first use is linked, for a word that means something else elsewhere; none given, everywhere.
    """

    term: Text
    aliases: list[Text] = []
    also: list[Text] = []
    learned: bool = True
    definition: Annotated[str, DEFINITION]
    longer: Annotated[str, SENTENCES]
    misunderstanding: Annotated[str, SENTENCES] | None = None
    taught: Annotated[str, TAUGHT]
    related: Annotated[list[Text], Field(min_length=1)]
    link: list[Text] | None = None

    @property
    def names(self) -> list[str]:
        """Everything that people call it."""
        return [self.term, *self.aliases, *self.also]

    @property
    def heading(self) -> str:
        """What stands above it on the page of the glossary: `byte-pair encoding (BPE)`."""
        others = ", ".join(self.names[1:])
        return f"{self.term} ({others})" if others else self.term

    @property
    def anchor(self) -> str:
        """Where it stands on the page of the glossary."""
        return slug(self.heading)


# --- all facts of a repository -------------------------------------------------------------------


class Facts:
    """The facts under `root`, each file read when it is first asked for. Everything may raise FactError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def _models(self) -> Models:
        sheet = read(self.root, "docs/facts/models.yml", Models)
        file = sheet.content
        ids = [model.id for model in file.models]
        faults: list[Fault] = [(["models", i, "id"], what) for i, what in _repeated(ids)]
        faults += _in_future(["checked"], "", file.checked, date.today().isoformat(), "today")
        for i, model in enumerate(file.models):
            for field in ("released", "source_date"):
                value = getattr(model, field) or ""
                row = f'row "{model.id}": '
                faults += _in_future(["models", i, field], row, value, file.checked, "the day it was checked")
        sheet.must_not(faults)
        return file

    @cached_property
    def models(self) -> dict[str, Model]:
        """Every model by its id, in the order of the file."""
        return {model.id: model for model in self._models.models}

    @property
    def checked(self) -> str:
        """The day on which the models were last checked: what "retired" and "planned" are measured by."""
        return self._models.checked

    @cached_property
    def choices(self) -> list[Choice]:
        """The decision guide."""
        sheet = read(self.root, "docs/facts/choices.yml", RootModel[list[Choice]])
        faults: list[Fault] = []
        for i, choice in enumerate(sheet.content.root):
            row = f'row "{choice.need}": '
            faults += _in_future([i, "checked"], row, choice.checked, date.today().isoformat(), "today")
            for j, id in enumerate(choice.models):
                model, what = self.models.get(id), ""
                if not model:
                    what = f'no model "{id}" in models.yml; {near(id, self.models)}'
                elif model.retired and model.retired <= choice.checked:
                    what = f'"{id}" is retired since {model.retired}; choose another'
                faults += [([i, "models", j], row + what)] * bool(what)
        sheet.must_not(faults)
        return sheet.content.root

    @cached_property
    def prices(self) -> dict[str, Price]:
        """What models cost, by their id in models.yml."""
        sheet = read(self.root, "docs/facts/prices.yml", RootModel[list[Price]])
        rows = sheet.content.root
        faults: list[Fault] = [([i, "model"], what) for i, what in _repeated(row.model for row in rows)]
        for i, row in enumerate(rows):
            name = f'row "{row.model}": '
            if row.model not in self.models:
                faults.append(
                    ([i, "model"], f"{name}no such model in models.yml; {near(row.model, self.models)}")
                )
            faults += _in_future([i, "source_date"], name, row.source_date, date.today().isoformat(), "today")
        sheet.must_not(faults)
        return {row.model: row for row in rows}

    @cached_property
    def papers(self) -> dict[str, Paper]:
        """Every paper by its id."""
        sheet = read(self.root, "docs/facts/papers.yml", RootModel[list[Paper]])
        rows = sheet.content.root
        sheet.must_not([([i, "id"], what) for i, what in _repeated(paper.id for paper in rows)])
        return {paper.id: paper for paper in rows}

    @cached_property
    def glossary(self) -> dict[str, Term]:
        """Every term of the glossary by its name, in the order of the file."""
        sheet = read(self.root, "docs/facts/glossary.yml", RootModel[list[Term]])
        rows = sheet.content.root
        terms = {row.term: row for row in rows}
        sheet.must_not([*_same_names(rows), *_not_related(rows, terms), *_not_taught(rows, self.root)])
        return terms

    def pick(self, ids: str) -> list[Model]:
        """The models that `ids` names, separated by spaces, in that order."""
        return [self.models[id] for id in names("models.yml", "model", ids, self.models)]


def names(file: str, kind: str, text: str, known: Iterable[str]) -> list[str]:
    """The words of `text`, all of them known. Raises FactError naming each that is not."""
    known, words = list(known), text.split()
    faults = [f'{file}: no {kind} "{word}"; {near(word, known)}' for word in words if word not in known]
    if faults or not words:
        raise FactError("\n".join(faults) or f"{file}: no {kind} was named; name at least one")
    return words


def _repeated(ids: Iterable[str]) -> Iterator[tuple[int, str]]:
    seen = set()
    for i, id in enumerate(ids):
        if id in seen:
            yield i, f'row "{id}": its id is taken by an earlier row; rename or delete one'
        seen.add(id)


def _same_names(rows: list[Term]) -> Iterator[Fault]:
    """Names that two terms share, and anchors, which would lead to the wrong one."""
    owner: dict[str, str] = {}
    anchors: dict[str, str] = {}
    for i, row in enumerate(rows):
        for name in row.names:
            if name.lower() in owner:
                yield [i], f'row "{row.term}": "{name}" is a name of "{owner[name.lower()]}" too; delete one'
            owner[name.lower()] = row.term
        if (other := anchors.setdefault(row.anchor, row.term)) != row.term:
            yield [i], f'row "{row.term}": its anchor is that of "{other}"; give it an alias'


def _not_related(rows: list[Term], terms: dict[str, Term]) -> Iterator[Fault]:
    for i, row in enumerate(rows):
        for j, name in enumerate(row.related):
            if name == row.term:
                yield [i, "related", j], f'row "{row.term}": is related to itself; delete it there'
            elif name not in terms:
                yield [i, "related", j], f'row "{row.term}": no term "{name}"; {near(name, terms)}'


def _not_taught(rows: list[Term], root: Path) -> Iterator[Fault]:
    """Pages that do not exist, and anchors that their pages lack."""
    anchors_of = cache(lambda page: _anchors(root, page))
    pages = [
        p.relative_to(root).as_posix() for kind in ("docs/**/*.md", "labs/**/*.*") for p in root.glob(kind)
    ]
    for i, row in enumerate(rows):
        page, _, anchor = row.taught.partition("#")
        if page not in pages:
            yield [i, "taught"], f'row "{row.term}": there is no page {page}; {near(page, pages)}'
        elif anchor and anchor not in anchors_of(page):
            remedy = near(anchor, [a for a in anchors_of(page) if not a.startswith(("check-", "exercise-"))])
            yield [i, "taught"], f'row "{row.term}": {page} has no heading "#{anchor}"; {remedy}'
        for j, place in enumerate(row.link or []):
            if not (root / place).exists():
                yield [i, "link", j], f'row "{row.term}": there is no {place}; name a page or a folder'


def _anchors(root: Path, page: str) -> list[str]:
    text = read_text(root, page)
    if page.endswith(".ipynb"):
        return slugs(heading.text for heading in read_notebook(text, Place(page)).headings)
    # a parser would take ten times as long, at every build
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return slugs(heading.strip() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE))


def _in_future(loc: Sequence[str | int], row: str, value: str, limit: str, what: str) -> Iterator[Fault]:
    if value > limit:
        yield loc, f'{row}field "{loc[-1]}": "{value}" lies after {what} ({limit}); mend the date'
