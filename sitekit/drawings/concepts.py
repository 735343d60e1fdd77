"""The figures of docs/llms/concepts.md that are drawn from data. What Pebble computes, it computes here."""

from __future__ import annotations

import csv
import functools
import math
import random
from collections.abc import Iterable, Sequence

import numpy as np

from pebble import chat
from pebble.corpus import World
from pebble.corpus.patterns import TRUTHS, story
from pebble.corpus.world import COLOURS
from pebble.model import Array, Model, Trace, softmax
from pebble.sample import distribution
from pebble.tokenizer import BEGIN, END, byte_letters, join
from sitekit.drawings import drawing
from sitekit.drawings.svg import ROOT, Drawing, Scale, axes

FIGURES = "docs/llms/figures/"
SENTENCE = "The opposite of hot is cold."
PROMPT = "The opposite of hot is"

_pebble = functools.cache(Model.load)


def _ids(text: str) -> list[int]:
    return [BEGIN, *_pebble().tokenizer.encode(text)]


def _piece(token: int) -> str:
    """A token as the page writes it: a space is ␣."""
    return _pebble().tokenizer.decode([token]).replace(" ", "␣")


def _first(text: str) -> int:
    return _pebble().tokenizer.encode(text)[0]


def _next(text: str) -> Array:
    """Probabilities [V] of what follows `text`."""
    return softmax(_pebble().forward(_ids(text))[-1])


def _powers(low: int, high: int) -> list[tuple[float, str]]:
    return [
        (n, f"10{str(n).translate(str.maketrans('0123456789-', '⁰¹²³⁴⁵⁶⁷⁸⁹⁻'))}") for n in range(low, high)
    ]


# --- tokens --------------------------------------------------------------------------------------


@drawing(FIGURES + "merges.svg")
def merges() -> Drawing:
    """How Pebble's merges put the letters of one word together, one merge a row."""
    tokenizer, word = _pebble().tokenizer, " opposite"
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


# --- position ------------------------------------------------------------------------------------


