"""Checks for understanding: quiz questions and exercises, as pages write them, and what the site makes of it.

A question is a heading `### Check 1: the loop` under `## Check your understanding`, a paragraph, and for each
option a `<details>` whose summary begins with a letter and whose text begins with **Right.** or **No.** An
exercise is a heading `### Exercise 1: …` under `## Exercises`, and a solution folded away. That reads well on
a code host. The site joins a question and its options into one named group. Several options may be open
at a time: a reader compares their explanations, and nothing above the one that is opened moves.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

# --- as pages write them -------------------------------------------------------------------------


class Option(NamedTuple):
    """One answer: `right` is None if its explanation does not say."""

    letter: str
    text: str
    right: bool | None
    line: int


class Question(NamedTuple):
    """One question of a quiz."""

    name: str
    line: int
    options: list[Option]


class Exercise(NamedTuple):
    """An exercise, and its solution if one is folded away below it."""

    name: str
    line: int
    solution: str | None


DETAILS = re.compile(
    r'^<details markdown="1"><summary>(?P<summary>.*?)</summary>\n(?P<body>.*?)^</details>$', re.M | re.S
)
OPTION = re.compile(r"(?P<letter>[A-F])\. (?P<text>.+)", re.DOTALL)


def questions(page: str) -> list[Question]:
    """The quiz questions of a page's Markdown, in order."""
    return [
        Question(name, line, [_option(match, line + body.count("\n", 0, match.start())) for match in options])
        for name, line, body in _sections(page, "Check ")
        if (options := list(DETAILS.finditer(body)))
    ]


def exercises(page: str) -> list[Exercise]:
    """The exercises of a page's Markdown, in order."""
    found = ((name, line, DETAILS.search(body)) for name, line, body in _sections(page, "Exercise "))
    return [Exercise(name, line, match["body"] if match else None) for name, line, match in found]


def _sections(page: str, start: str) -> Iterator[tuple[str, int, str]]:
    """Heading, line and text of each section whose heading, not inside code, begins with `start`."""
    blank = re.sub(r"^```.*?^```$", lambda code: re.sub("#", " ", code[0]), page, flags=re.M | re.S)
    heads = list(re.finditer(r"^#{1,3} (.*)$", blank, re.M))
    for head, following in zip(heads, [*heads, None][1:], strict=True):
        if head[0].startswith("### " + start):
            end = following.start() if following else len(page)
            yield head[1].strip(), page.count("\n", 0, head.start()) + 1, page[head.start() : end]


def _option(match: re.Match[str], line: int) -> Option:
    summary, body = OPTION.fullmatch(match["summary"]), match["body"].strip()
    right = True if body.startswith("**Right.**") else False if body.startswith("**No.**") else None
    return Option(
        summary["letter"] if summary else "", summary["text"] if summary else match["summary"], right, line
    )


# --- what a page owes its readers ------------------------------------------------------------------

FEWEST_QUESTIONS, FEWEST_EXERCISES = 8, 5
REORDER = "change the order of some options"


def faults(name: str, page: str) -> list[str]:
    """Everything that is wrong with the checks of the page `name`, each with its place and remedy."""
    quiz, tasks = questions(page), exercises(page)
    told = [f"{name}:{line}: {what}" for question in quiz for line, what in _of_question(question)]
    if len(quiz) < FEWEST_QUESTIONS:
        told.append(f"{name}: {len(quiz)} quiz questions; a page needs at least {FEWEST_QUESTIONS}")
    told += [f"{name}: {what}" for what in _of_all(quiz)]
    if len(tasks) < FEWEST_EXERCISES:
        told.append(f"{name}: {len(tasks)} exercises; a page needs at least {FEWEST_EXERCISES}")
    for task in tasks:
        if not task.solution:
            told.append(f'{name}:{task.line}: "{task.name}" has no solution; fold one below it, in <details>')
    if not any(
        re.search(r"^```python\n.*?^```\n\n```text\n", task.solution or "", re.M | re.S) for task in tasks
    ):
        told.append(
            f"{name}: no solution is code with its output; give one a python and a text block, side by side"
        )
    return told


def _of_question(question: Question) -> Iterator[tuple[int, str]]:
    letters = "".join(option.letter for option in question.options)
    if letters != "ABCDEF"[: len(question.options)] or len(letters) < 3:
        yield (
            question.line,
            f'"{question.name}" has the options "{letters}"; write three or more, A., B., C. …',
        )
    for option in question.options:
        if option.right is None:
            yield (
                option.line,
                f'option {option.letter} does not begin with "**Right.**" or "**No.**" and say why',
            )
    if sum(option.right is True for option in question.options) != 1:
        yield question.line, f'"{question.name}" does not have exactly one right option'


def _of_all(quiz: list[Question]) -> Iterator[str]:
    """Patterns by which a reader who knows nothing could guess."""
    most = math.ceil(len(quiz) / 3) + 1
    right = Counter(option.letter for question in quiz for option in question.options if option.right)
    for letter in "ABC":
        if right[letter] > most:
            yield f"{letter} is right {right[letter]} times in {len(quiz)}; at most {most}: {REORDER}"
        if quiz and not right[letter]:
            yield f"{letter} is never right; {REORDER}"
    longest = [question.name for question in quiz if _right_is_longest(question)]
    if len(longest) > most:
        of = f"{len(longest)} of {len(quiz)}; at most {most}"
        yield f"the right option is the longest in {of}: {'; '.join(longest)}"


def _right_is_longest(question: Question) -> bool:
    right = [len(option.text) for option in question.options if option.right]
    wrong = [len(option.text) for option in question.options if not option.right]
    return bool(right and wrong) and max(right) > max(wrong)


# --- what the site makes of them -------------------------------------------------------------------

NO_HEADING = r"(?:(?!<h[1-6]\b).)*"
CHECK = re.compile(
    rf'(?P<head><h3 id="(?P<id>check-[^"]+)">.*?</h3>)(?P<question>{NO_HEADING}?)'
    rf"(?P<options><details>{NO_HEADING}</details>)",
    re.DOTALL,
)
ANSWER = re.compile(
    r"<details>(?=\s*<summary>[A-F]\.(?:(?!</details>).)*?</summary>\s*<p><strong>(Right|No)\.</strong>)",
    re.S,
)


def group(html: str) -> str:
    """Each question of a page's HTML and its options as one group, named by the question; answers marked."""

    def replace(match: re.Match[str]) -> str:
        label, question = match["id"], match["question"]
        if "<p>" in question:
            label += "-question"
            question = question.replace("<p>", f'<p id="{label}">', 1)
        options = ANSWER.sub(
            lambda m: f'<details class="{"right" if m[1] == "Right" else "wrong"}">', match["options"]
        )
        start = f'<div class="quiz" role="group" aria-labelledby="{label}">'
        return f"{match['head']}\n{start}{question}{options}</div>"

    return CHECK.sub(replace, html)
