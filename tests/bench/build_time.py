"""How long a build takes, ours against the stock recipe, side by side in one run: `make bench`.

Stock means Material and mkdocs-jupyter as their manuals have it, without our hooks and templates, on the
same pages and notebooks. The two are built alternately, so that what else the machine does falls on both;
the ratio of medians is the result, the seconds are only what this machine took.

A cold build has no cache. A warm one follows it: mkdocs-jupyter's cache is there for both.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

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


def prepare_ours(folder: Path) -> None:
    for place in ("docs", "labs", "sitekit", "mkdocs.yml"):
        source = ROOT / place
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / place)


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


def build(folder: Path) -> float:
    """Seconds of one build, as a process of its own."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--no-strict"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "NO_MKDOCS_2_WARNING": "true", "PATH": ""},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def measure(folders: dict[str, Path], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of cold and warm builds of each folder, built in turn."""
    times: dict[str, dict[str, list[float]]] = {name: {"cold": [], "warm": []} for name in folders}
    for _ in range(rounds):
        for name, folder in folders.items():
            shutil.rmtree(folder / ".cache", ignore_errors=True)
            times[name]["cold"].append(build(folder))
        for name, folder in folders.items():
            times[name]["warm"].append(build(folder))
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
    print(
        "| added | ours cold | stock cold | ratio | ours warm | stock warm | ratio |\n|---|---|---|---|---|---|---|"
    )
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
            for kind in ("cold", "warm"):
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
