"""The measurement of what int8 costs: it counts what differs, and puts its table into the card."""

from pathlib import Path

import pytest

from pebble import corpus, evaluate
from pebble.evaluate import Outcome
from pebble.export import int8_model
from pebble.model import Model
from pebble.tokenizer import WEIGHTS
from tests.bench import int8_cost


def test_it_counts_right_answers_and_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {("stored", 1): "a", ("stored", 2): "b", ("int8", 1): "a", ("int8", 2): "c"}
    monkeypatch.setattr(
        evaluate, "attempt", lambda model, n: Outcome("k", "", "a", said[model, n], said[model, n] == "a")
    )
    assert int8_cost.answers("stored", "int8", {"k": [1, 2]}).splitlines()[-1] == "| k | 2 | 1 | 1 | 1 |"


def test_a_model_agrees_with_itself_and_not_with_coarser_weights() -> None:
    model = Model.load()
    tasks = corpus.test_set("lookup", 3, seed=4)
    assert int8_cost.texts(model, model, tasks).startswith(
        "Within right answers both find the same token likeliest at 100.00 %"
    )
    coarse = Model(model.config, {n: w.round(1) for n, w in model.weights.items()}, model.tokenizer)
    sentence = int8_cost.texts(model, coarse, tasks)
    before, after = (float(word.strip(".")) for word in sentence.split()[-3::2])
    assert "100.00 %" not in sentence and after > before
    close = int8_cost.texts(model, int8_model(model), tasks)
    before, after = (float(word.strip(".")) for word in close.split()[-3::2])
    assert abs(after / before - 1) < 0.05


def test_the_cards_table_is_that_of_the_stored_weights() -> None:
    assert int8_cost.cost(Model.load(), count=50) in (WEIGHTS / "README.md").read_text(encoding="utf-8")


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("<!-- results -->\nkept\n<!-- end -->\n<!-- int8 -->\nold\n<!-- end -->\n")
    evaluate.put("new", "int8", card)
    assert card.read_text() == "<!-- results -->\nkept\n<!-- end -->\n<!-- int8 -->\nnew\n<!-- end -->\n"
    card.write_text("no marks")
    with pytest.raises(SystemExit, match="add <!-- int8 -->"):
        evaluate.put("new", "int8", card)
