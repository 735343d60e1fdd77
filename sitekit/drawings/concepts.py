"""Figures of docs/llms/concepts.md: from text through attention. What Pebble computes, it computes here."""

from __future__ import annotations

import math

import numpy as np

from pebble.model import Array, softmax
from pebble.tokenizer import BEGIN, byte_letters, join
from sitekit.drawings import drawing
from sitekit.drawings.answers import ids_of, pebble, shown, traced
from sitekit.drawings.svg import Drawing, Scale

FIGURES = "docs/llms/figures/"
SENTENCE = "The opposite of hot is cold."
PROMPT = "The opposite of hot is"


@drawing(FIGURES + "merges.svg")
def merges() -> Drawing:
    """How Pebble's merges put the letters of one word together, one merge a row."""
    tokenizer, word = pebble().tokenizer, " opposite"
    rank = {pair: n for n, pair in enumerate(tokenizer.merges)}
    tokens = [byte_letters()[b] for b in word.encode()]
    rows: list[tuple[list[str], str]] = [(tokens, "bytes")]
    while known := [p for p in zip(tokens, tokens[1:], strict=False) if p in rank]:
        best = min(known, key=rank.__getitem__)
        tokens = join(tokens, best)
        rows.append((tokens, f"merge {rank[best] + 1}"))
    said = ". ".join(f"{label}: {' | '.join(row)}" for row, label in rows).replace("Ġ", "␣")
    d = Drawing(440, 40 * len(rows) + 12, "Merging a word", f"{said}.")
    before: list[str] = []
    for n, (row, label) in enumerate(rows):
        x, y = 110.0, 8.0 + 40 * n
        d.text(100, y + 21, label, "t t-muted t-end")
        for token in row:
            width = 32.0 * len(token) + 4 * (len(token) - 1)
            new = n > 0 and len(token) > 1 and row.count(token) > before.count(token)
            d.box(x, y, width, 30, "box c-accent" if new else "box c-token")
            d.text(x + width / 2, y + 20, token.replace("Ġ", "␣"), "t t-mid")
            x += width + 4
        before = row
    return d


# Counted with gpt-tokenizer 4.0.0 (npm) on 2026-11-24: tokens in r50k_base, cl100k_base and o200k_base
LANGUAGES: list[tuple[str, str, tuple[int, int, int]]] = [
    ("English", SENTENCE, (7, 7, 7)),
    ("German", "Das Gegenteil von heiß ist kalt.", (15, 10, 7)),
    ("French", "Le contraire de chaud est froid.", (10, 9, 7)),
    ("Swahili", "Kinyume cha moto ni baridi.", (10, 9, 9)),
    ("Hindi", "गर्म का उल्टा ठंडा होता है।", (40, 28, 11)),
    ("Chinese", "热的反义词是冷。", (14, 12, 8)),
]


@drawing(FIGURES + "token-cost.svg")
def token_cost() -> Drawing:
    """The same sentence in six languages, in bytes and in three vocabularies."""
    rows = [
        (language, [len(text.encode()), *counts]) for language, text, counts in LANGUAGES
    ]  # bytes, then r50k, cl100k, o200k
    said = "; ".join(f"{name} {b} bytes, {r}, {c}, {o} tokens" for name, (b, r, c, o) in rows)
    d = Drawing(440, 30 + 84 * len(rows), "What one sentence costs", f"{said}.")
    classes = ["c-residual", "c-token", "c-token", "c-accent"]
    x = Scale((0, 73), (140, 400))
    for n, (language, counts) in enumerate(rows):
        y = 10.0 + 84 * n
        d.text(8, y + 15, language, "t t-strong")
        for k, (label, count) in enumerate(zip(["bytes", "GPT-2", "GPT-4", "GPT-4o"], counts, strict=True)):
            d.text(132, y + 15 + 18 * k, label, "t t-muted t-end")
            d.bar(140, y + 3 + 18 * k, x(count) - 140, 14, classes[k])
            d.text(x(count) + 6, y + 15 + 18 * k, str(count))
    return d


