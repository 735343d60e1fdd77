"""The figures of docs/llms/advanced.md that show data: of the page's own code, and of the facts."""

from __future__ import annotations

import contextlib
import functools
import io
import math
from typing import Any

import numpy as np

from sitekit.drawings import drawing
from sitekit.drawings.svg import ROOT, Drawing, Scale, axes
from sitekit.fact_files import Facts
from sitekit.page_code import shown

FIGURES = "docs/llms/figures/"


@functools.cache
def page() -> dict[str, Any]:
    """What the page's code has computed, by the names that it gives: a figure shows what the text shows."""
    names: dict[str, Any] = {"__name__": "page"}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(ROOT):
        for block in shown((ROOT / "docs/llms/advanced.md").read_text("utf-8")):
            if block.output:
                exec(compile(block.code, "docs/llms/advanced.md", "exec"), names)
    return names


@drawing(FIGURES + "expert-load.svg")
def expert_load() -> Drawing:
    loads = [("without a bias", page()["load"], "c-bad"), ("with a bias", page()["balanced"], "c-good")]
    fair = sum(loads[0][1]) / len(loads[0][1])
    d = Drawing(440, 330, "Load of eight experts", "Tokens for each expert, before and after balancing.")
    for row, (label, load, colour) in enumerate(loads):
        base = 140 + 160 * row
        height = Scale((0, max(loads[0][1])), (0, 110))
        d.text(8, base - 118, label, "t t-strong")
        d.line([(8, base - height(fair)), (432, base - height(fair))], "grid")
        for i, n in enumerate(load):
            d.bar(10 + 54 * i, base - height(n), 40, height(n), colour)
            d.text(30 + 54 * i, base + 17, str(n), "t t-mid")
    return d


@drawing(FIGURES + "experts-touched.svg")
def experts_touched() -> Drawing:
    models = Facts(ROOT).pick("mixtral-8x7b gpt-oss-120b deepseek-v4-pro kimi-k3")
    d = Drawing(
        440, 320, "Experts touched by a batch", "Share of the experts' weights fetched, by batch size."
    )
    x, y = Scale((0, 10), (56, 408)), Scale((0, 1), (270, 24))
    axes(
        d,
        x,
        y,
        [(n, f"{2**n}") for n in range(0, 11, 2)],
        [(0, "0"), (0.25, "25%"), (0.5, "50%"), (0.75, "75%"), (1, "100%")],
    )
    d.text(240, 312, "tokens computed together", "t t-mid")
    colours = ["c-weight", "c-accent", "c-residual", "c-token"]
    for row, (model, colour) in enumerate(zip(models, colours, strict=True)):
        assert model.experts
        share = model.experts.active / model.experts.routed
        points = [(x(n / 4), y(1 - (1 - share) ** (2 ** (n / 4)))) for n in range(41)]
        d.line(points, f"line {colour}")
        d.text(262, 178 + 22 * row, f"{model.name}", f"t {colour}")
    return d


@drawing(FIGURES + "expert-routing.svg")
def expert_routing() -> Drawing:
    tokens, shares = page()["call"], page()["call_shares"]  # [tokens], [layers, tokens, E]
    rows, experts = len(tokens), shares.shape[-1]
    description = "For each token of a tool call, the two experts of eight that it takes in each layer."
    d = Drawing(440, 56 + 19 * rows, "Experts of each token", description)
    for layer, share in enumerate(shares):
        left = 132 + 160 * layer
        d.text(left + 9 * experts, 18, f"layer {layer + 1}", "t t-strong t-mid")
        for e in range(experts):
            d.text(left + 18 * e + 8, 40, str(e + 1), "t t-muted t-mid")
        visible = np.where(share > 0, 0.2 + 0.8 * share, 0)  # a small share is a choice, too
        d.cells((left, 50), (18, 19), visible, "c-accent")
    for n, token in enumerate(tokens):
        d.text(122, 64 + 19 * n, token.replace(" ", "␣"), "t t-end")
    return d


@drawing(FIGURES + "number-formats.svg")
def number_formats() -> Drawing:
    e4m3 = [0.0] + [2.0 ** max(e, -6) * (m / 8 + (e > -7)) for e in range(-7, 9) for m in range(8)]
    formats = [
        ("4-bit integers", [0.0, 1, 2, 3, 4, 5, 6, 7], 7.0),
        ("E2M1 (FP4)", [0, 0.5, 1, 1.5, 2, 3, 4, 6], 6.0),
        ("E4M3 (FP8)", [v for v in e4m3 if v <= 448], 448.0),
    ]
    d = Drawing(440, 236, "Values of number formats", "Where the positive values of three formats lie.")
    for row, (name, values, greatest) in enumerate(formats):
        base = 58 + 74 * row
        x = Scale((0, greatest), (16, 424))
        d.text(16, base - 28, name, "t t-strong")
        d.line([(16, base), (424, base)], "grid")
        for value in values:
            d.line([(x(value), base - 16), (x(value), base)], "line c-accent")
        d.text(16, base + 18, "0", "t t-muted t-mid")
        d.text(424, base + 18, f"{greatest:g}", "t t-muted t-end")
    return d


