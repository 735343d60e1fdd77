"""The figures of docs/llms/deep-dive.md that are drawn from data."""

from __future__ import annotations

import math

import numpy as np

from sitekit.drawings import attention_measures as measured
from sitekit.drawings import drawing
from sitekit.drawings.svg import Drawing, Scale, axes

FIGURES = "docs/llms/figures/"
LAYER, HEAD = 1, 0  # the head that the page follows
PERCENT = [(n / 4, f"{n * 25} %") for n in range(5)]


def visible(token: str) -> str:
    return token.replace(" ", "␣")


@drawing(FIGURES + "attention-row.svg")
def attention_row() -> Drawing:
    e = measured.example()
    row = e.trace["attention"][LAYER][HEAD][-1]
    d = Drawing(
        400,
        len(row) * 21 + 14,
        "Where the last token looks",
        f"Weights of the last token in layer {LAYER}, head {HEAD}: {row[e.source]:.2f} on the token "
        "after the first Mira, hardly anything elsewhere.",
    )
    for n, (token, weight) in enumerate(zip(e.tokens, row, strict=True)):
        y = 24 + 21 * n
        d.text(76, y, visible(token), "t-mono c-token t-end")
        d.bar(86, y - 12, max(1.0, 240 * float(weight)), 15, "c-query")
        if weight > 0.05:
            d.text(94 + 240 * float(weight), y, f"{weight:.2f}")
    d.text(94, 24 + 21 * (len(row) - 1), "this token asks", "t t-muted")
    return d


@drawing(FIGURES + "score-scale.svg")
def score_scale() -> Drawing:
    rows = measured.score_scale([4, 8, 16, 32, 64, 128, 256, 512, 1024])
    d = Drawing(
        440,
        230,
        "Why scores are divided by the root of the width",
        f"The largest of 16 weights: unscaled {rows[0][1]:.2f} at width 4, {rows[-1][1]:.2f} at width 1024; "
        f"scaled about {rows[-1][2]:.2f} at every width.",
    )
    x, y = Scale((2, 10), (60, 420)), Scale((0, 1), (170, 20))
    axes(d, x, y, [(math.log2(n), str(n)) for n in (4, 16, 64, 256, 1024)], PERCENT)
    for column, classes, label, dy in ((1, "c-bad", "q·k", 22), (2, "c-good", "q·k / √d", -10)):
        d.line([(x(math.log2(row[0])), y(row[column])) for row in rows], f"line {classes}")
        d.text(412, y(rows[-1][column]) + dy, label, f"t t-end {classes}")
    d.text(240, 215, "width d of the head", "t t-muted t-mid")
    return d


