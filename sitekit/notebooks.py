"""Keep what a notebook stores equal to what it prints.

    python -m sitekit.notebooks labs            execute, compare with what is stored, print the differences
    python -m sitekit.notebooks --write labs    execute, and store what was printed

A notebook is committed executed, so that a reader of the repository sees results, and normalised, so that
executing it again changes nothing: no execution counts, no times, no widgets, no paths of one machine.
A cell with the tag `free` may print something else on every machine; it is executed and not compared.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 300  # seconds for one cell
PATIENCE = 120  # seconds for the kernel to start, and to deliver what a cell has printed

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# What authors write into a cell's metadata: the alt text of its image, whether JupyterLab folds its code,
# tags, and the wrong answers that an exercise must refuse. Everything else is left there by editors.
CELL_METADATA = ("alt", "jupyter", "tags", "wrong")
# matplotlib writes when it drew, and on a new machine says once that it looks for fonts
SVG_DATE = re.compile(r"\s*<dc:date>.*?</dc:date>")
FONT_CACHE = re.compile(r"^Matplotlib is building the font cache.*\n?", re.MULTILINE)

Notebook = Any  # nbformat's dictionary with attributes, which has no types
Cell = Any


class NotebookError(Exception):
    """A notebook that cannot be read or run, told with its name, the cell and the remedy."""


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """The notebooks among the paths and in their folders, without editors' backups."""
    for path in paths:
        found = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        yield from (file for file in found if ".ipynb_checkpoints" not in file.parts)


def name_of(path: Path) -> str:
    """The path as one names it in the repository: labs/llms/03-embeddings.ipynb."""
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def read(path: Path) -> Notebook:
    """The notebook at `path`. Raises NotebookError if there is none."""
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise NotebookError(f"{name_of(path)}: no such notebook") from None
    except (ValueError, nbformat.ValidationError, AttributeError, KeyError) as error:  # not UTF-8, not JSON …
        reason = str(error).splitlines()[0][:100]
        raise NotebookError(
            f"{name_of(path)}: not a notebook ({reason}); restore it with git, or save it anew in JupyterLab"
        ) from None


def write(notebook: Notebook, path: Path) -> None:
    """Store the notebook, normalised."""
    nbformat.write(normalised(notebook), path)  # type: ignore[no-untyped-call]


# --- execute -------------------------------------------------------------------------------------


def execute(notebook: Notebook, path: Path) -> Notebook:
    """A copy of the notebook with fresh outputs, from a new kernel in the folder of `path`.

    Raises NotebookError for the first cell that fails.
    """
    fresh = copy.deepcopy(notebook)
    client = NotebookClient(
        fresh,
        timeout=TIMEOUT,
        startup_timeout=PATIENCE,
        iopub_timeout=PATIENCE,  # its default of 4 s can lose output on a busy machine
        kernel_name="python3",
        resources={"metadata": {"path": str(path.resolve().parent)}},
        extra_arguments=["--log-level=ERROR"],
    )
    # One thread for NumPy: sums in the same order every time, and no quarrel over busy cores.
    # Pebble answers, whatever runs on this machine: see pebble/connect.py.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "LAB_SERVICE": "pebble"}
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:  # RuntimeError: a dead kernel
        raise NotebookError(_failure(fresh, name_of(path), error)) from None
    return fresh


def _failure(notebook: Notebook, name: str, error: Exception) -> str:
    """One message: notebook, cell, the error's last line, the remedy."""
    reached = [i for i, cell in enumerate(notebook.cells) if "execution" in cell.metadata]
    place = f"{name}, {_place(notebook, reached[-1] if reached else 0)}"
    if isinstance(error, CellTimeoutError):
        return f"{place}: not done after {TIMEOUT} s; make it smaller"
    if not isinstance(error, CellExecutionError):
        return f"{place}: {error}; often this is want of memory: make it smaller, or close other programs"
    last = (error.evalue.strip().splitlines() or [""])[-1]
    remedy = "mend the cell: `make labs` opens the notebook"
    if error.ename == "ModuleNotFoundError":
        remedy = "install what the labs need: `make labs`"
    return f"{place}: {error.ename}: {last}; {remedy}"


def _place(notebook: Notebook, index: int) -> str:
    """Where a cell is: its number, counted from 1 over all cells, and how it begins."""
    lines = notebook.cells[index].source.strip().splitlines() or [""]
    return f"cell {index + 1} (`{lines[0][:60]}`)"


# --- normalise -----------------------------------------------------------------------------------


