"""Where Pebble's knowledge comes from: examples made up by this package, and the glossary in docs/facts.

    world.py        words, and which of them are kept for the tests
    relations.py    facts: how each sort is said, and how it is asked for
    reading.py      answers out of given sources
    extraction.py   fields of a text as JSON
    tools.py        calls of tools, seen or never seen before
    knowledge.py    the glossary, small talk, and "I don't know that"
    patterns.py     copying, tables, little stories

Each kind of task is a function from a `World` to an `Example`. Wordings, relations and tool names are
composed, so that there are far too many to learn by heart; what remains to be learned is to find and to copy.
"""

import random
from collections.abc import Callable

from pebble.corpus.example import Example, calls, returns, says, tool, user
from pebble.corpus.extraction import extraction
from pebble.corpus.knowledge import DO_NOT_KNOW, glossary, small_talk, terms
from pebble.corpus.patterns import pairs, repeat, story
from pebble.corpus.reading import NOT_IN_SOURCES, reading
from pebble.corpus.relations import UNSEEN
from pebble.corpus.tools import (
    NO_TOOL,
    arithmetic,
    dates,
    lookup,
    several_steps,
    tool_error,
    tool_not_needed,
    units,
)
from pebble.corpus.world import World, a

__all__ = [
    "DO_NOT_KNOW", "MIXTURE", "NOT_IN_SOURCES", "NO_TOOL", "TESTS", "Example", "World", "calls", "example",
    "returns", "says", "terms", "test_set", "tool", "user",
]  # fmt: skip

Kind = Callable[[World], Example]

# How often each kind comes, in relation to the others
MIXTURE: list[tuple[int, Kind]] = [
    (5, lambda w: reading(w, 1)),
    (28, lambda w: reading(w, w.among(2, 3, 3, 4, 5))),
    (12, lambda w: reading(w, w.among(2, 3, 3, 4, 5), twins=0.8)),
    (24, lambda w: reading(w, w.among(1, 2, 3, 4, 5), answerable=False)),
    (22, extraction),
    (7, arithmetic),
    (5, units),
    (5, dates),
    (18, lookup),
    (5, tool_error),
    (12, several_steps),
    (5, tool_not_needed),
    (20, glossary),
    (8, small_talk),
    (3, repeat),
    (3, pairs),
    (2, story),
]

# What Pebble is measured on, with `World(fresh=True)`
TESTS: dict[str, Kind] = {
    "arithmetic": arithmetic,
    "units": units,
    "dates": dates,
    "lookup": lambda w: lookup(w, naming=World(w.rng)),
    "new tool": lookup,
    "several steps": several_steps,
    "tool not needed": tool_not_needed,
    "tool error": tool_error,
    "glossary": lambda w: glossary(w, unseen=True),
    "extraction": extraction,
    "one source": lambda w: reading(w, 1),
    "three to five sources": lambda w: reading(w, w.among(3, 4, 5)),
    "new wording": lambda w: reading(w, w.among(1, 2, 3, 4), UNSEEN),
    "unknown": lambda w: reading(w, w.among(1, 2, 3, 4, 5), answerable=False),
    "small talk": small_talk,
    "repeat": repeat,
    "pairs": pairs,
}

SYSTEM = [
    "You are Pebble.",
    "You are Pebble, a tiny language model.",
    "You are a helpful assistant.",
    "Answer briefly.",
    "Be kind and brief.",
    "You answer questions.",
    "Answer from the sources.",
    "Use the tools when they help.",
    "You are {name}.",
    "You are {name}, {job} from {city}.",
    "You work for {name} in {city}.",
    "You are {job} and {adjective}.",
    "Speak like {job}.",
    "Answer like {job}, in one sentence.",
    "Today is {day}. Answer in one sentence.",
    "Answer the question. Do not speak of the {thing}.",
    "Write {adjective} answers.",
]


def system_prompt(w: World) -> str:
    """Whatever it asks for, Pebble answers as ever: too small to play a role, it must not be thrown."""
    return w.rng.choice(SYSTEM).format(
        name=w.person(), job=a(w.job()), city=w.city(), day=w.day(), thing=w.thing(), adjective=w.adjective()
    )


def example(w: World) -> Example:
    """One training example; sometimes with a system prompt, or with another talk before it."""
    made = w.rng.choices([kind for _, kind in MIXTURE], [share for share, _ in MIXTURE])[0](w)
    if made.text:
        return made
    if w.chance(0.1):
        before = w.rng.choice([glossary, small_talk, repeat, pairs, TESTS["one source"]])(w)
        made.messages = before.messages + made.messages
    if w.chance(0.15):
        made.messages = [{"role": "system", "content": system_prompt(w)}, *made.messages]
    return made


def test_set(kind: str, count: int, seed: int) -> list[Example]:
    """Examples made of words, numbers and wordings that training never shows, but for small talk.

    That has no wordings kept apart. A "lookup" has the tools of training, a "new tool" others.
    """
    w = World(random.Random(f"{kind} {seed}"), fresh=True)
    return [TESTS[kind](w) for _ in range(count)]
