"""The corpus: what is kept for the tests stays out of training, and answers stand where they should."""

import importlib
import json
import random
import re

import pytest

from pebble import chat
from pebble.corpus import MIXTURE, NOT_IN_SOURCES, TESTS, Example, World, example, terms, test_set
from pebble.corpus.knowledge import ASK_TERM, ASK_TERM_UNSEEN, small_talk_pairs
from pebble.corpus.reading import Fact, fact, reading
from pebble.corpus.relations import ATTRIBUTE, SEEN, UNSEEN
from pebble.corpus.world import CITIES, PEOPLE, THINGS, a, kept_for_tests, plural, third_person

test_set.__test__ = False  # pytest takes it for a test, by its name


@pytest.fixture(scope="module")
def training() -> list[Example]:
    w = World(random.Random(7))
    return [example(w) for _ in range(3000)]


def text_of(e: Example) -> str:
    return e.text or chat.prompt(e.messages, e.tools, answer=False)


def test_the_same_seed_makes_the_same_examples() -> None:
    first, second = (World(random.Random(3)) for _ in range(2))
    assert [text_of(example(first)) for _ in range(50)] == [text_of(example(second)) for _ in range(50)]


def test_made_up_words_of_tests_never_occur_in_training() -> None:
    w, fresh = World(random.Random(1)), World(random.Random(1), fresh=True)
    seen, unseen = {w.word() for _ in range(3000)}, {fresh.word() for _ in range(3000)}
    assert not seen & unseen
    assert len(seen) > 2500  # so open is the vocabulary
    assert not any(map(kept_for_tests, seen)) and all(map(kept_for_tests, unseen))


@pytest.mark.parametrize("listed", [PEOPLE, CITIES, THINGS])
def test_a_sixth_of_every_list_is_kept_for_the_tests(listed: list[str]) -> None:
    w, fresh = World(random.Random(1)), World(random.Random(1), fresh=True)
    seen, unseen = {w.of(listed) for _ in range(2000)}, {fresh.of(listed) for _ in range(2000)}
    assert not seen & unseen
    assert seen | unseen == set(listed)
    assert len(unseen) == len(listed) // 6


def test_names_kept_for_the_tests_are_not_in_training_texts(training: list[Example]) -> None:
    kept = {name for n, name in enumerate(CITIES) if n % 6 == 5}
    words = {word for e in training for word in re.findall(r"\w+", text_of(e))}
    assert not kept & words
    assert len(set(CITIES) & words) > 30  # while the others are


def test_wordings_kept_for_the_tests_are_not_in_training_texts(training: list[Example]) -> None:
    texts = "\n".join(map(text_of, training))
    for relation in UNSEEN:
        pattern = re.sub(r"\\{.\\}", r"[\\w' ]+", re.escape(relation.sentences))
        assert not re.search(pattern, texts), pattern
    assert not set(ASK_TERM) & set(ASK_TERM_UNSEEN)


def test_questions_of_tests_are_not_asked_in_training_but_in_small_talk(training: list[Example]) -> None:
    """The model card says how many of the 200 are."""
    asked = {message["content"] for e in training for message in e.messages if message["role"] == "user"}
    asked |= {said for listed, _ in small_talk_pairs() for said in listed}
    known = {
        kind: sum(e.messages[0]["content"] in asked for e in test_set(kind, 200, seed=1) if not e.text)
        for kind in TESTS
    }
    assert {kind: n for kind, n in known.items() if n} == {"small talk": 139, "tool not needed": 56}


def test_every_kind_of_the_mixture_comes(training: list[Example]) -> None:
    kinds = {e.kind for e in training}
    assert len(kinds) >= len(MIXTURE) - 1
    called_otherwise = {"three to five sources", "new wording", "new tool"}  # in training
    assert set(TESTS) - kinds == called_otherwise


@pytest.mark.parametrize("relation", [*SEEN, *UNSEEN])
def test_a_fact_is_whole(relation: object) -> None:
    w = World(random.Random(2))
    for _ in range(50):
        f = fact(w, [relation])
        for text in (f.sentence, f.question):
            assert "{" not in text and "  " not in text
            assert not text[0].islower() or not text[0].isalpha()
        assert f.subject.lower() in f.sentence.lower()


