"""What our blocks do to HTML, case by case."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import ROOT

from sitekit import blocks
from sitekit.blocks import FigureError

SVG = (
    '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" role="img" aria-labelledby="t d">'
    '<title id="t">T</title><desc id="d">D</desc><style>/* x */ .a{fill:red}</style>\n'
    '  <defs><marker id="m"/></defs>\n  <path class="line" marker-end="url(#m)"/> <use href="#m"/></svg>\n'
)


def test_an_image_with_a_caption_becomes_a_figure_with_inline_svg() -> None:
    html = '<p><img alt="A &quot;b&quot;" src="a.svg" /></p>\n<p><em>The point, <code>x</code>.</em></p>\n<p>After</p>'
    figure = blocks.figures(html, {"a.svg": SVG}.get)
    assert figure == (
        '<figure>\n<svg viewBox="0 0 9 9" class="fig" role="img" style="max-width:10px" aria-label="A &quot;b&quot;">'
        '<defs><marker id="fig1-m"/></defs><path class="line" marker-end="url(#fig1-m)"/><use href="#fig1-m"/></svg>'
        "\n<figcaption>The point, <code>x</code>.</figcaption>\n</figure>\n<p>After</p>"
    )


def test_other_images_stay_images() -> None:
    html = '<p><img alt="A" src="a.png" /></p>\n<p>No caption, <em>partly</em> emphasised.</p>'
    assert blocks.figures(html, {}.get) == (
        '<figure>\n<img alt="A" src="a.png" />\n</figure>\n<p>No caption, <em>partly</em> emphasised.</p>'
    )
    inline = '<p>Text <img alt="A" src="a.svg" /></p>'
    assert blocks.figures(inline, {"a.svg": SVG}.get) == inline


def test_two_figures_on_a_page_share_no_id() -> None:
    html = '<p><img alt="A" src="a.svg" /></p>\n<p><img alt="B" src="a.svg" /></p>'
    out = blocks.figures(html, {"a.svg": SVG}.get)
    assert 'id="fig1-m"' in out and 'id="fig2-m"' in out


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/**/figures/*.svg")), ids=lambda p: p.stem)
def test_our_figures_can_be_themed(path: Path) -> None:
    svg = path.read_text()
    blocks.check_svg(str(path), svg)
    assert "<title" in svg and "<desc" in svg, "a figure shown on its own needs its text alternative"
    assert "prefers-color-scheme:dark" in svg, "run: make generate"


@pytest.mark.parametrize(
    ("svg", "message"),
    [
        ("<svg><path/></svg>", 'x.svg: the SVG has no viewBox of four numbers, like "0 0 440 120"; add it'),
        ('<svg viewBox="0,0,440,120"/>', "x.svg: the SVG has no viewBox of four numbers"),
        (
            '<svg viewBox="0 0 1 1"><path fill="#fff"/></svg>',
            "x.svg: the colour '#fff' is fixed; use the classes",
        ),
        ('<svg viewBox="0 0 1 1"><path style="stroke: red"/></svg>', "x.svg: the colour 'red' is fixed"),
    ],
)
def test_figures_that_cannot_be_themed_are_refused(svg: str, message: str) -> None:
    with pytest.raises(FigureError, match=message):
        blocks.check_svg("x.svg", svg)


def test_colours_that_follow_the_page_are_fine() -> None:
    blocks.check_svg("x.svg", '<svg viewBox="0 0 1 1"><path fill="none" stroke="currentColor"/></svg>')


def test_tables_are_named_and_can_be_scrolled_by_keyboard() -> None:
    html = "<table><thead><tr><th>Model</th></tr></thead></table>"
    assert blocks.tables(html + html).count('tabindex="0"') == 2
    assert 'aria-label="Table 2: Model"' in blocks.tables(html + html)
    quoted = html.replace("Model", 'The "best" &amp; the rest')
    assert 'aria-label="Table 1: The &quot;best&quot; &amp; the rest"' in blocks.tables(quoted)


def test_cog_leaves_no_trace() -> None:
    page = (
        'Before\n\n<!-- [[[cog models("a", "b") ]]] -->\n| a |\n<!-- [[[end]]] -->\n\nAfter <!-- kept -->\n'
    )
    assert blocks.without_generator(page) == "Before\n\n| a |\n\nAfter <!-- kept -->\n"
    assert blocks.without_generator("It is more. <!-- check: p > 0.5 --> And") == "It is more. And"
