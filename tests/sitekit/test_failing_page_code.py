"""Code of a page that raises is told with its line, and the pages after it are still written."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit import page_code

RAISES = "Text.\n\n```python\nx = 1\nx / 0\n```\n\n```text\n```\n"
SHOWS = "```python\nprint(1)\n```\n\n```text\n```\n"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (RAISES, "5: ZeroDivisionError: division by zero"),
        (RAISES.replace("x / 0", "x = = 0"), "5: SyntaxError: invalid syntax"),
        ("Text.\n\n<!-- check: y -->\n", "3: NameError: name 'y' is not defined"),
        ("Text.\n\n<!-- check: 1 + -->\n", "3: SyntaxError: invalid syntax"),
    ],
)
def test_code_that_raises(page: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, right = tmp_path / "a.md", tmp_path / "b.md"
    wrong.write_text(page)
    right.write_text(SHOWS)
    assert page_code.main([str(wrong), str(right)]) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"{wrong}:{told}") and "; mend the code on the page\n" in said
    assert wrong.read_text() == page
    assert right.read_text() == SHOWS.replace("```text\n", "```text\n1\n")
