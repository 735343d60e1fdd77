"""What rounding costs: Pebble with the int8 weights of the pages against its stored ones, on the same tasks.

    python tests/bench/int8_cost.py              six kinds of tasks, 50 of each, and the questions by hand
    python tests/bench/int8_cost.py --write      and put the table into the model card

An answer counts if it is complete and exact, as in pebble/evaluate.py. Then, over the right answers: how
often both find the same token likeliest, and the perplexity of each.
"""

import argparse
from pathlib import Path

import numpy as np

from pebble import chat, corpus, evaluate, export
from pebble.corpus import Example
from pebble.model import Model, softmax
from pebble.tokenizer import WEIGHTS

KINDS = ("lookup", "arithmetic", "glossary", "extraction", "one source", "unknown")


def answers(stored: Model, rounded: Model, tasks: dict[str, list[Example]]) -> str:
    """A table of right answers, and of answers that are the same, of each kind of task."""
    lines = ["| Kind | Cases | Right, stored | Right, int8 | The same answer |", "|---|---:|---:|---:|---:|"]
    for kind, examples in tasks.items():
        a, b = ([evaluate.attempt(model, e) for e in examples] for model in (stored, rounded))
        alike = sum((x.prompt, x.given) == (y.prompt, y.given) for x, y in zip(a, b, strict=True))
        right = [sum(o.right for o in outcomes) for outcomes in (a, b)]
        lines.append(f"| {kind} | {len(examples)} | {right[0]} | {right[1]} | {alike} |")
    return "\n".join(lines)


def texts(stored: Model, rounded: Model, tasks: list[Example]) -> str:
    """Agreement on the likeliest token and perplexity, over the last (right) answer of each task."""
    alike, surprise = [], ([], [])
    for example in tasks:
        ids = chat.render(example.messages, example.tools, tokenizer=stored.tokenizer, answer=False)
        start = len(chat.render(example.messages[:-1], example.tools, tokenizer=stored.tokenizer))
        logits = [model.forward(ids)[start - 1 : -1] for model in (stored, rounded)]  # [answer, V]
        alike.append(logits[0].argmax(-1) == logits[1].argmax(-1))
        for kept, given in zip(surprise, logits, strict=True):
            kept.append(-np.log(softmax(given)[np.arange(len(ids) - start), ids[start:]]))
    same = np.concatenate(alike)
    perplexity = [np.exp(np.concatenate(kept).mean()) for kept in surprise]
    return (
        f"Within right answers both find the same token likeliest at {same.mean():.2%} of {len(same):,} "
        f"positions, and perplexity goes from {perplexity[0]:.3f} to {perplexity[1]:.3f}."
    ).replace("%", " %")


def cost(stored: Model, count: int, seed: int = 1) -> str:
    """Both, as Markdown."""
    rounded = export.int8_model(stored)
    tasks = {kind: corpus.test_set(kind, count, seed) for kind in KINDS}
    tasks["written by hand"] = evaluate.hand_written(evaluate.QUESTIONS)
    every = [e for examples in tasks.values() for e in examples]
    return f"{answers(stored, rounded, tasks)}\n\n{texts(stored, rounded, every)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=50, help="tasks of each kind")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = cost(Model.load(options.folder), options.count)
    print(table)
    if options.write:
        evaluate.put(table, "int8", options.folder / "README.md")


if __name__ == "__main__":
    main()
