"""The anchors that a code host gives to headings."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def slug(heading: str, separator: str = "-") -> str:
    """GitHub's anchor for a heading's text, before repeated ones are numbered.

    Lower case; letters, marks, decimal and letter-like numbers, connectors such as "_", and "-" stay;
    each space becomes the separator, so "A & B" is "a--b". The signature is what Python-Markdown's `toc` asks
    of a `slugify`. The trusted twin is github-slugger, whose answers are in tests/golden/links/slugs.yml. (It
    also keeps enclosed letters such as Ⓐ, which we have no use for.)
    """
    kept = (character for character in heading.lower() if _stays(character))
    return "".join(kept).replace(" ", separator)


def slugs(headings: Iterable[str]) -> list[str]:
    """The anchors of a page's headings in their order: a repeated one gets "-1", then "-2"."""
    used: dict[str, int] = {}
    result = []
    for heading in headings:
        base = anchor = slug(heading)
        while anchor in used:
            used[base] += 1
            anchor = f"{base}-{used[base]}"
        used[anchor] = 0
        result.append(anchor)
    return result


def _stays(character: str) -> bool:
    category = unicodedata.category(character)
    return character in " -" or category[0] in "LM" or category in ("Nd", "Nl", "Pc")