@drawing(FIGURES + "quantisation.svg")
def quantisation() -> Drawing:
    results = page()["results"]
    d = Drawing(440, 320, "Quantising Pebble", "Share of exact answers by bits per weight.")
    x, y = Scale((2, 9), (56, 420)), Scale((0, 1), (260, 24))
    axes(d, x, y, [(b, f"{b}") for b in range(2, 10)], [(0, "0"), (0.5, "50%"), (1, "100%")])
    d.text(240, 306, "bits per weight, scales included", "t t-mid")
    whole = [(bits + 0.5, results[f"{bits} bits"][1].mean()) for bits in (2, 3, 4, 5, 6, 8)]
    before = results["16 bits"][1].mean()
    d.line([(x(2), y(before)), (x(9), y(before))], "line c-good")
    d.text(x(9), y(before) - 8, "16 bits", "t c-good t-end")
    d.line([(x(b), y(s)) for b, s in whole], "line c-weight")
    for bits, share in whole:
        d.dot(x(bits), y(share), "c-weight")
    d.text(x(3) + 10, y(0.28), "rounding, groups of 32", "t c-weight")
    for name, bits, place in (("MXFP4", 4.25, 20), ("NVFP4", 4.5, 24)):
        share = results[name][1].mean()
        d.dot(x(bits), y(share), "c-token", 6)
        d.text(x(bits) + 12, y(share) + place, name, "t c-token")
    return d


@drawing(FIGURES + "layer-skip.svg")
def layer_skip() -> Drawing:
    alphas, gained = page()["alphas"], page()["gained"]
    d = Drawing(440, 320, "Drafting with the first layers", "Guesses kept and speed-up, by depth.")
    x, y = Scale((1, len(alphas) - 2), (56, 410)), Scale((0, 1.5), (260, 24))
    ticks = [(0, "0"), (0.5, "0.5"), (1, "1"), (1.5, "1.5")]
    axes(d, x, y, [(n, str(n)) for n in gained], ticks)
    d.text(236, 306, "layers that draft", "t t-mid")
    for values, colour in (
        ([(n, alphas[n]) for n in gained], "c-token"),
        ([(n, gained[n][1]) for n in gained], "c-good"),
    ):
        d.line([(x(n), y(v)) for n, v in values], f"line {colour}")
        for n, v in values:
            d.dot(x(n), y(v), colour)
    d.text(x(1) + 6, y(1.25) - 6, "speed-up, times", "t c-good")
    d.text(x(3) - 8, y(0.45), "share of guesses kept", "t c-token")
    return d


@drawing(FIGURES + "batching.svg")
def batching() -> Drawing:
    lengths, slots = [int(n) for n in page()["lengths"][:24]], 8
    static, start = [], 0
    for first in range(0, len(lengths), slots):
        batch = lengths[first : first + slots]
        static += [(slot, start, n) for slot, n in enumerate(batch)]
        start += max(batch)
    free, continuous = [0] * slots, []
    for n in lengths:
        slot = free.index(min(free))
        continuous.append((slot, free[slot], n))
        free[slot] += n
    d = Drawing(440, 342, "Static and continuous batches", "The same answers in eight slots, two ways.")
    x = Scale((0, start), (8, 432))
    for top, label, jobs in ((30, "static", static), (188, "continuous", continuous)):
        d.text(8, top - 10, label, "t t-strong")
        d.add(f'<rect class="box-soft" x="8" y="{top}" width="424" height="112"/>')
        for slot, begin, n in jobs:
            d.bar(x(begin), top + 14 * slot + 1, max(1, x(begin + n) - x(begin) - 1.5), 12, "c-token")
    end = max(begin + n for _, begin, n in continuous)
    d.line([(x(end), 184), (x(end), 304)], "line c-good")
    d.text(8, 330, f"time in steps: static {start}, continuous {end}", "t")
    return d