def test_an_answer_is_one_of_the_sources_and_cites_it() -> None:
    w = World(random.Random(4))
    for _ in range(300):
        count = w.among(1, 2, 3, 4, 5)
        e = reading(w, count)
        question, answer = (m["content"] for m in e.messages)
        assert question.count(answer) == 1
        assert re.fullmatch(r".* \[[1-5]\]\.", answer)
        assert len(re.findall(r"\[\d\]", question)) == count


def test_what_is_not_in_the_sources_is_really_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sentence has both the subject and the attribute, or the deed, that are asked for."""
    module = importlib.import_module("pebble.corpus.reading")  # under its name the package has the function
    made: list[Fact] = []

    def noted(*arguments: object) -> Fact:
        made.append(fact(*arguments))
        return made[-1]

    monkeypatch.setattr(module, "fact", noted)
    monkeypatch.setattr(World, "attribute", lambda w: w.rng.choice(["age", "price", "size"]))  # soon the same
    w = World(random.Random(5))
    same = 0
    for _ in range(50):
        made.clear()
        e = reading(w, 5, [ATTRIBUTE], answerable=False)
        asked, *others = made
        answers = [other.sentence[:-1] for other in others if other.topic == asked.topic]
        same += len(answers)
        assert not [s for s in answers if s in e.messages[0]["content"]]
        assert e.messages[-1]["content"] == NOT_IN_SOURCES
    assert same > 10


def test_extracted_values_stand_in_the_text() -> None:
    for e in test_set("extraction", 300, 1):
        request, answer = (m["content"] for m in e.messages)
        for key, value in json.loads(answer).items():
            assert key in request
            assert value is None or str(value) in request


@pytest.mark.parametrize("kind", ["arithmetic", "units", "dates", "lookup", "several steps", "tool error"])
def test_calls_name_a_tool_and_its_parameters(kind: str) -> None:
    for e in test_set(kind, 100, 1):
        known = {t["function"]["name"]: set(t["function"]["parameters"]["properties"]) for t in e.tools}
        made = [c["function"] for m in e.messages for c in m.get("tool_calls", [])]
        assert made
        assert all(set(call["arguments"]) == known[call["name"]] for call in made)
        assert e.messages[-1]["role"] == "assistant" and e.messages[-1]["content"]


def test_sums_are_right() -> None:
    for e in test_set("arithmetic", 200, 1):
        expression = e.messages[1]["tool_calls"][0]["function"]["arguments"]["expression"]
        x, operator, y = expression.split(" ")
        exact = {
            "+": float(x) + float(y),
            "-": float(x) - float(y),
            "*": float(x) * float(y),
            "/": float(x) / float(y),
        }
        assert float(e.messages[2]["content"]) == pytest.approx(exact[operator], abs=1e-4)


def test_the_glossary_is_fit_to_be_learned() -> None:
    names = [name.lower() for _, all_names, _ in terms() for name in all_names]
    assert len(terms()) >= 60
    assert len(names) == len(set(names))
    for term, _, definition in terms():
        assert not definition.endswith("."), f"{term}: the corpus adds the full stop"
        assert len(definition) < 130, f"{term}: a definition of one sentence is meant"


def test_no_two_answers_to_the_same_small_talk() -> None:
    said = [s for all_said, _ in small_talk_pairs() for s in all_said]
    assert len(said) == len(set(said)) > 100


def test_examples_fit_the_context_window(training: list[Example], tokenizer: object) -> None:
    assert max(len(text_of(e)) for e in training) < 1100  # characters; a token has two or more


def test_third_person() -> None:
    assert [third_person(v) for v in ("carry", "teach", "paint", "buy")] == [
        "carries",
        "teaches",
        "paints",
        "buys",
    ]
    assert plural("box") == "boxes"


def test_articles() -> None:
    assert (a("lamp"), a("oven")) == ("a lamp", "an oven")