@drawing(FIGURES + "rotary.svg")
def rotary() -> Drawing:
    """A query and a key, turned by their positions: the angle between them depends on the distance."""
    d = Drawing(
        440,
        262,
        "Position as rotation",
        "Two dials. Left: a key at position 1 and a query at position 3. Right: the same key at position 6 "
        "and the same query at position 8. Both have turned further, and the angle between them is the same.",
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
        d.text(at[0], at[1] + 5, "2θ", "t t-mid c-accent")
        d.text(centre, 236, f"key at {key}, query at {query}", "t t-mid")
        d.text(centre, 256, f"k · q = {math.cos((query - key) * step):.2f}", "t t-mid t-muted")
    return d


# --- attention -----------------------------------------------------------------------------------


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
            f"{word}: key {pair(k)}, score {s:.3g}, weight {w:.2f}, value {pair(v)}."
            for word, k, s, w, v in zip(words, keys, scores, weights, values, strict=True)
        )
        + f" The weighted sum of the values is {pair(result)}.",
    )
    d.box(8, 8, 424, 36, "box c-query")
    d.text(220, 31, f"“is” asks with its query q = {pair(q)}", "t t-mid")
    for text, at, colour in (
        ("key", 118, "c-key"),
        ("q · k", 186, ""),
        ("weight", 272, ""),
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
    d.text(322, 262, "weights × values, added up:", "t t-end t-muted")
    d.text(380, 262, pair(result), "t t-mid t-strong c-value")
    d.box(8, 282, 424, 38, "box c-residual")
    d.text(220, 306, f"stream of “is”: {pair(x[2])} + {pair(result)} = {pair(x[2] + result)}", "t t-mid")
    return d


@drawing(FIGURES + "heads.svg")
def heads() -> Drawing:
    """What the last token of the prompt reads, in every head of every layer."""
    trace: Trace = {}
    ids = _ids(PROMPT)
    _pebble().forward(ids, trace=trace)
    rows = [
        (layer, head)
        for layer in range(len(trace["attention"]))
        for head in range(len(trace["attention"][0]))
    ]
    top, left, side = 92.0, 92.0, 340.0 / len(ids)
    height = 16.0
    d = Drawing(
        440,
        top + len(rows) * (height + 1) + 9 * len(trace["attention"]) + 6,
        "Where the last token looks",
        "A row for each head, a column for each token of the prompt. "
        + " ".join(
            f"Layer {layer + 1}, head {head + 1}: most on {_piece(ids[int(row.argmax())])}, {row.max():.2f}."
            for layer, head in rows
            for row in [trace["attention"][layer][head, -1]]
        ),
    )
    for n, token in enumerate(ids):
        name = "begin" if token == BEGIN else _piece(token)
        x = left + side * (n + 0.5)
        d.add(f'<text class="t" transform="translate({x + 5:.1f} {top - 8:.1f}) rotate(-55)">{name}</text>')
    for layer, head in rows:
        y = top + (layer * len(trace["attention"][0]) + head) * (height + 1) + 9 * layer
        if head == 0:
            d.text(8, y + 40, f"layer {layer + 1}", "t t-muted")
        for n, share in enumerate(trace["attention"][layer][head, -1]):
            x = left + side * n
            d.box(x, y, side - 2, height, "box-soft", 1)
            opacity = f'opacity="{max(0.0, min(1.0, float(share))):.2f}"'
            d.add(
                f'<rect class="mark c-query" x="{x:.1f}" y="{y:.1f}" width="{side - 2:.1f}"'
                f' height="{height:.1f}" {opacity}/>'
            )
    return d


# --- from the stream to probabilities ------------------------------------------------------------


@drawing(FIGURES + "lens.svg")
def lens() -> Drawing:
    """What Pebble would say if it stopped after each layer."""
    trace: Trace = {}
    _pebble().forward(_ids(PROMPT), trace=trace)
    rows = []
    for n, stream in enumerate(trace["residual"]):
        p = softmax(_pebble().logits(stream[-1]))
        best = np.argsort(-p, kind="stable")[:1]
        rows.append((f"after layer {n}" if n else "embedding", int(best[0]), p))
    answer = _first(" cold")
    d = Drawing(
        440,
        52 + 34 * len(rows),
        "The answer takes shape",
        " ".join(
            f"{label}: likeliest {_piece(token)} with {p[token]:.2f}; {_piece(answer)} has {p[answer]:.2f}."
            for label, token, p in rows
        ),
    )
    d.text(186, 24, "likeliest", "t t-muted t-mid")
    d.text(250, 24, f"probability of “{_piece(answer)}”", "t t-muted")
    x = Scale((0, 1), (250, 390))
    for n, (label, token, p) in enumerate(rows):
        y = 36.0 + 34 * n
        d.text(118, y + 21, label, "t t-muted t-end")
        right = token == answer
        d.box(134, y + 2, 104, 27, "box c-good" if right else "box c-token")
        d.text(186, y + 21, f"{_piece(token)}  {p[token]:.2f}", "t t-mid")
        d.bar(250, y + 5, max(1.0, x(float(p[answer])) - 250), 21, "c-residual")
        d.text(x(float(p[answer])) + 6, y + 21, f"{p[answer]:.2f}")
    return d


@drawing(FIGURES + "knock-out.svg")
def knock_out() -> Drawing:
    """Remove the 40 neurons of the last layer that speak most for the answer, and 40 others."""
    pebble = _pebble()
    last = pebble.layers[-1]
    trace: Trace = {}
    pebble.forward(_ids(PROMPT), trace=trace)
    for_answer = trace["mlp"][-1][-1] * ((last.down * pebble.norm) @ pebble.embedding[_first(" cold")])
    chosen = np.argsort(-for_answer, kind="stable")[:40]
    others = np.random.default_rng(0).choice(np.argsort(-for_answer, kind="stable")[40:], 40, replace=False)
    questions = [
        (PROMPT, " cold"),
        ("The opposite of big is", " small"),
        ("The opposite of old is", " new"),
        ("A week has", " seven"),
        ("Grass is", " green"),
        ("Birds fly in the", " sky"),
    ]

    def without(neurons: Iterable[int]) -> list[float]:
        kept = last.down.copy()
        last.down[list(neurons)] = 0
        try:
            return [float(_next(text)[_first(answer)]) for text, answer in questions]
        finally:
            last.down[:] = kept

    bars = [("all neurons", without([]), "c-residual"), ("without 40 others", without(others), "c-weight")]
    bars.append(("without these 40", without(chosen), "c-bad"))
    d = Drawing(
        440,
        20 + 76 * len(questions),
        "Forty neurons removed",
        " ".join(
            f"{text}{answer}: all {bars[0][1][n]:.2f}, without 40 others {bars[1][1][n]:.2f}, "
            f"without the 40 chosen {bars[2][1][n]:.2f}."
            for n, (text, answer) in enumerate(questions)
        ),
    )
    x = Scale((0, 1), (156, 386))
    for n, (text, answer) in enumerate(questions):
        y = 6.0 + 76 * n
        d.text(8, y + 15, f"{text} …{answer}", "t t-strong")
        for k, (label, p, colour) in enumerate(bars):
            d.text(148, y + 33 + 17 * k, label, "t t-muted t-end")
            d.bar(156, y + 22 + 17 * k, x(p[n]) - 156, 13, colour)
            d.text(x(p[n]) + 6, y + 33 + 17 * k, f"{p[n]:.2f}")
    return d


# --- loss ----------------------------------------------------------------------------------------


def floors(ids: Sequence[int]) -> dict[int, float]:
    """The least possible mean loss at the places where the corpus leaves a choice: ln of their number.

    Among the plain sentences of the corpus (TRUTHS), those that begin as `ids` do up to a place, and go on
    differently there, are equally likely.
    """
    texts = [_ids(text) for text in TRUTHS]
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
    ids = _ids(SENTENCE)
    p = softmax(_pebble().forward(ids))
    losses = [(n, -math.log(p[n - 1, ids[n]])) for n in range(1, len(ids))]
    least = floors(ids)
    d = Drawing(
        440,
        34 + 27 * len(losses),
        "The loss, token by token",
        " ".join(f"{_piece(ids[n])}: {loss:.3f}." for n, loss in losses)
        + " "
        + " ".join(
            f"At {_piece(ids[n])} no model can do better than {v:.3f} on average." for n, v in least.items()
        ),
    )
    x = Scale((0, max(2.2, *(loss for _, loss in losses))), (86, 380))
    for k, (n, loss) in enumerate(losses):
        y = 8.0 + 27 * k
        d.text(78, y + 17, _piece(ids[n]), "t t-end")
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
    """The loss of Pebble's own training, as log.csv holds it."""
    with (ROOT / "pebble/weights/log.csv").open(encoding="utf-8") as file:
        log = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    tokens, loss = [row["tokens"] for row in log], [row["own_loss"] for row in log]
    window = 10
    smooth = [float(np.mean(loss[max(0, n - window + 1) : n + 1])) for n in range(len(loss))]
    ceiling = math.log(_pebble().config.vocab_size)
    x = Scale((0, tokens[-1]), (58, 428))
    low = math.floor(math.log10(min(loss)) * 2) / 2
    y = Scale((low, math.log10(ceiling) + 0.08), (262, 16))
    d = Drawing(
        440,
        316,
        "Pebble's training loss",
        "The loss on a logarithmic axis against tokens. It begins near "
        f"ln {_pebble().config.vocab_size} = {ceiling:.1f}, "
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
        f"guessing at random: ln {_pebble().config.vocab_size} = {ceiling:.2f}",
        "t t-end c-accent",
    )
    points = [(x(t), y(math.log10(v))) for t, v in zip(tokens, loss, strict=True)]
    d.add('<g opacity="0.35">')
    d.line(points, "line c-weight")
    d.add("</g>")
    d.line([(x(t), y(math.log10(v))) for t, v in zip(tokens, smooth, strict=True)], "line c-residual")
    d.text(428, 304, "tokens seen", "t t-end t-muted")
    return d


# --- sampling ------------------------------------------------------------------------------------


@drawing(FIGURES + "filters.svg")
def filters() -> Drawing:
    """What each way of drawing does to the distribution after "The opposite of"."""
    logits = _pebble().forward(_ids("The opposite of"))[-1]
    shown = [int(i) for i in np.argsort(-logits, kind="stable")[:6]]
    ways: list[tuple[str, Array]] = [
        ("T = 1", distribution(logits)),
        ("greedy (T → 0)", np.eye(len(logits))[shown[0]]),
        ("T = 2", distribution(logits, temperature=2)),
        ("T = 2, top-p 0.9", distribution(logits, temperature=2, top_p=0.9)),
        ("T = 2, min-p 0.2", distribution(logits, temperature=2, min_p=0.2)),
        ("T = 2, top-k 2", distribution(logits, temperature=2, top_k=2)),
    ]
    d = Drawing(
        440,
        20 + 102 * math.ceil(len(ways) / 2),
        "Six ways to draw the next token",
        " ".join(
            f"{label}: {', '.join(f'{_piece(i)} {p[i]:.2f}' for i in shown[:3])}, "
            f"all others {1 - p[shown[:3]].sum():.2f}; {int((p > 0).sum())} tokens can be drawn."
            for label, p in ways
        ),
    )
    for n, (label, p) in enumerate(ways):
        left, top = 8.0 + 222 * (n % 2), 6.0 + 102 * (n // 2)
        d.text(left, top + 14, label, "t t-strong")
        rest = float(1 - p[shown[:3]].sum())
        for k, (name, share) in enumerate(
            [*((_piece(i), float(p[i])) for i in shown[:3]), ("all others", rest)]
        ):
            y = top + 20 + 18 * k
            d.text(left + 74, y + 13, name, "t t-end" if k < 3 else "t t-end t-muted")
            d.bar(
                left + 80,
                y + 2,
                86 * share if share < 0.0005 else max(1.0, 86 * share),
                13,
                "c-residual" if k < 3 else "c-bad",
            )
            d.text(left + 84 + 86 * share, y + 13, f"{share:.2f}")
    return d


# --- context -------------------------------------------------------------------------------------

PAIRS = (1, 4, 8, 16, 24, 32, 48)


@functools.cache
def lookup_accuracy(cases: int = 40) -> list[tuple[int, float, float]]:
    """For tables of so many lines: mean length in tokens, and how often Pebble names the right colour.

    It is asked for the colour of one made-up name, and its answer is begun for it, up to the colour.
    """
    pebble, result = _pebble(), []
    for pairs in PAIRS:
        w, right, lengths = World(random.Random(pairs)), 0, []
        for _ in range(cases):
            table: dict[str, str] = {}
            while len(table) < pairs:
                table[w.word()] = w.rng.choice(COLOURS)
            name = w.rng.choice(list(table))
            asked = "".join(f"{key} = {value}\n" for key, value in table.items()) + f"{name} ="
            ids = chat.render([{"role": "user", "content": asked}], tokenizer=pebble.tokenizer)
            ids += pebble.tokenizer.encode(f"{name} =")
            lengths.append(len(ids))
            right += int(pebble.forward(ids)[-1].argmax()) == _first(f" {table[name]}")
        result.append((pairs, float(np.mean(lengths)), right / cases))
    return result


@drawing(FIGURES + "effective-context.svg")
def effective_context() -> Drawing:
    """The claimed window, and how much of it Pebble can use to look one thing up."""
    rows, window = lookup_accuracy(), _pebble().config.max_position_embeddings
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


# --- scaling -------------------------------------------------------------------------------------


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
    axes(d, x, y, _powers(8, 13), [(v, f"{v:g}") for v in (2, 2.5, 3, 3.5)])
    for budget, colour, curve, best in curves:
        d.line([(x(a), y(b)) for a, b in curve], f"line {colour}")
        d.dot(x(best[0]), y(best[1]), colour, 5)
        label = f"10{str(budget).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))} operations"
        d.text(x(best[0]), y(best[1]) - 12, label, f"t t-mid {colour}")
    d.text(428, 294, "parameters", "t t-muted t-end")
    d.text(52, 30, "loss", "t t-muted")
    return d


# --- what it knows -------------------------------------------------------------------------------


@functools.cache
def reliability(stories: int = 150) -> list[tuple[float, float, int]]:
    """First choices in new stories, grouped: mean confidence, the share that was right, how many."""
    w, confidence, right = World(random.Random(1)), [], []
    for _ in range(stories):
        ids = [*_ids(story(w).text), END]
        p = softmax(_pebble().forward(ids)[:-1])
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
