"""Every written layer ends with checks that cannot be guessed, and with exercises that have solutions."""

from __future__ import annotations

import re

import pytest
from building import ROOT

from sitekit import layers, quiz

TOPICS = [layers.read_topic(ROOT, path.parent.name) for path in ROOT.glob("docs/*/concepts.md")]
PAGES = [layer.path for topic in TOPICS for layer in topic.layers if layer.written and layer.code != "L3"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_checks_its_reader(path: str) -> None:
    assert quiz.faults(path, (ROOT / path).read_text("utf-8")) == []


# --- planted faults ------------------------------------------------------------------------------


def question(number: int, right: str, *, longest: bool = False) -> str:
    options = []
    for letter in "ABC":
        word = ("**Right.**" if letter == right else "**No.**") + " Because."
        text = "the longer answer, by far" if longest and letter == right else "an answer like any"
        options.append(f'<details markdown="1"><summary>{letter}. {text}</summary>\n\n{word}\n\n</details>\n')
    return f"### Check {number}: name\n\nWhich?\n\n" + "".join(options) + "\n"


def exercise(number: int, solution: str = "Words.") -> str:
    return (
        f"### Exercise {number}: name\n\nDo it.\n\n"
        f'<details markdown="1"><summary>Solution</summary>\n\n{solution}\n\n</details>\n\n'
    )


CODE = "```python\n# a comment\nprint(1)\n```\n\n```text\n1\n```"
QUIZ = [question(i, letter) for i, letter in enumerate("ABCABCAB", 1)]
TASKS = [exercise(1, CODE), *(exercise(i) for i in range(2, 6))]


def page(quiz: list[str] = QUIZ, tasks: list[str] = TASKS) -> str:
    return (
        "# T\n\n## Check your understanding\n\n"
        + "".join(quiz)
        + "## Exercises\n\n"
        + "".join(tasks)
        + "## Next\n"
    )


def test_a_page_in_order_has_no_faults() -> None:
    assert quiz.faults("p.md", page()) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (page(QUIZ[:7]), ["p.md: 7 quiz questions; a page needs at least 8"]),
        (page(tasks=TASKS[:4]), ["p.md: 4 exercises; a page needs at least 5"]),
        (
            page(tasks=[*TASKS[:4], "### Exercise 5: name\n\nDo it.\n"]),
            ['p.md:214: "Exercise 5: name" has no solution; fold one below it, in <details>'],
        ),
        (
            page(tasks=[exercise(i) for i in range(1, 6)]),
            ["p.md: no solution is code with its output; give one a python and a text block, side by side"],
        ),
        (
            page().replace("**No.** Because", "Because", 1),
            ['p.md:14: option B does not begin with "**Right.**" or "**No.**" and say why'],
        ),
        (
            page().replace("**No.** Because", "**Right.** Because", 1),
            ['p.md:5: "Check 1: name" does not have exactly one right option'],
        ),
        (
            page().replace("**Right.** Because", "**No.** Because", 1),
            ['p.md:5: "Check 1: name" does not have exactly one right option'],
        ),
        (
            page().replace("<summary>C. ", "<summary>D. ", 1),
            ['p.md:5: "Check 1: name" has the options "ABD"; write three or more, A., B., C. …'],
        ),
        (
            page([question(i, letter) for i, letter in enumerate("AAAAABBC", 1)]),
            ["p.md: A is right 5 times in 8; at most 4: change the order of some options"],
        ),
        (
            page([question(i, letter) for i, letter in enumerate("ABABABAB", 1)]),
            ["p.md: C is never right; change the order of some options"],
        ),
        (
            page([question(i, letter, longest=i < 6) for i, letter in enumerate("ABCABCAB", 1)]),
            [
                "p.md: the right option is the longest in 5 of 8; at most 4: "
                + "; ".join(f"Check {i}: name" for i in range(1, 6))
            ],
        ),
    ],
)
def test_a_planted_fault_is_told(broken: str, said: list[str]) -> None:
    assert quiz.faults("p.md", broken) == said


def test_a_page_without_headings_has_no_checks() -> None:
    assert quiz.questions("Text.\n") == [] == quiz.exercises("")


def test_questions_know_their_lines() -> None:
    text = page()
    for asked in quiz.questions(text):
        assert text.splitlines()[asked.line - 1] == f"### {asked.name}"
        for option in asked.options:
            assert re.search(rf"<summary>{option.letter}\. ", text.splitlines()[option.line - 1])
    for task in quiz.exercises(text):
        assert text.splitlines()[task.line - 1] == f"### {task.name}"
