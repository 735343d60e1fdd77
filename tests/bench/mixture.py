"""What the mixture of experts is worth, beside dense models trained alike, and which tokens its experts take.

    python tests/bench/mixture.py --dense FOLDER --wide FOLDER           print the tables of the model card
    python tests/bench/mixture.py --dense FOLDER --wide FOLDER --write   and store them there and in results.json

The folders hold the dense models of the same active and of the same total weights, which are not stored. The
model card says how to train them.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pebble import corpus, evaluate
from pebble.corpus import Example
from pebble.mixture import SORTS, MixtureModel, sorts
from pebble.model import Array, Model, Trace, softmax
from pebble.tokenizer import WEIGHTS
from pebble.train import row


def held_out(count: int = 20, seed: int = 3) -> list[Example]:
    """`count` examples of each kind, of words, numbers and wordings that training never shows."""
    return [e for kind in corpus.TESTS for e in corpus.test_set(kind, count, seed)]


def losses(model: Model, examples: Sequence[Example]) -> Array:
    """Negative log-probability of each token that Pebble has to write itself, in all the examples. [tokens]"""
    found = []
    for example in examples:
        ids, own = row(example, model.tokenizer)
        p = softmax(model.forward(ids[:-1]))[np.arange(len(ids) - 1), ids[1:]]  # [T - 1]
        found.append(-np.log(p[own[1:]]))
    return np.concatenate(found)


def taken(model: MixtureModel, examples: Sequence[Example]) -> Array:
    """How often a token of each sort chose each expert, as first or second. [layers, sorts, E]"""
    experts = model.config.num_local_experts
    counts = np.zeros((model.config.num_hidden_layers, len(SORTS), experts), int)
    for example in examples:
        ids, _ = row(example, model.tokenizer)
        trace: Trace = {}
        model.forward(ids, trace=trace)
        sort = np.array([SORTS.index(s) for s in sorts(ids, model.tokenizer)])
        for layer, chosen in enumerate(trace["experts"]):
            np.add.at(counts[layer], (sort[:, None], chosen), 1)
    return counts


def weights(model: Model) -> tuple[int, int]:
    """All weights, and those that work on one token."""
    total = sum(w.size for w in model.weights.values())
    if not isinstance(model, MixtureModel):
        return total, total
    c = model.config
    idle = c.num_local_experts - c.num_experts_per_tok
    return total, total - idle * 3 * c.hidden_size * c.intermediate_size * c.num_hidden_layers


def result(model: Model, examples: Sequence[Example]) -> dict[str, float]:
    """Weights, loss on the examples' own tokens, and how many of them the model answers rightly."""
    total, active = weights(model)
    loss = round(float(losses(model, examples).mean()), 4)
    right = sum(evaluate.attempt(model, e).right for e in examples)
    return {"weights": total, "active": active, "loss": loss, "right": right, "cases": len(examples)}


def comparison(results: dict[str, dict[str, float]]) -> str:
    """The results as a table."""
    lines = ["| Model | Weights | Active | Loss | Perplexity | Right |", "|---|---:|---:|---:|---:|---:|"]
    for name, r in results.items():
        loss, right = f"{r['loss']:.3f} | {np.exp(r['loss']):.3f}", f"{r['right']} of {r['cases']}"
        lines.append(f"| {name} | {r['weights']:,} | {r['active']:,} | {loss} | {right} |")
    return "\n".join(lines)


def shares(counts: Array, k: int = 2) -> str:
    """How many of all tokens, and of each sort, take an expert, in per cent. A row sums to 100 times k."""
    names = " | ".join(f"{e + 1}" for e in range(counts.shape[-1]))
    lines = [f"| Layer | Tokens | {names} |", "|---:|---|" + "---:|" * counts.shape[-1]]
    for layer, table in enumerate(counts, 1):
        for sort, chosen in [("all", table.sum(0)), *zip(SORTS, table, strict=True)]:
            cells = " | ".join(f"{100 * k * share:.0f}" for share in chosen / chosen.sum())
            lines.append(f"| {layer} | {sort} | {cells} |")
    return "\n".join(lines)


def bits(counts: Array) -> float:
    """What a row of the table [rows, E] tells of the expert chosen: the mutual information of the two."""
    p = counts / counts.sum()
    by_chance = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
    return float((p * np.log2(np.where(p > 0, p / by_chance, 1))).sum())


def form_or_task(model: MixtureModel, examples: Sequence[Example]) -> str:
    """Whether experts go by what a token looks like or by what it is used for, as a sentence."""
    kinds = [[e for e in examples if e.kind == kind] for kind in dict.fromkeys(e.kind for e in examples)]
    tables = np.stack([taken(model, of_kind) for of_kind in kinds])  # [kinds, layers, sorts, E]
    sort = " and ".join(f"{bits(t):.2f}" for t in tables.sum(0))
    kind = " and ".join(f"{bits(t):.2f}" for t in tables.sum(2).transpose(1, 0, 2))
    return f"Of the expert chosen, the sort of the token tells {sort} bits by layer, the kind of task {kind}."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dense", type=Path, required=True)
    parser.add_argument("--wide", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    mixture, examples = MixtureModel.load(), held_out()
    models = {
        "dense, 192 wide": Model.load(options.dense),
        "mixture, 2 of 8 experts": mixture,
        "dense, 768 wide": Model.load(options.wide),
    }
    results = {name: result(model, examples) for name, model in models.items()}
    tables = (
        comparison(results),
        f"{shares(taken(mixture, examples))}\n\n{form_or_task(mixture, examples)}",
    )
    print(*tables, sep="\n\n")
    if options.write:
        file = WEIGHTS / "mixture" / "results.json"
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        for name, table in zip(("mixture", "experts"), tables, strict=True):
            evaluate.put(table, name, WEIGHTS / "README.md")


if __name__ == "__main__":
    main()
