"""How long a build takes, ours against the stock recipe, side by side in one run: `make bench`.

Stock means Material and mkdocs-jupyter as their manuals have it, without our hooks and templates, on the
same pages and notebooks. The two are built alternately, so that what else the machine does falls on both;
the ratio of medians is the result, the seconds are only what this machine took.

A cold build has no cache. A warm one follows it: mkdocs-jupyter's cache is there for both. An edit is a warm
build after a page was touched. Ours is `make build`, which builds when a source is newer than the site; the
stock recipe is `mkdocs build`.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = ("cold", "warm", "edit")

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


HOUSE = ("docs", "labs", "pebble", "sitekit", "mkdocs.yml", "Makefile", "pyproject.toml", "constraints.txt")


def prepare_ours(folder: Path) -> None:
    for place in HOUSE:
        source = ROOT / place
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / place)
    (folder / ".venv").symlink_to(sys.prefix)


def prepare_stock(folder: Path, ours: Path) -> None:
    """The content of `ours` where the stock recipe can see it: labs inside docs."""
    shutil.copytree(ours / "docs", folder / "docs", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(ours / "labs", folder / "docs/labs")
    (folder / "mkdocs.yml").write_text(STOCK)


def grow(folder: Path, pages: int, notebooks: int) -> None:
    """Add copies of the L0 page and of the lab, as pages of a topic that the nav lists."""
    page = (
        (folder / "docs/llms/README.md")
        .read_text()
        .split("---\n", 2)[2]
        .replace("](figures/", "](../llms/figures/")
    )
    page = page.replace("](./", "](../llms/")
    (folder / "docs/more").mkdir()
    for i in range(pages):
        (folder / f"docs/more/page-{i}.md").write_text(page)
    lab = (folder / "labs/llms/03-embeddings.ipynb").read_text()
    readme = folder / "labs/llms/README.md"
    listed = "".join(
        f"  - {{file: copy-{i}.ipynb, title: Copy {i}, teaches: x, needs: x, minutes: 1}}\n"
        for i in range(notebooks)
    )
    readme.write_text(readme.read_text().replace("\nlabs:\n", f"\nlabs:\n{listed}"))
    for i in range(notebooks):
        (folder / f"labs/llms/copy-{i}.ipynb").write_text(lab + "\n" * i)
    config = folder / "mkdocs.yml"
    nav = "".join(f"      - more/page-{i}.md\n" for i in range(pages))
    if pages:
        config.write_text(config.read_text().replace("  - agents/\n", f"  - agents/\n  - More:\n{nav}"))


BUILD = {"ours": ["make", "--silent", "build"], "stock": [sys.executable, "-m", "mkdocs", "build"]}


def build(name: str, folder: Path) -> float:
    """Seconds of one build, as a process of its own."""
    start = time.perf_counter()
    environment = {"PYTHONPATH": str(folder), "NO_MKDOCS_2_WARNING": "true", "PATH": os.environ["PATH"]}
    done = subprocess.run(BUILD[name], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} did not build:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start


def measure(folders: dict[str, Path], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of the kinds of build in each folder, built in turn."""
    times: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in folders}
    for _ in range(rounds):
        for folder in folders.values():
            for made in (".cache", "site"):
                shutil.rmtree(folder / made, ignore_errors=True)
        for kind in KINDS:
            if kind == "edit":
                for folder in folders.values():
                    (folder / "docs/llms/README.md").touch()
            for name, folder in folders.items():
                times[name][kind].append(build(name, folder))
    return {name: {kind: statistics.median(t) for kind, t in kinds.items()} for name, kinds in times.items()}


def weigh(folder: Path, path: str) -> str:
    html = (folder / "site" / path).read_bytes()
    return f"{len(html) / 1000:.1f} kB, gzip {len(gzip.compress(html, 9)) / 1000:.1f} kB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="builds of each kind (default 3)")
    parser.add_argument(
        "--growth", action="store_true", help="also at 100 and 500 pages, and at 50 notebooks"
    )
    options = parser.parse_args()
    sizes = [(0, 0)] + [(0, 5), (0, 50), (100, 0), (500, 0)] * options.growth
    heads = [f"ours {kind} | stock {kind} | ratio" for kind in KINDS]
    print(f"| added | {' | '.join(heads)} |\n|{'---|' * (1 + 3 * len(KINDS))}")
    for pages, notebooks in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            ours, stock = Path(temporary, "ours"), Path(temporary, "stock")
            ours.mkdir()
            stock.mkdir()
            prepare_ours(ours)
            grow(ours, pages, notebooks)
            prepare_stock(stock, ours)
            took = measure({"ours": ours, "stock": stock}, options.rounds if not pages + notebooks else 1)
            cells = [f"{pages} pages, {notebooks} notebooks"]
            for kind in KINDS:
                a, b = took["ours"][kind], took["stock"][kind]
                cells += [f"{a:.2f} s", f"{b:.2f} s", f"{a / b:.2f}"]
            print("| " + " | ".join(cells) + " |", flush=True)
            if not pages + notebooks:
                weights = [
                    f"{name}: {path}: {weigh(folder, path)}"
                    for path in ("llms/index.html", "labs/llms/03-embeddings/index.html")
                    for name, folder in (("ours", ours), ("stock", stock))
                ]
    print("\n".join(["", *weights]))


if __name__ == "__main__":
    main()
