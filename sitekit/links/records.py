"""What the readers find and the checkers report: plain records, no logic beyond their own text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands: a file and its line, counted from 1; in a notebook, a cell and its line."""

    file: str
    cell: int = 0
    """1 for the first cell of a notebook; 0 in any other file."""
    line: int = 1
    output: bool = False
    """Whether the line is one of the cell's output rather than of its source."""

    def down(self, lines: int) -> Place:
        """The place `lines` further down in the same file or cell."""
        return replace(self, line=self.line + lines)

    def __str__(self) -> str:
        if not self.cell:
            return f"{self.file}:{self.line}"
        return f"{self.file}, cell {self.cell}, {'output line' if self.output else 'line'} {self.line}"


@dataclass(frozen=True)
class Link:
    """One target as it is written, before anyone asked whether it exists."""

    target: str
    where: Place
    kind: str = "link"
    """The noun for a message: "link", "image", "script src", "nav entry" …"""
    loads: bool = False
    """Whether a browser fetches the target by itself, without a reader's click."""
    in_nav: bool = False
    """Whether it stands inside a `<nav>` element."""


@dataclass(frozen=True, order=True)
class Fault:
    """One broken thing. `str(fault)` is the line that an author reads."""

    where: Place
    kind: str
    target: str
    reason: str
    suggestion: str = ""

    def __str__(self) -> str:
        advice = f"; {self.suggestion}" if self.suggestion else ""
        return f'{self.where}: {self.kind} "{self.target}": {self.reason}{advice}'


class Complaint(Exception):
    """Why a target is wrong. The check that notices raises it; the caller knows the place and reports."""

    def __init__(self, reason: str, suggestion: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.suggestion = suggestion

    def about(self, link: Link) -> Fault:
        return Fault(link.where, link.kind, link.target, self.reason, self.suggestion)


@dataclass(frozen=True, order=True)
class External:
    """An address on another host, and where it is written."""

    url: str
    where: Place


@dataclass(frozen=True)
class Heading:
    text: str
    where: Place


@dataclass
class Page:
    """Everything in one document (Markdown, notebook, HTML, CSS, SVG) that links, or can be linked to."""

    links: list[Link] = field(default_factory=list)
    references: list[Link] = field(default_factory=list)
    """Ids that the page names itself, for example by `aria-labelledby`."""
    headings: list[Heading] = field(default_factory=list)
    """Of Markdown, where the code host makes anchors from them."""
    ids: list[tuple[str, Place]] = field(default_factory=list)
    """Explicit `id` attributes (and `name` on `<a>`)."""
    unnamed: list[Link] = field(default_factory=list)
    """Images without alternative text."""
    faults: list[Fault] = field(default_factory=list)
    """What was wrong already while reading."""
    language: str = ""
    title: str = ""
    h1: int = 0
    redirects: bool = False

    def add(self, other: Page) -> None:
        """Append what another reader found in a part of this page."""
        self.links += other.links
        self.references += other.references
        self.headings += other.headings
        self.ids += other.ids
        self.unnamed += other.unnamed
        self.faults += other.faults


@dataclass(frozen=True)
class Report:
    """The outcome of one check."""

    faults: list[Fault]
    externals: list[External]
    files: int
    links: int