@drawing(FIGURES + "attention-masks.svg")
def attention_masks() -> Drawing:
    n, side = 12, 14
    query, key = np.arange(n)[:, None], np.arange(n)
    causal = key <= query
    window = causal & (query - key < 4)
    masks = {
        "causal": causal,
        "two documents": causal & ((query < 5) == (key < 5)),
        "window of 4": window,
        "window and sink": window | (causal & (key == 0)),
    }
    d = Drawing(
        400,
        420,
        "Four masks",
        "Which keys each query may see: causal, two packed documents, a window of 4, a window and a sink.",
    )
    for at, (name, mask) in enumerate(masks.items()):
        left, top = 16 + 200 * (at % 2), 30 + 208 * (at // 2)
        d.text(left + n * side / 2, top - 10, name, "t t-strong t-mid")
        d.cells((left, top), (side, side), mask, "c-query", gap=1.5)
    return d


@drawing(FIGURES + "rope-turns.svg")
def rope_turns() -> Drawing:
    speeds, turns = measured.rope_speeds(1)["as trained"], measured.rope_turns()
    d = Drawing(
        440,
        420,
        "Fast and slow channel pairs",
        "Hands of two dials for positions 0 to 7: pair 0 goes round in about six, pair 8 hardly moves. Full "
        f"turns within the context: {turns[0]:.0f} for pair 0, {turns[6]:.1f} for pair 6, {turns[-1]:.4f} "
        "for the last.",
    )
    for pair, centre in ((0, 115), (8, 325)):
        d.add(f'<circle class="grid" cx="{centre}" cy="110" r="72"/>')
        for position in range(8):
            angle = position * float(speeds[pair])
            end = (centre + 72 * math.cos(angle), 110 - 72 * math.sin(angle))
            d.line([(centre, 110), end], "line c-query" if position else "line c-key")
            if pair == 0:
                d.text(centre + 85 * math.cos(angle), 115 - 85 * math.sin(angle), str(position), "t t-mid")
        d.text(centre, 216, f"pair {pair}: {speeds[pair]:.4f} rad a token", "t t-mid")
    d.text(413, 115, "0–7", "t t-mid")
    d.text(20, 252, "Full turns within the context", "t t-strong")
    y = Scale((-2, 2), (390, 275))
    for power in (-2, -1, 0, 1, 2):
        d.line([(60, y(power)), (430, y(power))], "grid" if power else "line c-accent")
        d.text(54, y(power) + 5, f"{10**power:g}", "t t-muted t-end")
    for pair, count in enumerate(turns):
        top = y(max(-2, math.log10(count)))
        d.bar(64 + 23 * pair, top, 16, 390 - top, "c-query")
    d.text(72, 410, "pair 0", "t t-mid")
    d.text(430, 410, f"pair {len(turns) - 1}", "t t-end")
    return d


@drawing(FIGURES + "rope-distance.svg")
def rope_distance() -> Drawing:
    curves = {name: measured.score_by_distance(speeds) for name, speeds in measured.rope_speeds(4).items()}
    peaks = {name: int(curve.argmax()) for name, curve in curves.items()}
    d = Drawing(
        440,
        300,
        "One head under four tables of angles",
        "Score by distance of the mean query and key of layer 0, head 0, with the peak at "
        + ", ".join(f"{peak} ({name})" for name, peak in peaks.items())
        + ".",
    )
    low, high = min(map(np.min, curves.values())), max(map(np.max, curves.values()))
    x, y = Scale((0, 23), (56, 428)), Scale((float(low), float(high)), (220, 20))
    ticks = [(float(n), str(n).replace("-", "−")) for n in range(-400, 401, 40) if low <= n <= high]
    axes(d, x, y, [(n, str(n)) for n in (0, 1, 4, 8, 12, 16, 20)], ticks)
    d.text(10, 24, "score", "t t-muted")
    d.text(242, 262, "tokens back", "t t-muted t-mid")
    for n, (name, curve) in enumerate(curves.items()):
        classes = ("c-accent", "c-bad", "c-residual", "c-weight")[n]
        d.line([(x(i), y(float(s))) for i, s in enumerate(curve)], f"line {classes}")
        d.dot(x(peaks[name]), y(float(curve.max())), classes)
        d.bar(56 + 98 * n + (18 if n else 0), 280, 16, 4, classes)
        d.text(76 + 98 * n + (18 if n else 0), 288, name, f"t {classes}")
    return d


@drawing(FIGURES + "cache-work.svg")
def cache_work() -> Drawing:
    # Pebble on one core of an AMD EPYC server, other programs running, 24 November 2026: the time to write so
    # many tokens after the example without the cache, over the time with it; the best of three runs each.
    times = {16: 3.4, 64: 7.4, 128: 10.2, 256: 18.5, 480: 38.4}
    prompt = len(measured.example().ids)
    counts = [1, 4, 8, *range(16, 481, 16)]
    ratio = {n: measured.saved_by_cache(n, prompt) for n in counts}
    d = Drawing(
        440,
        290,
        "What the KV cache saves",
        f"Without the cache, 480 tokens take {ratio[480]:.0f} times the multiplications; the time "
        + ", ".join(f"{value:g} times at {n}" for n, value in times.items())
        + ".",
    )
    x, y = Scale((0, 480), (60, 424)), Scale((0, math.log10(300)), (230, 20))
    axes(
        d,
        x,
        y,
        [(n, str(n)) for n in (0, 128, 256, 384, 480)],
        [(math.log10(n), f"{n}×") for n in (1, 3, 10, 30, 100, 300)],
    )
    d.line([(x(n), y(math.log10(value))) for n, value in ratio.items()], "line c-weight")
    for n, value in times.items():
        d.dot(x(n), y(math.log10(value)), "c-accent")
    d.text(x(250), y(math.log10(ratio[256])) - 12, "multiplications", "t t-end c-weight")
    d.text(x(270), y(math.log10(times[256])) + 20, "time, measured", "t c-accent")
    d.text(242, 275, "tokens written", "t t-muted t-mid")
    return d


@drawing(FIGURES + "roofline.svg")
def roofline() -> Drawing:
    peak, bandwidth = 989.0, 3.35  # TFLOP/s and TB/s of an H100 SXM: see the page for the source
    points = [
        (1, "decode, 1 user;", "attention over an MHA cache", "start"),
        (4, "attention over a GQA cache", "", "start"),
        (32, "decode, 32 users", "", "start"),
        (242, "attention over an MLA cache", "", "end"),
        (2048, "prefill of", "2,048 tokens", "end"),
    ]
    d = Drawing(
        480,
        360,
        "A roofline of the H100",
        "Attainable TFLOP a second over arithmetic intensity: a slope to 295 FLOP per byte, then 989. "
        "Decode of one user and MHA at 1, GQA at 4, 32 users at 32, MLA at 242, prefill on the flat part.",
    )
    x, y = Scale((math.log10(0.5), math.log10(5000)), (64, 468)), Scale((0, math.log10(3000)), (300, 20))
    axes(
        d,
        x,
        y,
        [(math.log10(n), f"{n:,}") for n in (1, 10, 100, 1000)],
        [(math.log10(n), f"{n:,}") for n in (1, 10, 100, 1000)],
    )
    d.text(64, 14, "TFLOP/s", "t t-muted")
    d.text(266, 345, "FLOP per byte fetched", "t t-muted t-mid")

    def place(intensity: float) -> tuple[float, float]:
        return x(math.log10(intensity)), y(math.log10(min(peak, intensity * bandwidth)))

    d.line([place(0.5), place(peak / bandwidth), place(5000)], "line")
    ridge = place(peak / bandwidth)
    d.line([ridge, (ridge[0], 300)], "grid")
    d.text(ridge[0] + 4, 294, f"ridge: {peak / bandwidth:.0f}", "t t-muted")
    for intensity, label, more, side in points:
        px, py = place(intensity)
        d.dot(px, py, "c-key" if label.startswith("attention") else "c-weight", 5)
        at, classes = (px + 10, "t") if side == "start" else (px - 10, "t t-end")
        below = 18 if intensity == 2048 else 5
        d.text(at, py + below, label, classes)
        if more:
            d.text(at, py + below + 18, more, classes)
    return d


@drawing(FIGURES + "recall.svg")
def recall() -> Drawing:
    counts = [8, 16, 32, 64, 128, 256]
    d = Drawing(
        440,
        430,
        "What a state of 32 by 32 numbers can hold",
        "Share of values found again by linear attention and the delta rule by the number of pairs, when "
        "each key is written once and when each is written twice.",
    )
    for panel, title in enumerate(("each key written once", "each key written twice: the newer value")):
        top = 30 + 210 * panel
        x, y = Scale((3, 8), (60, 370)), Scale((0, 1), (top + 140, top))
        axes(d, x, y, [(math.log2(n), str(n)) for n in counts], PERCENT[::2])
        d.text(60, top - 12, title, "t t-strong")
        results = [measured.recall(n, bool(panel)) for n in counts]
        for name, classes in (("linear", "c-residual"), ("delta rule", "c-accent")):
            d.line(
                [(x(math.log2(n)), y(r[name])) for n, r in zip(counts, results, strict=True)],
                f"line {classes}",
            )
            for n, r in zip(counts, results, strict=True):
                d.dot(x(math.log2(n)), y(r[name]), classes, 3)
        if panel == 0:
            d.line([(60, y(1)), (370, y(1))], "line c-query")
            d.text(376, y(1) + 5, "softmax", "t c-query")
    d.text(292, 72, "linear", "t c-residual")
    d.text(178, 140, "delta rule", "t c-accent")
    d.text(215, 425, "pairs stored", "t t-muted t-mid")
    return d


@drawing(FIGURES + "paged-cache.svg")
def paged_cache() -> Drawing:
    tokenizer, size = measured.pebble().tokenizer, 4
    texts = [measured.TEXT, "Mira Dahl came to the library. Tom"]
    blocks = [[ids[n : n + size] for n in range(0, len(ids), size)] for ids in map(tokenizer.encode, texts)]
    common = next(n for n, (a, b) in enumerate(zip(*blocks, strict=False)) if a != b)
    slots = [7, 2, 5, 0, 3, 9, 1]  # wherever there is room
    tables = [slots[: len(blocks[0])]]
    tables.append(slots[:common] + slots[len(blocks[0]) : len(blocks[0]) + len(blocks[1]) - common])
    d = Drawing(
        480,
        372,
        "Two block tables and one memory",
        f"The first {common} blocks of both texts are the same places in memory; the last are their own.",
    )
    for at, title in ((80, "first text"), (240, "memory"), (400, "second text")):
        d.text(at, 22, title, "t t-strong t-mid")
    for slot in range(10):
        used = any(slot in table for table in tables)
        d.box(205, 36 + 33 * slot, 70, 27, "box c-key" if used else "box-soft")
        d.text(240, 55 + 33 * slot, str(slot), "t t-mid" if used else "t t-muted t-mid")
    for side, (table, pieces) in enumerate(zip(tables, blocks, strict=True)):
        left = 8 + 320 * side
        for n, (slot, piece) in enumerate(zip(table, pieces, strict=True)):
            y = 70 + 66 * n
            d.box(left, y - 20, 144, 32, "box c-token")
            d.text(left + 72, y + 1, visible(tokenizer.decode(piece)), "t t-mid")
            start, end = (left + 144, 203) if side == 0 else (left, 277)
            shared = "c-good" if n < common else "c-token"
            d.arrow((start, y - 4), (end, 49.5 + 33 * slot), shared)
    return d


@drawing(FIGURES + "induction-heads.svg")
def induction_heads() -> Drawing:
    matching, before = measured.head_scores()
    grids = {
        "prefix matching": (matching, "c-query"),
        "token before": (before, "c-key"),
        "answer lost": (np.clip(measured.lost_without(), 0, 1), "c-bad"),
    }
    d = Drawing(
        480,
        244,
        "Which heads copy",
        "; ".join(
            f"{name}: "
            + ", ".join(
                f"layer {at[0]} head {at[1]} {value:.2f}" for at, value in np.ndenumerate(grid) if value > 0.2
            )
            for name, (grid, _) in grids.items()
        )
        + "; all other heads near 0.",
    )
    for row in range(len(matching)):
        d.text(62, 56 + 28 * row, f"layer {row}", "t t-muted t-end")
    for column, (name, (grid, classes)) in enumerate(grids.items()):
        left = 74 + 138 * column
        d.text(left + 56, 22, name, "t t-strong t-mid")
        d.cells((left, 37), (28, 28), grid, classes)
        for head in range(grid.shape[1]):
            d.text(left + 13 + 28 * head, 224, str(head), "t t-muted t-mid")
    d.text(62, 224, "head", "t t-muted t-end")
    return d


@drawing(FIGURES + "needle.svg")
def needle() -> Drawing:
    points, window = measured.needle(), measured.pebble().config.max_position_embeddings
    lost = next(length for length, p in points if p < 0.5)
    d = Drawing(
        440,
        240,
        "A name, ever further back",
        f"Probability of the name by the length of the text: {points[0][1]:.2f} at {points[0][0]} tokens, "
        f"below a half from {lost} tokens on, in a window of {window}.",
    )
    x, y = Scale((0, window), (60, 420)), Scale((0, 1), (180, 20))
    axes(d, x, y, [(n, str(n)) for n in range(0, window + 1, 128)], PERCENT[::2])
    d.line([(x(length), y(p)) for length, p in points], "line c-accent")
    for length, p in points:
        d.dot(x(length), y(p), "c-accent", 3)
    d.line([(x(window), y(0)), (x(window), y(1))], "line")
    d.text(x(window) - 6, y(0.85), "end of the window", "t t-end t-muted")
    d.text(240, 225, "tokens from the first word to the question", "t t-muted t-mid")
    return d
