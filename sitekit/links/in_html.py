"""Reads what links, and what can be linked to, out of HTML, SVG and CSS."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from sitekit.links.records import Link, Page, Place

# Where HTML and SVG keep addresses, and where they name an id of the same page.
ADDRESSES = ("href", "src", "poster", "action", "formaction", "xlink:href")
SOURCE_SETS = ("srcset", "imagesrcset")
ID_LISTS = ("for", "list", "headers", "popovertarget") + tuple(
    f"aria-{relation}" for relation in ("labelledby", "describedby", "controls", "owns", "details")
)
STYLED = ("style", "fill", "stroke", "filter", "mask", "clip-path") + tuple(
    f"marker-{position}" for position in ("start", "mid", "end")
)

FOLLOWED = ("a", "area", "form", "button", "input")  # a reader's act leads there
RELATED = {"canonical", "alternate", "prev", "next", "author", "license", "help", "me", "search", "bookmark"}

CSS = re.compile(
    r"""/\*.*?\*/
    | @import\s+["'](?P<import>[^"']*)["']
    | \burl\(\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^)"']*?))\s*\)
    | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'""",
    re.DOTALL | re.VERBOSE,
)


def read_html(text: str, where: Place) -> Page:
    """The links, ids, references and headings of an HTML document or fragment that begins at `where`."""
    reader = _Reader(where)
    reader.feed(text)
    reader.close()
    return reader.page


def read_css(text: str, where: Place) -> Page:
    """The addresses in a style sheet: `url(…)` and `@import`. Comments and strings are none."""
    page = Page()
    for match in CSS.finditer(text):
        if match.lastgroup:
            kind = "@import" if match.lastgroup == "import" else "url()"
            at = where.down(text.count("\n", 0, match.start()))
            page.links.append(Link(match[match.lastgroup], at, kind, loads=True))
    return page


def source_set(value: str) -> list[str]:
    """The addresses of a `srcset`: candidates are separated by commas, an address from its size by space."""
    return re.findall(r"(\S*[^\s,])(?:\s+[^\s,]+)?\s*(?:,|$)", value)


class _Reader(HTMLParser):
    """One pass over the tags; what it finds is in `page`."""

    def __init__(self, where: Place) -> None:
        super().__init__()
        self.page = Page()
        self.start = where
        self.open = {"nav": 0, "svg": 0, "title": 0, "style": 0}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in self.open:
            self.open[tag] += 1
        if tag == "html":
            self.page.language = values.get("lang", "")
        if tag == "h1":
            self.page.h1 += 1
        self._identify(tag, values)
        for name, value in values.items():
            if name in ADDRESSES or (tag, name) == ("object", "data"):
                self._link(tag, name, value, values)
            elif name in SOURCE_SETS:
                for target in source_set(value):
                    self._link(tag, name, target, values)
            elif name in ID_LISTS:
                at = self.here(value)
                self.page.references += [Link(target, at, name) for target in value.split()]
            elif name in STYLED:
                self.page.add(read_css(value, self.here(value)))
        if values.get("http-equiv", "").lower() == "refresh":
            self.page.redirects = True
            _, _, target = values.get("content", "").partition("=")
            self.page.links.append(Link(target.strip(" '\""), self.here(), "meta refresh"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.get(tag):
            self.open[tag] -= 1

    def handle_data(self, data: str) -> None:
        if self.open["style"]:
            self.page.add(read_css(data, self.here()))
        elif self.open["title"] and not self.open["svg"]:
            self.page.title += data.strip()

    def here(self, value: str = "") -> Place:
        """The place of the tag that is being read, or within it of an attribute's value."""
        tag = self.get_starttag_text() or ""
        before = tag.count("\n", 0, max(tag.find(value), 0))
        return self.start.down(self.getpos()[0] - 1 + before)

    def _identify(self, tag: str, values: dict[str, str]) -> None:
        name = values.get("id") or (values.get("name") if tag == "a" else "")
        if name:
            self.page.ids.append((name, self.here()))

    def _link(self, tag: str, name: str, target: str, values: dict[str, str]) -> None:
        kind = {("a", "href"): "link", ("img", "src"): "image"}.get((tag, name), f"{tag} {name}")
        related = tag == "link" and set(values.get("rel", "").lower().split()) <= RELATED
        loads = tag not in FOLLOWED and not related
        self.page.links.append(Link(target.strip(), self.here(target), kind, loads, bool(self.open["nav"])))
        if (tag, name) == ("img", "src") and not values.get("alt", "").strip():
            self.page.unnamed.append(self.page.links[-1])
