"""How tasks are scored, with a model that is played by hand."""

from pathlib import Path

import pytest

from pebble import corpus, evaluate
from pebble.corpus import Example, calls, returns, says, user

HAND_WRITTEN = Path(__file__).parent / "hand_written.jsonl"
SUM = Example(
    "arithmetic",
    [user("1 + 2?"), calls("calculate", expression="1 + 2"), returns("3"), says("1 + 2 = 3")],
    also=("It is 3.",),
)
CALL = '<tool_call>{"name": "calculate", "arguments": {"expression": "1 + 2"}}</tool_call>'


@pytest.mark.parametrize(
    ("answers", "right"),
    [
        ([CALL, "1 + 2 = 3"], True),
        ([CALL, "It is 3."], True),
        ([CALL, "1 + 2 = 4"], False),
        ([CALL.replace("2", "3"), "1 + 2 = 3"], False),
        (["1 + 2 = 3"], False),
        (["It is 3."], False),  # another good last answer does not stand for the call
    ],
)
def test_every_turn_must_be_right(monkeypatch: pytest.MonkeyPatch, answers: list[str], right: bool) -> None:
    said = iter(answers)
    monkeypatch.setattr(evaluate, "answer", lambda *_: next(said))
    assert evaluate.attempt(None, SUM).right is right


def test_the_tool_result_of_the_task_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def answer(model: object, messages: list, tools: list) -> str:
        heard.append([m["role"] for m in messages])
        return CALL if len(messages) == 1 else "1 + 2 = 3"

    monkeypatch.setattr(evaluate, "answer", answer)
    evaluate.attempt(None, SUM)
    assert heard == [["user"], ["user", "assistant", "tool"]]


def test_false_refusals_count_answerable_questions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that refuses everything is right about "unknown" and refuses all that can be answered."""
    monkeypatch.setattr(evaluate, "answer", lambda *_: corpus.NOT_IN_SOURCES)
    results = evaluate.measure(None, count=3, seed=1)
    assert results["unknown"] == {"right": 3, "cases": 3}
    assert results["false refusals"] == {"right": 9, "cases": 9}
    assert results["one source"]["right"] == 0
    assert results["written by hand"]["right"] == results["written by hand: unknown"]["right"] == 8


def test_the_table_goes_between_the_marks_of_the_card(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("before\n<!-- results -->\nold\n<!-- end -->\nafter\n")
    evaluate.write({"lookup": {"right": 3, "cases": 4}}, tmp_path)
    assert card.read_text().splitlines() == [
        "before", "<!-- results -->",
        "| Kind | Right | Cases | Share | Wanted |", "|---|---:|---:|---:|---:|",
        "| lookup | 3 | 4 | 75.0 % | 92 % |", "<!-- end -->", "after",
    ]  # fmt: skip


def test_the_hand_written_questions_are_150_and_well_formed() -> None:
    examples = evaluate.hand_written(HAND_WRITTEN)
    assert len(examples) == 150
    for e in examples:
        assert e.kind in {*corpus.TESTS, "several sources"}
        assert e.messages[-1]["role"] == "assistant"
        needed = {c["function"]["name"] for m in e.messages for c in m.get("tool_calls", [])}
        assert needed <= {t["function"]["name"] for t in e.tools}