@drawing(FIGURES + "error-bars.svg")
def error_bars() -> Drawing:
    scores, wilson = page()["scores"], page()["wilson"]
    kinds = ["glossary", "one source", "unknown", "extraction", "arithmetic", "lookup"]
    d = Drawing(440, 420, "Error bars", "Shares of right answers with 95 per cent intervals.")
    x = Scale((0, 1), (150, 410))
    for share in (0, 0.25, 0.5, 0.75, 1):
        d.line([(x(share), 44), (x(share), 388)], "grid")
        d.text(x(share), 410, f"{share:.0%}", "t t-muted t-mid")
    d.text(150, 18, "200 made-up cases", "t c-accent")
    d.text(420, 18, "a few by hand", "t c-token t-end")
    for row, kind in enumerate(kinds):
        base = 64 + 58 * row
        d.text(138, base + 14, kind, "t t-end")
        for step, (name, colour) in enumerate(((kind, "c-accent"), (f"written by hand: {kind}", "c-token"))):
            right, cases = scores[name]["right"], scores[name]["cases"]
            low, high = wilson(right, cases)
            place = base + 20 * step
            d.line([(x(low), place), (x(high), place)], f"line {colour}")
            d.dot(x(right / cases), place, colour, 5)
    return d


@drawing(FIGURES + "samples.svg")
def samples() -> Drawing:
    coverage, majority = page()["coverage"], float(page()["majority"])
    d = Drawing(440, 300, "Draws and right answers", "Coverage by number of draws, and the vote of eight.")
    top = 0.5 if coverage(8) < 0.5 else 1.0
    x, y = Scale((1, 8), (56, 410)), Scale((0, top), (240, 20))
    axes(d, x, y, [(k, str(k)) for k in range(1, 9)], [(n * top / 5, f"{n * top / 5:.0%}") for n in range(6)])
    d.text(236, 286, "draws for each question", "t t-mid")
    points = [(x(k), y(coverage(k))) for k in range(1, 9)]
    d.line(points, "line c-good")
    for place in points:
        d.dot(*place, "c-good")
    d.text(x(5), y(coverage(5)) - 14, "any of them right", "t c-good t-mid")
    d.dot(x(8), y(majority), "c-token", 6)
    d.text(x(8) - 12, y(majority) + 22, "vote of eight", "t c-token t-end")
    return d


@drawing(FIGURES + "patching.svg")
def patching() -> Drawing:
    flips, here, first = page()["flips"], page()["here"], page()["first"]
    tokens = [page()["pebble"].tokenizer.decode([t]).strip() or "␣" for t in here[first:]]
    layers, positions = flips.shape
    side = 352 / positions
    d = Drawing(440, 310, "Activation patching", "Where one swapped vector changes the answer.")
    d.text(76, 18, "swapped before layer …, at the token …", "t")
    for n in range(layers):
        d.text(66, 30 + side * n + side / 2 + 5, str(n + 1), "t t-end")
    d.cells((76, 30), (side, side), flips, "c-accent", ground="grid")
    for t, token in enumerate(tokens):
        x, y = 76 + side * t + side / 2 + 5, 40 + side * layers
        label = token.replace("<|", "").replace("|>", "").replace("&", "&amp;").replace("<", "&lt;")
        d.add(f'<text class="t t-end" transform="translate({x:.1f} {y:.1f}) rotate(-90)">{label}</text>')
    return d


@drawing(FIGURES + "api-or-gpu.svg")
def api_or_gpu() -> Drawing:
    api, shop, even = page()["api"], page()["QUESTIONS"], page()["even"]
    d = Drawing(440, 330, "API or own card", "Dollars a day against questions a day, both logarithmic.")
    x, y = Scale((3, 6.3), (64, 424)), Scale((-1, 3), (270, 20))
    axes(
        d,
        x,
        y,
        [(3, "1,000"), (4, "10,000"), (5, "100,000"), (6, "1 million")],
        [(n, f"${10**n:g}") for n in range(-1, 4)],
    )
    d.text(244, 318, "questions a day", "t t-mid")

    def price(exponent: float) -> float:
        return y(math.log10(api(10**exponent, 0.10, 0.50)))

    d.line([(x(3), price(3)), (x(6.3), price(6.3))], "line c-token")
    d.line([(x(3), y(math.log10(72))), (x(6.3), y(math.log10(72)))], "line c-weight")
    d.text(x(3) + 8, y(math.log10(72)) - 10, "one H100 at 3 dollars an hour", "t c-weight")
    d.text(x(4.45), price(4.2) + 26, "GPT-6 Luna", "t c-token")
    d.dot(x(math.log10(shop)), price(math.log10(shop)), "c-accent", 6)
    d.text(x(math.log10(shop)) - 10, price(math.log10(shop)) - 12, "the shop", "t c-accent t-end")
    d.dot(x(math.log10(even)), price(math.log10(even)), "c-good", 6)
    d.text(x(math.log10(even)) + 4, price(math.log10(even)) + 28, "equal", "t c-good")
    return d
