"""Figures of docs/llms/concepts.md: the window, scale, and what a model knows."""

from __future__ import annotations

import functools
import math
import random

import numpy as np

from pebble import chat
from pebble.corpus import World
from pebble.corpus.patterns import story
from pebble.corpus.world import COLOURS
from pebble.model import softmax
from pebble.tokenizer import END
from sitekit.drawings import drawing
from sitekit.drawings.answers import first, ids_of, pebble
from sitekit.drawings.svg import Drawing, Scale, axes

FIGURES = "docs/llms/figures/"


def powers(low: int, high: int) -> list[tuple[float, str]]:
    """Ticks of an axis of powers of ten."""
    raised = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    return [(n, f"10{str(n).translate(raised)}") for n in range(low, high)]


PAIRS = (1, 4, 8, 16, 24, 32, 48)


@functools.cache
def lookup_accuracy(cases: int = 40) -> list[tuple[int, float, float]]:
    """For tables of so many lines: mean length in tokens, and how often Pebble names the right colour.

    It is asked for the colour of one made-up name, and its answer is begun for it, up to the colour.
    """
    model, result = pebble(), []
    for pairs in PAIRS:
        w, right, lengths = World(random.Random(pairs)), 0, []
        for _ in range(cases):
            table: dict[str, str] = {}
            while len(table) < pairs:
                table[w.word()] = w.rng.choice(COLOURS)
            name = w.rng.choice(list(table))
            asked = "".join(f"{key} = {value}\n" for key, value in table.items()) + f"{name} ="
            ids = chat.render([{"role": "user", "content": asked}], tokenizer=model.tokenizer)
            ids += model.tokenizer.encode(f"{name} =")
            lengths.append(len(ids))
            right += int(model.forward(ids)[-1].argmax()) == first(f" {table[name]}")
        result.append((pairs, float(np.mean(lengths)), right / cases))
    return result


@drawing(FIGURES + "effective-context.svg")
def effective_context() -> Drawing:
    """The claimed window, and how much of it Pebble can use to look one thing up."""
    rows, window = lookup_accuracy(), pebble().config.max_position_embeddings
    x, y = Scale((0, window), (58, 424)), Scale((0, 1), (232, 16))
    d = Drawing(
        440,
        286,
        "Claimed and effective context",
        f"Share of right look-ups against the length of the text; the window is {window} tokens. "
        + " ".join(f"{n} lines, about {length:.0f} tokens: {share:.0%}." for n, length, share in rows)
        + f" Guessing would be right in {1 / len(COLOURS):.0%}.",
    )
    axes(
        d,
        x,
        y,
        [(n, str(n)) for n in range(0, window + 1, window // 4)],
        [(v, f"{v:.0%}") for v in (0, 0.5, 1)],
    )
    guess = 1 / len(COLOURS)
    d.line([(58, y(guess)), (424, y(guess))], "line c-weight")
    d.text(x(window) - 6, y(guess) - 6, "guessing", "t t-muted t-end")
    d.line([(x(length), y(share)) for _, length, share in rows], "line c-residual")
    for _, length, share in rows:
        d.dot(x(length), y(share), "c-residual")
    trained = max(length for n, length, _ in rows if n <= 8)
    d.line([(x(trained), 16), (x(trained), 232)], "line c-good")
    d.text(x(trained) + 8, 204, "← up to 8 lines, as in training", "t c-good")
    d.line([(x(window), 16), (x(window), 232)], "line c-bad")
    d.text(x(window) - 6, 34, "the window", "t t-end c-bad")
    d.text(424, 276, "tokens in the context", "t t-muted t-end")
    return d


def chinchilla(parameters: float, tokens: float) -> float:
    """Hoffmann et al. 2022, approach 3: the loss of a model of that size trained on so many tokens."""
    return float(1.69 + 406.4 / parameters**0.34 + 410.7 / tokens**0.28)


@drawing(FIGURES + "scaling.svg")
def scaling() -> Drawing:
    """The fitted law for three budgets of compute: each has a best size."""
    x, y = Scale((7.5, 12), (44, 422)), Scale((1.75, 3.5), (250, 16))
    budgets = [(20, "c-weight"), (22, "c-residual"), (24, "c-accent")]
    said, curves = [], []
    for budget, colour in budgets:
        curve = []
        for size in np.arange(7.5, 12.01, 0.05):
            tokens = 10**budget / 6 / 10**size
            loss = chinchilla(10**size, tokens)
            if loss <= 3.5:
                curve.append((float(size), loss))
        best = min(curve, key=lambda point: point[1])
        curves.append((budget, colour, curve, best))
        ratio = 10**budget / 6 / 10 ** (2 * best[0])
        said.append(
            f"At 10^{budget} operations the least loss is {best[1]:.2f}, at 10^{best[0]:.1f} parameters"
            f" and {ratio:.0f} tokens for each."
        )
    d = Drawing(440, 304, "One budget, one best size", " ".join(said))
    axes(d, x, y, powers(8, 13), [(v, f"{v:g}") for v in (2, 2.5, 3, 3.5)])
    for budget, colour, curve, best in curves:
        d.line([(x(a), y(b)) for a, b in curve], f"line {colour}")
        d.dot(x(best[0]), y(best[1]), colour, 5)
        label = f"10{str(budget).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))} operations"
        d.text(x(best[0]), y(best[1]) - 12, label, f"t t-mid {colour}")
    d.text(428, 294, "parameters", "t t-muted t-end")
    d.text(52, 30, "loss", "t t-muted")
    return d


@functools.cache
def reliability(stories: int = 150) -> list[tuple[float, float, int]]:
    """First choices in new stories, grouped: mean confidence, the share that was right, how many."""
    w, confidence, right = World(random.Random(1)), [], []
    for _ in range(stories):
        ids = [*ids_of(story(w).text), END]
        p = softmax(pebble().forward(ids)[:-1])
        confidence += p.max(-1).tolist()
        right += (p.argmax(-1) == np.array(ids[1:])).tolist()
    sure, hit = np.array(confidence), np.array(right)
    groups = []
    for low in np.arange(0, 1, 0.1):
        inside = (sure >= low) & (sure < low + 0.1 + (low > 0.85))
        if inside.sum() >= 20:
            groups.append((float(sure[inside].mean()), float(hit[inside].mean()), int(inside.sum())))
    return groups


@drawing(FIGURES + "calibration.svg")
def calibration() -> Drawing:
    """Confidence against the share of right choices, in stories like those of training."""
    groups = reliability()
    x, y = Scale((0, 1), (56, 412)), Scale((0, 1), (280, 16))
    d = Drawing(
        440,
        338,
        "Is 70 % sure right 70 % of the time?",
        " ".join(
            f"Where its confidence was {c:.2f}, it was right in {h:.2f} of {n} cases." for c, h, n in groups
        ),
    )
    ticks = [(v, f"{v:.0%}") for v in (0, 0.25, 0.5, 0.75, 1)]
    axes(d, x, y, ticks, ticks)
    d.line([(x(0), y(0)), (x(1), y(1))], "line c-weight")
    for confidence, share, count in groups:
        d.dot(x(confidence), y(share), "c-residual", 3 + 1.1 * math.log10(count))
    d.text(64, 34, "share that was right", "t t-muted")
    d.text(412, 328, "confidence in the first choice", "t t-muted t-end")
    d.text(x(1), y(0.3), "line: perfectly calibrated", "t t-muted t-end")
    return d
