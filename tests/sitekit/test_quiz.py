"""What the site makes of a quiz. What a page owes its readers is tested in tests/test_checks.py."""

from __future__ import annotations

from sitekit import quiz

OPTIONS = (
    "<details><summary>A. one</summary>\n<p><strong>No.</strong> Because.</p>\n</details>\n"
    "<details><summary>B. two</summary>\n<p><strong>Right.</strong> Because.</p>\n</details>"
)
MARKED = OPTIONS.replace("<details>", '<details class="wrong">', 1).replace(
    "<details>", '<details class="right">', 1
)


def test_a_question_and_its_options_become_one_group_named_by_the_question() -> None:
    head = '<h3 id="check-1-x">Check 1: x</h3>'
    html = f"{head}\n<p>Which?</p>\n{OPTIONS}\n<h3>Next</h3>\n<p>Text</p>"
    assert quiz.group(html) == (
        f'{head}\n<div class="quiz" role="group" aria-labelledby="check-1-x-question">\n'
        f'<p id="check-1-x-question">Which?</p>\n{MARKED}</div>\n<h3>Next</h3>\n<p>Text</p>'
    )


def test_a_heading_that_asks_names_the_group() -> None:
    html = f'<h3 id="check-1-which">Check 1: which?</h3>\n{OPTIONS}'
    assert '<div class="quiz" role="group" aria-labelledby="check-1-which">' in quiz.group(html)


def test_each_question_is_a_group_of_its_own() -> None:
    one = f'<h3 id="check-1-x">Check 1</h3>\n<p>Which?</p>\n{OPTIONS}\n'
    assert quiz.group(one + one.replace("check-1", "check-2")).count('<div class="quiz"') == 2


def test_other_folded_text_stays_as_it_is() -> None:
    html = f'<h3 id="exercise-1">Exercise 1</h3>\n<p>Do.</p>\n<details><summary>Solution</summary></details>\n{OPTIONS}'
    assert quiz.group(html) == html
    without = '<h3 id="check-1">Check 1</h3><p>Text</p><h2 id="x">X</h2>' + OPTIONS
    assert quiz.group(without) == without
