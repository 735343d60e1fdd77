"""What the figures of docs/llms/deep-dive.md show: Pebble's attention, measured as that page measures it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pebble.model import Model, Trace, rotate, softmax

Array = NDArray[Any]

TEXT = "Mira Dahl came to the library. Mira"
OTHERS = (
    "Tom Brook came to the station.",
    "Lena Frost went to the market.",
    "Paul Stone came to the harbour.",
    "Nora Field went to the museum.",
)


@functools.cache
def pebble() -> Model:
    return Model.load()


class Example(NamedTuple):
    """The page's sentence inside Pebble: `source` is the token after the earlier occurrence of the last."""

    ids: list[int]
    tokens: list[str]
    source: int
    trace: Trace


@functools.cache
def example() -> Example:
    ids = pebble().tokenizer.encode(TEXT)
    trace: Trace = {}
    pebble().forward(ids, trace=trace)
    source = max(j for j, token in enumerate(ids[:-1]) if token == ids[-1]) + 1
    return Example(ids, [pebble().tokenizer.decode([token]) for token in ids], source, trace)


def answer(ids: list[int] | None = None) -> float:
    """Probability of the right continuation of the example, or of a text with the same answer."""
    ids = ids or example().ids
    return float(softmax(pebble().forward(ids)[-1])[example().ids[example().source]])


def score_scale(widths: Iterable[int]) -> list[tuple[int, float, float]]:
    """Width of a head; mean of the largest of 16 weights, without and with the division by its root."""
    random = np.random.default_rng(0)
    rows = []
    for d in widths:
        queries, keys = random.normal(size=(300, d)), random.normal(size=(300, 16, d))
        raw = np.einsum("nd,npd->np", queries, keys)
        unscaled, scaled = (float(softmax(scores).max(-1).mean()) for scores in (raw, raw / d**0.5))
        rows.append((d, unscaled, scaled))
    return rows


# --- positions -----------------------------------------------------------------------------------


def rope_speeds(factor: float) -> dict[str, Array]:
    """Radians a token of each channel pair [C/2]: as trained, and stretched by `factor` in three ways."""
    c = pebble().config
    width, pair = c.head_width, np.arange(c.head_width // 2)
    speed = c.rope_theta ** (-2 * pair / width)
    keep = np.clip((rope_turns() - 1) / (32 - 1), 0, 1)
    return {
        "as trained": speed,
        "PI": speed / factor,
        "NTK": (c.rope_theta * factor ** (width / (width - 2))) ** (-2 * pair / width),
        "YaRN": speed * keep + speed / factor * (1 - keep),
    }


def rope_turns() -> Array:
    """Full turns of each channel pair [C/2] within the context."""
    c = pebble().config
    pair = np.arange(c.head_width // 2)
    turns: Array = c.max_position_embeddings * c.rope_theta ** (-2 * pair / c.head_width) / (2 * np.pi)
    return turns


def score_by_distance(speeds: Array, furthest: int = 24) -> Array:
    """Scores [furthest] of the mean query of layer 0, head 0 against its mean key, so many tokens back."""
    trace, table = example().trace, pebble().rope[: len(example().ids)]
    query = rotate(trace["query"][0][:1], table.conj())[0].mean(0)
    key = rotate(trace["key"][0][:1], table.conj())[0].mean(0)
    turned = np.exp(1j * np.outer(np.arange(furthest), speeds)).astype(np.complex64)
    scores: Array = rotate(np.repeat(query[None, None], furthest, 1), turned)[0] @ key / len(key) ** 0.5
    return scores


# --- costs ---------------------------------------------------------------------------------------


def multiplications(new: int, total: int) -> int:
    """In the matrix products of one pass over `new` tokens, when `total` are then known."""
    c = pebble().config
    width, layers, heads, groups = (
        c.head_width,
        c.num_hidden_layers,
        c.num_attention_heads,
        c.num_key_value_heads,
    )
    attention = c.hidden_size * (2 * heads + 2 * groups) * width
    matrices = layers * (attention + 3 * c.hidden_size * c.intermediate_size) + c.vocab_size * c.hidden_size
    return new * matrices + new * total * layers * 2 * heads * width


def saved_by_cache(written: int, prompt: int) -> float:
    """How many times more multiplications it takes to write so many tokens without the cache."""
    lengths = range(prompt, prompt + written)
    cached = multiplications(prompt, prompt) + sum(multiplications(1, n) for n in lengths[1:])
    return sum(multiplications(n, n) for n in lengths) / cached


def recall(pairs: int, twice: bool, d: int = 32, trials: int = 10) -> dict[str, float]:
    """Share of stored values that linear attention and the delta rule find again.

    twice: every key is written a second time with another value, and that one is asked for.
    """
    random = np.random.default_rng(pairs)
    found = {"linear": 0.0, "delta rule": 0.0}
    for _ in range(trials):
        keys = random.normal(size=(pairs, d))
        values = random.normal(size=((1 + twice) * pairs, d))
        keys, values = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (keys, values))
        written = np.concatenate([keys] * (1 + twice))
        delta = np.zeros((d, d))
        for key, value in zip(written, values, strict=True):
            delta += np.outer(key, value - key @ delta)
        newest = np.arange(pairs) + twice * pairs
        for name, state in (("linear", written.T @ values), ("delta rule", delta)):
            found[name] += float(((keys @ state @ values.T).argmax(-1) == newest).mean()) / trials
    return found


# --- heads ---------------------------------------------------------------------------------------


def repeated_texts(count: int = 6, length: int = 40) -> list[list[int]]:
    """Random tokens, and the same once more."""
    vocabulary = np.arange(300, pebble().config.vocab_size)
    return [
        np.random.default_rng(seed).choice(vocabulary, length, replace=False).tolist() * 2
        for seed in range(count)
    ]


def head_scores() -> tuple[Array, Array]:
    """Prefix matching and attention to the token before, each [layers, heads], on repeated random tokens."""
    c, texts = pebble().config, repeated_texts()
    matching, before = np.zeros((2, c.num_hidden_layers, c.num_attention_heads))
    for text in texts:
        trace: Trace = {}
        pebble().forward(text, trace=trace)
        half = len(text) // 2
        here = np.arange(half, 2 * half)
        for layer, maps in enumerate(trace["attention"]):  # [H, T, P]
            matching[layer] += maps[:, here, here - half + 1].mean(-1) / len(texts)
            before[layer] += maps[:, here, here - 1].mean(-1) / len(texts)
    return matching, before


def lost_without() -> Array:
    """[layers, heads]: probability of the answer that is lost when a head writes nothing."""
    c, model = pebble().config, pebble()
    lost = np.zeros((c.num_hidden_layers, c.num_attention_heads))
    for layer, head in np.ndindex(*lost.shape):
        rows = slice(head * c.head_width, (head + 1) * c.head_width)
        kept = model.layers[layer].output[rows].copy()
        model.layers[layer].output[rows] = 0
        without = answer()
        model.layers[layer].output[rows] = kept
        lost[layer, head] = answer() - without
    return lost


def needle() -> list[tuple[int, float]]:
    """Tokens of the text, and the probability of the name after ever more sentences about others."""
    points = []
    for count in range(0, 80, 2):
        words = [*TEXT.rsplit(" ", 1)[:1], *(OTHERS[n % len(OTHERS)] for n in range(count)), "Mira"]
        ids = pebble().tokenizer.encode(" ".join(words))
        if len(ids) > pebble().config.max_position_embeddings:
            break
        points.append((len(ids), answer(ids)))
    return points
