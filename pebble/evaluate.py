"""How good is Pebble? It answers by greedy decoding, and only a complete and exact answer counts.

    python -m pebble.evaluate              measure the stored weights, 200 cases a kind, and print a table
    python -m pebble.evaluate --write      and store the table in weights/results.json and the model card

A tool task counts if every turn is right: each call with all its arguments, and the last answer. The
test's own tool results are given back, so that a wrong call ends the task. Nothing here needs PyTorch.
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

from pebble import chat, corpus
from pebble.corpus import Example
from pebble.mixture import load_model
from pebble.model import Model
from pebble.sample import generate
from pebble.tokenizer import WEIGHTS


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
    """Questions written by hand. A line has kind, ask, answers, perhaps tools and turns (call, result)."""
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


# The figures that Pebble is meant to reach
WANTED = {
    "arithmetic": 0.98, "units": 0.98, "dates": 0.98, "lookup": 0.92, "new tool": 0.60, "several steps": 0.97,
    "tool not needed": 0.95, "glossary": 0.92, "extraction": 0.92, "one source": 0.95,
    "three to five sources": 0.80, "new wording": 0.60, "unknown": 0.90,
}  # fmt: skip
READING = ("one source", "three to five sources", "new wording", "unknown")
QUESTIONS = Path(__file__).parent.parent / "tests" / "pebble" / "hand_written.jsonl"


def measure(model: Model, count: int, seed: int) -> dict[str, dict[str, int]]:
    """Right answers and cases: of every kind of test set, of the questions by hand, and false refusals."""
    tested = {kind: [attempt(model, e) for e in corpus.test_set(kind, count, seed)] for kind in corpus.TESTS}
    answerable = [o for kind in READING for o in tested[kind] if o.wanted != corpus.NOT_IN_SOURCES]
    refused = sum(o.given == corpus.NOT_IN_SOURCES for o in answerable)
    by_hand = [attempt(model, e) for e in hand_written(QUESTIONS)]
    results = {kind: score(outcomes) for kind, outcomes in tested.items()}
    results["false refusals"] = {"right": refused, "cases": len(answerable)}
    results["written by hand"] = score(by_hand)
    for kind in dict.fromkeys(o.kind for o in by_hand):
        results[f"written by hand: {kind}"] = score([o for o in by_hand if o.kind == kind])
    return results


def score(outcomes: list[Outcome]) -> dict[str, int]:
    return {"right": sum(o.right for o in outcomes), "cases": len(outcomes)}


def table(results: dict[str, dict[str, int]]) -> str:
    """The results as a Markdown table."""
    rows = ["| Kind | Right | Cases | Share | Wanted |", "|---|---:|---:|---:|---:|"]
    for kind, r in results.items():
        wanted = "at most 5%" if kind == "false refusals" else f"{WANTED[kind]:.0%}" if kind in WANTED else ""
        rows.append(f"| {kind} | {r['right']} | {r['cases']} | {r['right'] / r['cases']:.1%} | {wanted} |")
    return "\n".join(rows).replace("%", " %")


def write(results: dict[str, dict[str, int]], folder: Path = WEIGHTS) -> None:
    """Store the results, and put their table between the marks in the model card."""
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    put(table(results), "results", folder / "README.md")


def put(table: str, name: str, card: Path) -> None:
    """Put a table between its marks in the model card."""
    marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    text, found = marked.subn(lambda m: f"{m[1]}{table}\n{m[2]}", card.read_text(encoding="utf-8"))
    if not found:
        raise SystemExit(f"{card}: there is no place for the table; add <!-- {name} --> and <!-- end -->.")
    card.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=200, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the test sets")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    results = measure(load_model(arguments.folder), arguments.count, arguments.seed)
    print(table(results))
    if arguments.write:
        write(results, arguments.folder)


if __name__ == "__main__":
    main()
