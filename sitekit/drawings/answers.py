"""Pebble as the figures ask it: one model, loaded once, and its answers to a few short questions."""

from __future__ import annotations

import functools

from pebble.model import Array, Model, Trace, softmax
from pebble.tokenizer import BEGIN

pebble = functools.cache(Model.load)


def ids_of(text: str) -> list[int]:
    """The numbers of a text, with the token before them that says: here a text begins."""
    return [BEGIN, *pebble().tokenizer.encode(text)]


def shown(token: int) -> str:
    """A token as pages write it: a space is ␣."""
    return pebble().tokenizer.decode([token]).replace(" ", "␣")


def first(text: str) -> int:
    """The first token of a text."""
    return pebble().tokenizer.encode(text)[0]


def following(text: str) -> Array:
    """Probabilities [V] of what follows `text`."""
    return softmax(pebble().forward(ids_of(text))[-1])


def traced(text: str) -> Trace:
    """What happens inside while Pebble reads `text`: see `Model.forward`."""
    trace: Trace = {}
    pebble().forward(ids_of(text), trace=trace)
    return trace
