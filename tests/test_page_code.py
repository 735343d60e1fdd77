"""Every page's code prints what the page shows, and what the page says of it is true."""

from pathlib import Path

import pytest
from building import ROOT

from sitekit import page_code
from sitekit.page_code import run, shown


@pytest.mark.parametrize(
    "path", page_code.with_code(ROOT), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_code_prints_what_the_page_shows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = path.read_text()
    assert any(block.output is not None for block in shown(page)), (
        "a page with code shows what some of it prints"
    )
    _, outdated, untrue = run(path.relative_to(ROOT).as_posix(), page)
    assert outdated + untrue == []


PAGE = """\
```python
x = 2
print(x)
```

```text
2
```

Text. <!-- check: x == 2 -->

```python
print(x + 1)
```

```text
4
```
"""


def test_a_wrong_output_is_caught_and_mended() -> None:
    after, outdated, untrue = run("a.md", PAGE)
    assert [line.split("\n")[0] for line in outdated] == ["a.md:13: prints"]
    assert untrue == []
    assert after == PAGE.replace("\n4\n", "\n3\n")
    assert run("a.md", after) == (after, [], [])


def test_a_claim_sees_the_code_above_it_and_only_that() -> None:
    page = PAGE.replace("x == 2", "x > 2").replace("\n4\n", "\n3\n")
    assert run("a.md", page) == (page, [], ["a.md:10: no longer true: x > 2"])
    with pytest.raises(NameError):
        run("a.md", "<!-- check: x -->\n\n" + PAGE)


def test_broken_code_is_caught() -> None:
    with pytest.raises(SyntaxError) as error:
        run("a.md", "```python\nx = = 1\n```\n")
    assert (error.value.filename, error.value.lineno) == ("a.md", 2)


def test_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "a.md"
    page.write_text(PAGE.replace("x == 2", "x > 2"))
    assert page_code.main([str(page)]) == 1
    assert "\n3\n" in page.read_text()
    assert "no longer true: x > 2" in capsys.readouterr().out


def test_a_page_that_is_not_utf8_is_told_and_the_others_are_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, right = tmp_path / "a.md", tmp_path / "b.md"
    wrong.write_bytes(b"caf\xe9\n\n```python\n```\n")
    right.write_text(SHOWS)
    assert page_code.main([str(wrong), str(right)]) == 1
    assert f"{wrong}: byte 4 is not UTF-8" in capsys.readouterr().out
    assert right.read_text() == SHOWS.replace("```text\n", "```text\n1\n")


RAISES = "Text.\n\n```python\nx = 1\nx / 0\n```\n\n```text\n```\n"
SHOWS = "```python\nprint(1)\n```\n\n```text\n```\n"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (RAISES, "5: ZeroDivisionError: division by zero"),
        (RAISES.replace("x / 0", "x = = 0"), "5: SyntaxError: invalid syntax"),
        (RAISES.replace("x / 0", "raise SystemExit(0)"), "5: SystemExit: 0"),
        ("```python\nx = '\0'\n```\n", "1: SyntaxError: source code string cannot contain null bytes"),
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
