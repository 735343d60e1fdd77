"""What the mixture of experts is worth: its loss on held-out examples, and which tokens its experts take.

    python tests/bench/mixture.py --dense FOLDER --wide FOLDER           print the tables of the model card
    python tests/bench/mixture.py --dense FOLDER --wide FOLDER --write   and put them there

The folders hold the two dense models trained beside it, of the same active and of the same total weights;
they are not stored. pebble/weights/README.md says how to train all three.
"""

import argparse
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


def comparison(models: dict[str, Model], examples: Sequence[Example]) -> str:
    """Weights, loss and perplexity of each model as a table."""
    lines = ["| Model | Weights | Active | Loss | Perplexity |", "|---|---:|---:|---:|---:|"]
    for name, model in models.items():
        (total, active), loss = weights(model), losses(model, examples).mean()
        lines.append(f"| {name} | {total:,} | {active:,} | {loss:.3f} | {np.exp(loss):.3f} |")
    return "\n".join(lines)


def shares(counts: Array) -> str:
    """Of all choices in a layer, and of those of each sort of token, the share of each expert, in per cent."""
    names = " | ".join(f"{e + 1}" for e in range(counts.shape[-1]))
    lines = [f"| Layer | Tokens | {names} |", "|---:|---|" + "---:|" * counts.shape[-1]]
    for layer, table in enumerate(counts, 1):
        for sort, row_ in [("all", table.sum(0)), *zip(SORTS, table, strict=True)]:
            lines.append(f"| {layer} | {sort} | " + " | ".join(f"{s:.0%}" for s in row_ / row_.sum()) + " |")
    return "\n".join(lines).replace("%", "")


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
        "dense, feed-forward 192": Model.load(options.dense),
        "mixture, 2 of 8 experts of 96": mixture,
        "dense, feed-forward 768": Model.load(options.wide),
    }
    text = f"{comparison(models, examples)}\n\n{shares(taken(mixture, examples))}"
    print(text)
    if options.write:
        evaluate.put(text, "mixture", WEIGHTS / "README.md")


if __name__ == "__main__":
    main()