@drawing(FIGURES + "rotary.svg")
def rotary() -> Drawing:
    """A query and a key, turned by their positions: the angle between them depends on the distance."""
    d = Drawing(
        440,
        262,
        "Position as rotation",
        "Two dials. Left: a key at position 1 and a query at position 3. Right: the same key at position 6 "
        "and the same query at position 8. Both have turned further, and the angle between them is the same, "
        "0.9 radians.",
    )
    step = 0.45  # radians a position
    for centre, (key, query) in ((112.0, (1, 3)), (328.0, (6, 8))):
        middle, radius = 118.0, 92.0
        d.add(f'<circle class="grid" cx="{centre}" cy="{middle}" r="{radius}"/>')

        def place(position: float, r: float, c: float = centre, m: float = middle) -> tuple[float, float]:
            return c + r * math.cos(position * step), m - r * math.sin(position * step)

        d.line([place(p, 34) for p in np.linspace(key, query, 12)], "line c-accent")
        for position, colour, name in ((key, "c-key", "k"), (query, "c-query", "q")):
            d.arrow((centre, middle), place(position, radius), colour)
            at = place(position, radius + 14)
            d.text(at[0], at[1] + 5, name, f"t t-strong t-mid {colour}")
        at = place((key + query) / 2, 56)
        d.text(at[0], at[1] + 5, f"{(query - key) * step:.1f}", "t t-mid c-accent")
        d.text(centre, 236, f"key at {key}, query at {query}", "t t-mid")
        d.text(centre, 256, f"k · q = {math.cos((query - key) * step):.2f}", "t t-mid t-muted")
    return d


@drawing(FIGURES + "attention-by-hand.svg")
def attention_by_hand() -> Drawing:
    """The worked example of the page: one query, three keys, three values, one sum."""
    words = ["opposite", "hot", "is"]
    x = np.array([[1.0, 0], [0, 2], [1, 1]])
    to_query, to_value = np.array([[0.0, 1], [0, 1]]), np.array([[1.0, 0], [0, -1]])
    q, keys, values = x[2] @ to_query, x, x @ to_value
    scores = keys @ q
    weights = softmax(scores / math.sqrt(2))
    result = (weights @ values).round(2)

    def pair(v: Array) -> str:
        return f"({v[0]:.4g}, {v[1]:.4g})".replace("-", "−")

    d = Drawing(
        440,
        330,
        "One token attends to three",
        f"The query of is, {pair(q)}, meets three keys. "
        + " ".join(
            f"{word}: key {pair(k)}, score {s:.3g}, share {w:.2f}, value {pair(v)}."
            for word, k, s, w, v in zip(words, keys, scores, weights, values, strict=True)
        )
        + f" The weighted sum of the values is {pair(result)}.",
    )
    d.box(8, 8, 424, 36, "box c-query")
    d.text(220, 31, f"“is” asks with its query q = {pair(q)}", "t t-mid")
    for text, at, colour in (
        ("key", 118, "c-key"),
        ("q · k", 186, ""),
        ("share", 272, ""),
        ("value", 384, "c-value"),
    ):
        d.text(at, 70, text, f"t t-mid t-muted {colour}")
    for n, word in enumerate(words):
        y = 82.0 + 52 * n
        d.box(8, y, 72, 40, "box c-token")
        d.text(44, y + 25, word, "t t-mid")
        d.text(118, y + 25, pair(keys[n]), "t t-mid c-key")
        d.text(186, y + 25, f"{scores[n]:.3g}", "t t-mid")
        d.bar(226, y + 8, 70 * weights[n], 24, "c-query")
        d.text(232 + 70 * weights[n], y + 25, f"{weights[n]:.2f}")
        d.text(384, y + 25, pair(values[n]), "t t-mid c-value")
    d.line([(340, 240), (432, 240)], "line")
    d.text(322, 262, "shares × values, added up:", "t t-end t-muted")
    d.text(380, 262, pair(result), "t t-mid t-strong c-value")
    d.box(8, 282, 424, 38, "box c-residual")
    d.text(220, 306, f"stream of “is”: {pair(x[2])} + {pair(result)} = {pair(x[2] + result)}", "t t-mid")
    return d


@drawing(FIGURES + "heads.svg")
def heads() -> Drawing:
    """What the last token of the prompt reads, in every head of every layer."""
    ids, trace = ids_of(PROMPT), traced(PROMPT)
    rows = [
        (layer, head)
        for layer in range(len(trace["attention"]))
        for head in range(len(trace["attention"][0]))
    ]
    top, left, side = 92.0, 92.0, 340.0 / len(ids)
    height = 17.0
    d = Drawing(
        440,
        top + len(rows) * height + 9 * len(trace["attention"]) + 6,
        "Where the last token looks",
        "A row for each head, a column for each token of the prompt. "
        + " ".join(
            f"Layer {layer + 1}, head {head + 1}: most on {shown(ids[int(row.argmax())])}, {row.max():.2f}."
            for layer, head in rows
            for row in [trace["attention"][layer][head, -1]]
        ),
    )
    for n, token in enumerate(ids):
        name = "begin" if token == BEGIN else shown(token)
        x = left + side * (n + 0.5)
        d.add(f'<text class="t" transform="translate({x + 5:.1f} {top - 8:.1f}) rotate(-55)">{name}</text>')
    for layer, attention in enumerate(trace["attention"]):
        y = top + layer * (len(attention) * height + 9)
        d.text(8, y + 40, f"layer {layer + 1}", "t t-muted")
        d.cells((left, y), (side, height), attention[:, -1], "c-query")
    return d
