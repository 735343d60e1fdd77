"""How much work a build is, ours against the stock recipe, side by side in one run: `make bench`.

Stock means Material and mkdocs-jupyter as their manuals have it, without our hooks and templates, on the
same pages and notebooks. The two are built alternately. Work is the processor's time, of the user and of the
system, since the clock also counts whoever else uses the machine; the ratio is the result, the seconds are
only what this machine took.

A cold build has no cache. A warm one follows it with nothing changed: mkdocs-jupyter's cache is there for both.
An edit is a build after a page was touched. Ours is `make build`, which builds when a source is newer than the
site; the stock recipe is `mkdocs build`. The rows that add copies of the L0 page, or of a lab, say how the
work grows.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from sitekit import generate
from sitekit.blocks import without_generator

ROOT = Path(__file__).parents[2]
HOUSE = ("docs", "labs", "pebble", "sitekit", "mkdocs.yml", "Makefile", "pyproject.toml", "constraints.txt")
BUILD = {"ours": ["make", "--silent", "build"], "stock": [sys.executable, "-m", "mkdocs", "build"]}
KINDS = ("cold", "warm", "after an edit")
ADDED = [(100, 0), (0, 50), (500, 0)]  # pages, notebooks
WEIGHED = ("llms/index.html", "labs/llms/03-embeddings/index.html")

STOCK = """\
site_name: stock
theme: { name: material }
plugins:
  - search
  - mkdocs-jupyter: { allow_errors: false }
markdown_extensions:
  - tables
  - md_in_html
  - toc: { permalink: true }
  - pymdownx.highlight
  - pymdownx.superfences
"""


def prepare(folder: Path, pages: int = 0, notebooks: int = 0) -> dict[str, Path]:
    """The site twice, in folders below `folder`, with so many pages and notebooks added."""
    folders = {name: folder / name for name in BUILD}
    ours, stock = folders.values()
    ours.mkdir(parents=True)
    for place in HOUSE:
        source = ROOT / place
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, ours / place)
    (ours / ".venv").symlink_to(sys.prefix)
    add_pages(ours, pages)
    add_notebooks(ours, notebooks)
    generate.run(ours, write=True)  # tables that list the labs
    shutil.copytree(ours / "docs", stock / "docs", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(ours / "labs", stock / "docs/labs")  # where the stock recipe can see them
    (stock / "mkdocs.yml").write_text(STOCK)
    return folders


def add_pages(folder: Path, count: int) -> None:
    """Copies of the L0 page, as pages of a section of the nav."""
    page = without_generator((folder / "docs/llms/README.md").read_text().split("---\n", 2)[2])
    page = page.replace("](figures/", "](../llms/figures/").replace("](./", "](../llms/")
    (folder / "docs/more").mkdir()
    for i in range(count):
        (folder / f"docs/more/page-{i}.md").write_text(page)
    config, entries = folder / "mkdocs.yml", "".join(f"      - more/page-{i}.md\n" for i in range(count))
    if count:
        config.write_text(config.read_text().replace("  - agents/\n", f"  - agents/\n  - More:\n{entries}"))


def add_notebooks(folder: Path, count: int) -> None:
    """Copies of a lab, each listed among the labs of its topic; no two are quite the same."""
    labs = folder / "labs/llms"
    lab, readme = (labs / "03-embeddings.ipynb").read_text(), labs / "README.md"
    rows = [
        f"  - {{file: {i}.ipynb, title: Copy {i}, teaches: x, needs: x, minutes: 1}}\n" for i in range(count)
    ]
    readme.write_text(readme.read_text().replace("\nlabs:\n", "\nlabs:\n" + "".join(rows)))
    for i in range(count):
        (labs / f"{i}.ipynb").write_text(lab + "\n" * i)


def work(name: str, folder: Path) -> float:
    """Seconds of the processor for one build, as a process of its own."""
    environment = {"PYTHONPATH": str(folder), "NO_MKDOCS_2_WARNING": "true", "PATH": os.environ["PATH"]}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(BUILD[name], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} did not build:\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_round(folders: dict[str, Path], kinds: tuple[str, ...] = KINDS) -> dict[str, list[float]]:
    """The work of each kind of build, ours and stock."""
    took = {}
    for folder in folders.values():
        for made in (".cache", "site"):
            shutil.rmtree(folder / made, ignore_errors=True)
    for kind in kinds:
        if kind == "after an edit":
            for folder in folders.values():
                (folder / "docs/llms/README.md").touch()
        took[kind] = [work(name, folder) for name, folder in folders.items()]
    return took


def row(label: str, ours: float, stock: float) -> str:
    return f"| {label} | {ours:.2f} | {stock:.2f} | {ours / stock:.2f} |"


def weigh(folder: Path, path: str) -> str:
    html = (folder / "site" / path).read_bytes()
    return f"{path}: {len(html) / 1000:.1f} kB, {len(gzip.compress(html, 9)) / 1000:.1f} kB in gzip"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="builds of each kind; the median counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folders = prepare(Path(temporary, "as-it-is"))
        rounds = [one_round(folders) for _ in range(options.rounds)]
        print("| Build | ours, s of CPU | stock, s of CPU | ratio |\n|---|---:|---:|---:|")
        for kind in KINDS:
            print(row(kind, *(statistics.median(r[kind][i] for r in rounds) for i in range(2))), flush=True)
        for pages, notebooks in ADDED:
            grown = prepare(Path(temporary, f"{pages}-{notebooks}"), pages, notebooks)
            label = f"cold, {pages} more pages" if pages else f"cold, {notebooks} more notebooks"
            print(row(label, *one_round(grown, ("cold",))["cold"]), flush=True)
        print()
        for path in WEIGHED:
            print(*(f"{name}: {weigh(folder, path)}" for name, folder in folders.items()), sep="\n")


if __name__ == "__main__":
    main()
