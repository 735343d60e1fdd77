"""Figures of docs/llms/concepts.md: where an answer comes from, what it costs, and how that was learned."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence

import numpy as np

from pebble.corpus.patterns import TRUTHS
from pebble.model import softmax
from sitekit.drawings import drawing
from sitekit.drawings.answers import first, ids_of, pebble, shown, traced
from sitekit.drawings.svg import ROOT, Drawing, Scale, axes

FIGURES = "docs/llms/figures/"
SENTENCE = "The opposite of hot is cold."
PROMPT = "The opposite of hot is"


@drawing(FIGURES + "lens.svg")
def lens() -> Drawing:
    """What Pebble would say if it stopped after each layer."""
    trace = traced(PROMPT)
    rows = []
    for n, stream in enumerate(trace["residual"]):
        p = softmax(pebble().logits(stream[-1]))
        best = np.argsort(-p, kind="stable")[:1]
        rows.append((f"after layer {n}" if n else "embedding", int(best[0]), p))
    answer = first(" cold")
    d = Drawing(
        440,
        52 + 34 * len(rows),
        "The answer takes shape",
        " ".join(
            f"{label}: likeliest {shown(token)} with {p[token]:.2f}; {shown(answer)} has {p[answer]:.2f}."
            for label, token, p in rows
        ),
    )
    d.text(186, 24, "likeliest", "t t-muted t-mid")
    d.text(250, 24, f"probability of “{shown(answer)}”", "t t-muted")
    x = Scale((0, 1), (250, 390))
    for n, (label, token, p) in enumerate(rows):
        y = 36.0 + 34 * n
        d.text(118, y + 21, label, "t t-muted t-end")
        right = token == answer
        d.box(134, y + 2, 104, 27, "box c-good" if right else "box c-token")
        d.text(186, y + 21, f"{shown(token)}  {p[token]:.2f}", "t t-mid")
        d.bar(250, y + 5, max(1.0, x(float(p[answer])) - 250), 21, "c-residual")
        d.text(x(float(p[answer])) + 6, y + 21, f"{p[answer]:.2f}")
    return d


def floors(ids: Sequence[int]) -> dict[int, float]:
    """The least possible mean loss at the places where the corpus leaves a choice: ln of their number.

    Among the plain sentences of the corpus (TRUTHS), those that begin as `ids` do up to a place, and go on
    differently there, are equally likely.
    """
    texts = [ids_of(text) for text in TRUTHS]
    result = {}
    for n in range(3, len(ids)):  # before that, stories begin in the same way
        begun = [text for text in texts if text[:n] == list(ids[:n])]
        choices = {text[n] for text in begun}
        if len(choices) == len(begun) > 1:
            result[n] = math.log(len(choices))
    return result


@drawing(FIGURES + "loss-per-token.svg")
def loss_per_token() -> Drawing:
    """What each token of the sentence costs, and what it must cost."""
    ids = ids_of(SENTENCE)
    p = softmax(pebble().forward(ids))
    losses = [(n, -math.log(p[n - 1, ids[n]])) for n in range(1, len(ids))]
    least = floors(ids)
    d = Drawing(
        440,
        34 + 27 * len(losses),
        "The loss, token by token",
        " ".join(f"{shown(ids[n])}: {loss:.3f}." for n, loss in losses)
        + " "
        + " ".join(
            f"At {shown(ids[n])} no model can do better than {v:.3f} on average." for n, v in least.items()
        ),
    )
    x = Scale((0, max(2.2, *(loss for _, loss in losses))), (86, 380))
    for k, (n, loss) in enumerate(losses):
        y = 8.0 + 27 * k
        d.text(78, y + 17, shown(ids[n]), "t t-end")
        d.bar(86, y + 2, max(1.0, x(loss) - 86), 20, "c-bad" if loss > 0.5 else "c-good")
        d.text(x(loss) + 6, y + 17, f"{loss:.3f}")
        if n in least:
            d.line([(x(least[n]), y - 3), (x(least[n]), y + 27)], "line c-accent")
            d.text(
                x(least[n]) + 62,
                y + 17,
                f"floor: ln 3 = {least[n]:.3f}".replace("ln 3", f"ln {round(math.exp(least[n]))}"),
                "t c-accent",
            )
    d.text(86, 26 + 27 * len(losses), "−ln p, in nats", "t t-muted")
    return d


@drawing(FIGURES + "loss-curve.svg")
def loss_curve() -> Drawing:
    """The loss in Pebble's first run of training, on the tokens it has to write, as log.csv holds it."""
    with (ROOT / "pebble/weights/log.csv").open(encoding="utf-8") as file:
        log = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    tokens, loss = [row["tokens"] for row in log], [row["own_loss"] for row in log]
    window = 10
    smooth = [float(np.mean(loss[max(0, n - window + 1) : n + 1])) for n in range(len(loss))]
    ceiling = math.log(pebble().config.vocab_size)
    x = Scale((0, tokens[-1]), (58, 428))
    low = math.floor(math.log10(min(loss)) * 2) / 2
    y = Scale((low, math.log10(ceiling) + 0.08), (262, 16))
    d = Drawing(
        440,
        316,
        "The loss in Pebble's first run of training",
        "The loss on a logarithmic axis against tokens. It begins near "
        f"ln {pebble().config.vocab_size} = {ceiling:.1f}, "
        f"is {smooth[len(smooth) // 4]:.2f} after a quarter of the {tokens[-1] / 1e6:.1f} million tokens, "
        f"{smooth[len(smooth) // 2]:.2f} after half and {smooth[-1]:.3f} in the end.",
    )
    ticks = [v for v in (0.01, 0.03, 0.1, 0.3, 1, 3) if low <= math.log10(v)]
    millions = max(1, round(tokens[-1] / 4e6))
    at = [n * millions for n in range(5) if n * millions * 1e6 <= tokens[-1] * 1.001]
    axes(d, x, y, [(n * 1e6, f"{n}M" if n else "0") for n in at], [(math.log10(v), f"{v:g}") for v in ticks])
    d.line([(58, y(math.log10(ceiling))), (428, y(math.log10(ceiling)))], "line c-accent")
    d.text(
        428,
        y(math.log10(ceiling)) + 18,
        f"guessing at random: ln {pebble().config.vocab_size} = {ceiling:.2f}",
        "t t-end c-accent",
    )
    points = [(x(t), y(math.log10(v))) for t, v in zip(tokens, loss, strict=True)]
    d.add('<g opacity="0.35">')
    d.line(points, "line c-weight")
    d.add("</g>")
    d.line([(x(t), y(math.log10(v))) for t, v in zip(tokens, smooth, strict=True)], "line c-residual")
    d.text(428, 304, "tokens seen", "t t-end t-muted")
    return d
