"""What Markdown's HTML still lacks: figures, tables that scroll, and no trace of the generator.

Each function takes a page's text or HTML and gives it back changed; none knows MkDocs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape


class FigureError(Exception):
    """A figure that cannot be shown, told with its file, reason and remedy."""


# --- Markdown ------------------------------------------------------------------------------------

COG = re.compile(r"^[ \t]*<!-- \[\[\[(?:cog .*?\]\]\]|end\]\]\]) -->\n", re.MULTILINE | re.DOTALL)
CHECK = re.compile(r"[ \t]*<!-- check: .*? -->", re.DOTALL)


def without_generator(markdown: str) -> str:
    """The page without cog's comments and those of page_code.py: what they generate and check stays."""
    return CHECK.sub("", COG.sub("", markdown))


# --- figures -------------------------------------------------------------------------------------

FIGURE = re.compile(
    r'<p><img alt="(?P<alt>[^"]*)" src="(?P<src>[^"]+)" ?/?></p>'
    r"(?:\n<p><em>(?P<caption>(?:(?!</?p>|</?em>).|<em>(?:(?!</?em>).)*</em>)*)</em></p>)?",
    re.DOTALL,
)
VIEW_BOX = re.compile(r'<svg\b[^>]*\bviewBox="-?[\d.]+ -?[\d.]+ (?P<width>\d+(?:\.\d+)?) [\d.]+"')


def figures(html: str, read_svg: Callable[[str], str | None]) -> str:
    """An image alone in its paragraph becomes a figure; a wholly emphasised paragraph after it, its caption.

    `read_svg` gives the text of the SVG file that a `src` names, or None when it is not one of ours.
    SVG is put inline, so that it follows the page's colours and its text can be searched and selected.
    """
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        alt, src, caption = match["alt"], match["src"], match["caption"]
        svg = read_svg(src) if src.endswith(".svg") else None
        image = match[0].removeprefix("<p>").partition("</p>")[0]
        picture = inline_svg(svg, f"fig{count}", unescape(alt)) if svg else image
        caption = f"\n<figcaption>{caption}</figcaption>" if caption else ""
        return f"<figure>\n{picture}{caption}\n</figure>"

    return FIGURE.sub(replace, html)


def inline_svg(svg: str, prefix: str, alt: str) -> str:
    """An SVG file as an element of a page: named by `alt`, its ids made unique, its own colours left out.

    The SVG has passed check_svg. `<title>` and `<desc>` go: the alt text says the same, and a title pops up.
    """
    svg = re.sub(r"\A.*?(?=<svg\b)", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<(style|title|desc)\b.*?</\1>|<!--.*?-->", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    head = re.sub(r'\s(?:xmlns|role|aria-[a-z]+|class|width|height)="[^"]*"', "", head)
    rest = re.sub(r'\sid="([^"]+)"', rf' id="{prefix}-\1"', rest)
    rest = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", rest)
    rest = re.sub(r">\s+<", "><", rest).strip()
    box = VIEW_BOX.match(head)
    assert box, "check_svg asks for it"
    # a little larger than drawn at most, so that a figure's text is about as large as the page's
    width = float(box["width"]) * 1.15
    return f'{head} class="fig" role="img" style="max-width:{width:.0f}px" aria-label="{escape(alt)}">{rest}'


def check_svg(path: str, svg: str) -> None:
    """Raise FigureError unless the SVG can be themed: a viewBox, our classes, no colours of its own."""
    if not VIEW_BOX.search(svg):
        raise FigureError(
            f'{path}: the SVG has no viewBox of four numbers, like "0 0 440 120"; add it, so that it scales'
        )
    body = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    colour = re.search(
        r'\b(?:fill|stroke|color)\s*[=:]\s*"?\s*(#\w+|rgb\S*|hsl\S*|[a-z]+\b)', body, re.IGNORECASE
    )
    if colour and colour[1] not in ("none", "currentColor"):
        raise FigureError(
            f"{path}: the colour '{colour[1]}' is fixed; use the classes of docs/assets/figures.css, "
            "so that the figure reads on light and dark"
        )


# --- tables and code -----------------------------------------------------------------------------


def tables(html: str) -> str:
    """Every table in a box that scrolls sideways and can be focused, so that the keyboard scrolls it too."""
    count = 0

    def wrap(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        first = re.search(r"<th[^>]*>(.*?)</th>", match[0], re.DOTALL)
        name = re.sub(r"<[^>]+>", "", first[1]) if first else ""
        label = f"Table {count}: {escape(unescape(name))}"
        box = f'<div class="table" role="group" aria-label="{label}" tabindex="0">'
        return f"{box}{match[0]}</div>"

    return re.sub(r"<table>.*?</table>", wrap, html, flags=re.DOTALL)


PLAIN = re.compile(r'<span class="(?:n|nn|p|w|o|fm|vm|sa|si)">([^<]*)</span>')
BLOCK = re.compile(r"<pre\b([^>]*)>(?:<span></span>)?(<code\b.*?</code>)?", re.DOTALL)


def code(html: str) -> str:
    """Code blocks that the keyboard can scroll, without the spans of tokens that have the colour of text.

    Those are most of a block: leaving them out makes its HTML about half as heavy. What stands between <pre>
    and <code> keeps Material's script from measuring every block at once, and so laying out a long page.
    """

    def block(match: re.Match[str]) -> str:
        inside = f"<span>{match[2]}</span>" if match[2] else ""
        return f'<pre{match[1]} tabindex="0">{inside}'

    return PLAIN.sub(r"\1", BLOCK.sub(block, html))


def name_toggles(html: str) -> str:
    """Give the two checkboxes behind Material's menu and search names, and take what they may not have."""
    for toggle, name in (("drawer", "Navigation"), ("search", "Search")):
        start = f'<input class="md-toggle" data-md-toggle="{toggle}" type="checkbox" id="__{toggle}"'
        html = html.replace(f'{start} autocomplete="off">', f'{start} aria-label="{name}">')
    return html