def normalised(notebook: Notebook) -> Notebook:
    """A copy without anything that executing it again, or elsewhere, would change."""
    clean = copy.deepcopy(notebook)
    clean.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    clean.nbformat_minor = 5  # the first version in which cells have ids
    taken: set[str] = set()
    for number, cell in enumerate(clean.cells, 1):
        if cell.get("id", "") in taken | {""}:
            cell["id"] = f"cell-{number}"
        taken.add(cell["id"])
        cell.metadata = {key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = _clean_outputs(cell.outputs, cell.metadata.get("alt", ""))
    return clean


def _clean_outputs(outputs: list[Any], alt: str) -> list[Any]:
    clean: list[Any] = []
    for output in outputs:
        if "execution_count" in output:
            output.execution_count = None
        if output.output_type == "stream":
            output.text = FONT_CACHE.sub("", _same_everywhere(output.text))
            if clean and clean[-1].get("name") == output.name:
                clean[-1].text += output.text  # one print or many: a matter of timing
                continue
            if not output.text:
                continue
        if "data" in output:
            output.metadata = {}
            output.data.pop("application/vnd.jupyter.widget-view+json", None)
            for kind, value in output.data.items():
                if kind.startswith("text/"):
                    output.data[kind] = _same_everywhere(value)
                if kind == "image/svg+xml":
                    output.data[kind] = SVG_DATE.sub("", value)
            if alt and _image_kinds(output):  # VS Code reads this out, where matplotlib says <Figure size …>
                output.data["text/plain"] = alt
        clean.append(output)
    return clean


def _same_everywhere(text: str) -> str:
    """Without the path of this repository, and without addresses in memory."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", text.replace(str(ROOT), "."))


def untidy(notebook: Notebook, name: str) -> list[str]:
    """What is stored and should not be, a message for each cell."""
    clean = normalised(notebook)
    remedy = f"; store it clean: python -m sitekit.notebooks --write {name}"
    found = []
    if notebook.metadata != clean.metadata or notebook.nbformat_minor != clean.nbformat_minor:
        found.append(f"{name}: has metadata that differs from machine to machine{remedy}")
    for i, (cell, tidy) in enumerate(zip(notebook.cells, clean.cells, strict=True)):
        parts = [key for key in tidy if cell.get(key) != tidy[key]]
        if parts:
            found.append(f"{name}, {_place(notebook, i)}: not normalised ({', '.join(parts)}){remedy}")
    return found


# --- compare -------------------------------------------------------------------------------------


def differences(stored: Notebook, fresh: Notebook, name: str) -> list[str]:
    """Where the fresh outputs differ from those stored, a readable message for each cell."""
    found = []
    pairs = zip(normalised(stored).cells, normalised(fresh).cells, strict=True)
    for i, (old, new) in enumerate(pairs):
        if old.cell_type != "code" or "free" in old.metadata.get("tags", ()):
            continue
        lines = difflib.unified_diff(printed(old), printed(new), "stored", "now", lineterm="", n=1)
        change = [f"    {line}" for line in list(lines)[2:]] or _other_pictures(old, new)
        if change:
            head = f"{name}, {_place(stored, i)} prints something else than what is stored:"
            remedy = f"  If the new output is right: python -m sitekit.notebooks --write {name}"
            found.append("\n".join([head, *change, remedy]))
    return found


def printed(cell: Cell) -> list[str]:
    """A cell's outputs as lines of text; an image is only named, since no two machines draw it alike."""
    lines: list[str] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            lines += [*(["(stderr)"] if output.name == "stderr" else []), *output.text.splitlines()]
        elif output.output_type == "error":
            lines.append(f"{output.ename}: {output.evalue}")
        elif kinds := _image_kinds(output):
            lines += [f"({kind})" for kind in kinds]
        else:
            lines += output.data.get("text/plain", "(no text)").splitlines()
    return lines


def _other_pictures(old: Cell, new: Cell) -> list[str]:
    """A picture of less than half or more than twice the size is another picture."""
    sizes = [[len(o.data[kind]) for o in cell.outputs for kind in _image_kinds(o)] for cell in (old, new)]
    pairs = zip(*sizes, strict=True)
    return [f"    an image of {a:,} bytes became one of {b:,}" for a, b in pairs if not a / 2 <= b <= a * 2]


def _image_kinds(output: Any) -> list[str]:
    return sorted(kind for kind in output.get("data", {}) if kind.startswith("image/"))


# --- the command ---------------------------------------------------------------------------------


def check(path: Path, store: bool) -> list[str]:
    """Execute one notebook. Store the result, or return what differs from what is stored."""
    stored = read(path)
    fresh = execute(stored, path)
    if store:
        write(fresh, path)
        return []
    return untidy(stored, name_of(path)) + differences(stored, fresh, name_of(path))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m sitekit.notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders of notebooks")
    parser.add_argument("--write", action="store_true", help="store what the cells print")
    options = parser.parse_args(arguments)
    found = list(find(options.paths))
    failed = not found
    if failed:
        print(f"no notebooks in {', '.join(map(str, options.paths))}; name a folder that holds some")
    for path in found:
        start = time.monotonic()
        try:
            messages = check(path, options.write)
        except NotebookError as error:
            messages = [str(error)]
        done = "stored" if options.write else "prints what is stored"
        print("\n".join(messages) or f"{name_of(path)}: {done} ({time.monotonic() - start:.0f} s)")
        failed |= bool(messages)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
