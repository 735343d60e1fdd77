"""How good is Pebble? It answers by greedy decoding, and only a complete and exact answer counts.

A tool task counts if every turn is right: each call with all its arguments, and the last answer. The test's own tool
results are given back, so that a wrong call ends the task. Nothing here needs PyTorch.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pebble import chat, corpus
from pebble.corpus import Example
from pebble.model import Model
from pebble.sample import generate
from pebble.corpus import World


@dataclass
class Outcome:
    """What was asked, the first turn that went wrong (or the last one), and whether all was right."""

    kind: str
    prompt: str
    wanted: str
    given: str
    right: bool


def answer(model: Model, messages: list[chat.Message], tools: list[chat.Tool]) -> str:
    """What Pebble says or calls next."""
    ids = chat.render(messages, tools, tokenizer=model.tokenizer)
    return "".join(step.text for step in generate(model, ids, max_tokens=200, alternatives=0))


def attempt(model: Model, example: Example) -> Outcome:
    """Let Pebble do a task, turn by turn, until it errs or is done."""
    for n, message in enumerate(example.messages):
        if message["role"] != "assistant":
            continue
        before = example.messages[:n]
        given = answer(model, before, example.tools)
        last = n == len(example.messages) - 1
        wanted = [chat.text_of(message), *(example.also if last else ())]
        if given not in wanted or last:
            return Outcome(
                example.kind, chat.prompt(before, example.tools), wanted[0], given, given in wanted
            )
    raise ValueError("An example without an assistant turn cannot be tested.")


def hand_written(file: Path) -> list[Example]:
    """Questions written by a person. A line has kind, ask, answers, and perhaps tools and turns (call, result)."""
    known = []
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        messages = [corpus.user(row["ask"])]
        for turn in row.get("turns", []):
            messages.append(corpus.calls(turn["call"]["name"], **turn["call"]["arguments"]))
            messages.append(corpus.returns(turn["result"]))
        best, *others = row["answers"]
        tools = [corpus.tool(*t) for t in row.get("tools", [])]
        known.append(Example(row["kind"], [*messages, corpus.says(best)], tools, also=tuple(others)))
    return known


def false_refusals(outcomes: Iterable[Outcome]) -> float:
    """Share of answerable questions that Pebble refused as not in the sources."""
    given = [o.given for o in outcomes if o.wanted != corpus.NOT_IN_SOURCES]
    return sum(g == corpus.NOT_IN_SOURCES for g in given) / len(given)


def measure(
    model: Model, count: int, seed: int, kinds: Iterable[str] = corpus.TESTS
) -> dict[str, list[Outcome]]:
    """Outcomes on fresh test sets, by kind."""
    return {kind: [attempt(model, e) for e in corpus.test_set(kind, count, seed)] for kind in kinds}


def share(outcomes: list[Outcome]) -> float:
    return sum(o.right for o in outcomes) / len(outcomes)
