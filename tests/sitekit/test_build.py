"""The built site: its links in every place it is read, its settings, and how it refuses bad input."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import html5lib
import pytest
from building import ROOT, mkdocs_build
from mkdocs.structure.files import File, Files

from sitekit import generate, hooks, links

# --- links, in the four places ---------------------------------------------------------------------


def test_links_resolve_in_the_repository() -> None:
    assert links.check_repository(ROOT) == []


def test_links_resolve_at_the_root_of_a_host(site: Path) -> None:
    assert links.check_site(site) == []


def test_links_resolve_under_a_sub_path(hosted_site: Path) -> None:
    assert links.check_site(hosted_site, base="/handbook/") == []


def test_links_resolve_from_a_folder(offline_site: Path) -> None:
    assert links.check_offline(offline_site) == []


# --- what depends on addresses ---------------------------------------------------------------------


def test_what_needs_an_address_is_absent_without_one(site: Path) -> None:
    everything = "".join(path.read_text() for path in site.rglob("*.html"))
    assert not (site / "sitemap.xml").exists()
    for sign in ('rel="canonical"', "colab.research", 'rel="edit"', "md-source"):
        assert sign not in everything


def test_what_needs_an_address_is_there_with_one(hosted_site: Path) -> None:
    lab = (hosted_site / "labs/llms/03-embeddings/index.html").read_text()
    page = (hosted_site / "llms/index.html").read_text()
    assert "https://example.org/handbook/llms/" in (hosted_site / "sitemap.xml").read_text()
    assert '<link rel="canonical" href="https://example.org/handbook/llms/">' in page
    assert 'href="https://github.com/example/layers/edit/main/docs/llms/README.md"' in page
    assert 'href="https://github.com/example/layers/edit/main/labs/llms/03-embeddings.ipynb"' in lab
    assert (
        "https://colab.research.google.com/github/example/layers/blob/main/labs/llms/03-embeddings.ipynb"
        in lab
    )


# --- the HTML --------------------------------------------------------------------------------------


def parse_errors(html: str) -> list[str]:
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(html)
    return [f"line {line}: {code} {data}" for (line, _), code, data in parser.errors]


@pytest.mark.parametrize("place", ["site", "hosted_site", "offline_site"])
def test_html_parses_strictly(place: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(place)
    wrong = {path: errors for path in folder.rglob("*.html") if (errors := parse_errors(path.read_text()))}
    assert not wrong


@pytest.mark.parametrize(
    "fault",
    [
        "<p><div></p></div>",
        "<b><i></b></i>",
        "<table><p></p></table>",
        "<div",
        "<a href='a'b>",
        "<div id=a id=b></div>",
    ],
)
def test_the_parser_sees_faults(fault: str) -> None:
    assert parse_errors(
        f"<!doctype html><html lang=en><head><title>t</title></head><body>{fault}</body></html>"
    )


def test_a_lab_page_is_plain_html_with_its_images_as_files(site: Path) -> None:
    html = (site / "labs/llms/03-embeddings/index.html").read_text()
    assert "data:image" not in html and "jp-" not in html and "lab-image" not in html
    assert (
        "<style" not in html and "clipboard-copy" not in html and "unpkg" not in html and "cdnjs" not in html
    )
    images = re.findall(r'<img src="([^"]+)" alt="[^"]+" width="\d+" height="\d+" loading="lazy">', html)
    assert images and all((site / "labs/llms/03-embeddings" / image).is_file() for image in images)
    assert json.loads((site / "labs/llms/03-embeddings/03-embeddings.ipynb").read_text())["cells"]


def test_a_folded_cell_of_a_notebook_is_folded_on_its_page(site: Path) -> None:
    notebook = json.loads((site / "labs/llms/03-embeddings/03-embeddings.ipynb").read_text())
    [folded] = [cell for cell in notebook["cells"] if "jupyter" in cell["metadata"]]
    assert "def hint_1" in "".join(folded["source"])
    html = (site / "labs/llms/03-embeddings/index.html").read_text()
    assert "hint_1" not in html
    assert "(This cell is folded in the notebook.)" in html


def test_nothing_of_the_workshop_is_published(site: Path) -> None:
    published = {path.relative_to(site).parts[0] for path in site.rglob("*")}
    assert not any(part.startswith(".") for part in published)
    assert "[[[cog" not in "".join(path.read_text() for path in site.rglob("*.html"))


# --- bad input: one message that names file, place, reason and remedy; never a traceback ------------


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text, (path, old)
        (root / path).write_text(text.replace(old, new, 1))

    return change


def append(path: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_text((root / path).read_text() + text) and None


def append_latin(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).write_bytes((root / path).read_bytes() + "é".encode("latin-1")) and None


def remove(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


def with_error_output(root: Path) -> None:
    path = root / "labs/llms/03-embeddings.ipynb"
    notebook = json.loads(path.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": []}]
    path.write_text(json.dumps(notebook))


L0 = "docs/llms/README.md"
BAD_INPUT = {
    "broken front matter": (replace(L0, "summary: ", "summary: a: b: "), f"{L0}:", "not valid YAML"),
    "front matter without a field": (replace(L0, "layer: L0\n", ""), L0, "field 'layer' is missing; add it"),
    "unknown fact id": (append(L0, '\n<!-- [[[cog models("gpt-9000", "name") ]]] -->\n<!-- [[[end]]] -->\n'), L0, "gpt-9000"),
    "unknown generator": (append(L0, "\n<!-- [[[cog modles() ]]] -->\n<!-- [[[end]]] -->\n"), L0, "modles"),
    "generator with a typo": (append(L0, '\n<!-- [[[cog models("x) ]]] -->\n<!-- [[[end]]] -->\n'), f"{L0}: its generated part failed", "SyntaxError"),
    "unfinished generated part": (append(L0, '\n<!-- [[[cog models("a", "name") ]]] -->\n'), L0, "Missing"),
    "stale generated part": (replace(L0, "| L2 Deep dive |", "| L2 Deep sea |"), L0, "out of date; run: make generate"),
    "malformed YAML row": (append("docs/facts/models.yml", "\n  - id: [\n"), "docs/facts/models.yml:", "not valid YAML"),
    "fact row with an unknown field": (append("docs/facts/models.yml", "\n  - id: x\n    colour: red\n"), "docs/facts/models.yml:", "colour"),
    "notebook with an error": (with_error_output, "labs/llms/03-embeddings.ipynb, cell", "NameError"),
    "notebook that is none": (lambda root: (root / "labs/llms/03-embeddings.ipynb").write_text("{") and None, "labs/llms/03-embeddings.ipynb", "not a notebook"),
    "missing figure": (append(L0, "\n![A figure](figures/none.svg)\n"), L0, "figures/none.svg"),
    "figure with a fixed colour": (replace("docs/llms/figures/rag.svg", "<rect ", '<rect fill="#123456" '), "docs/llms/figures/rag.svg", "#123456"),
    "missing script": (remove("docs/assets/page.js"), "docs/assets/page.js", "no such file"),
    "missing style": (remove("docs/assets/site.css"), "docs/assets/site.css", "no such file"),
    "link out of the repository": (append(L0, "\n[a](../../../etc/passwd)\n"), L0, "../../../etc/passwd"),
    "link to nowhere": (append(L0, "\n[a](./concept.md)\n"), f"{L0}:", "concepts.md"),
    "anchor to nowhere": (append(L0, "\n[a](#temprature)\n"), f"{L0}:", "temperature"),
    "page that no nav entry covers": (lambda root: (root / "docs/stray.md").write_text("# Stray\n") and None, "stray.md", "nav"),
    "nav entry without a page": (remove("docs/models.md"), "mkdocs.yml", "models.md"),
    "page without a main heading": (replace("docs/models.md", "\n# Models\n", "\n"), "docs/models.md", "no main heading; begin the text with '# Models'"),
    "page that is not UTF-8": (append_latin("docs/models.md"), "docs/models.md: byte ", "is not UTF-8; save the file as UTF-8"),
    "layer without a page": (remove("docs/llms/advanced.md"), "docs/llms/advanced.md", "has no file"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_INPUT)
def test_bad_input_stops_the_build_with_a_message(fault: str, copy: Path, tmp_path: Path) -> None:
    change, place, reason = BAD_INPUT[fault]
    change(copy)
    built = mkdocs_build(copy, tmp_path / "site")
    assert built.returncode != 0
    assert "Traceback" not in built.stderr
    assert any(place in line and reason in line for line in built.stderr.splitlines()), built.stderr


def test_a_figure_whose_name_has_a_space_is_read(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/two words.svg").write_text('<svg viewBox="0 0 9 9"/>')
    files = Files([File("figures/two words.svg", str(tmp_path), "site", use_directory_urls=True)])
    page = SimpleNamespace(file=SimpleNamespace(url="llms/"))
    assert hooks.svg_of(files, "../figures/two%20words.svg", page, tmp_path) == '<svg viewBox="0 0 9 9"/>'  # type: ignore[arg-type]


def test_make_builds_from_files_whose_names_have_a_space(tmp_path: Path) -> None:
    sources = (
        "docs/two words.md",
        "labs/a",
        "pebble/a",
        "sitekit/a",
        "mkdocs.yml",
        "README.md",
        ".gitignore",
    )
    for name in (*sources, "pyproject.toml", "constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = subprocess.run(["make", "--dry-run", "build"], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert "mkdocs build" in made.stdout


def test_whatever_the_checks_read_makes_them_run_again(tmp_path: Path) -> None:
    sources = [
        "docs/a.md",
        "labs/a.md",
        "pebble/model.py",
        "sitekit/a.py",
        "README.md",
        ".gitignore",
        "mkdocs.yml",
    ]
    for name in [*sources, "sitekit/a.pyc"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    (tmp_path / "docs/.#a.md").symlink_to("nowhere")  # an editor's lock
    state = hooks.fingerprint(tmp_path)
    (tmp_path / "sitekit/a.pyc").write_text("after")
    assert hooks.fingerprint(tmp_path) == state
    links_may_lead_to = tmp_path / "tests/words.txt"
    links_may_lead_to.parent.mkdir()
    links_may_lead_to.touch()
    assert hooks.fingerprint(tmp_path) != state
    links_may_lead_to.unlink()
    for name in sources:
        (tmp_path / name).write_text("after")
        assert hooks.fingerprint(tmp_path) != state, name
        (tmp_path / name).write_text("before")


# --- serving ---------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.3)
    return False


def test_serving_rebuilds_when_pages_labs_facts_or_theme_change(copy: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    log = copy / "serve.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "serve", "--no-strict", "--dev-addr", address],
            cwd=copy, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        assert wait_for(lambda: "Labs" in fetch(f"http://{address}/llms/")), log.read_text()
        changes = [
            (append(L0, "\nA new sentence.\n"), "llms/", "A new sentence."),
            (append("labs/llms/README.md", "\nA new lab sentence.\n"), "labs/llms/", "A new lab sentence."),
            (replace("docs/facts/models.yml", "name: GPT-4o\n", "name: GPT-4o renamed\n"), "models/", "GPT-4o renamed"),
            (replace("docs/.overrides/partials/pending.html", "not written yet", "still to be written"), "agents/deep-dive/", "still to be written"),
        ]  # fmt: skip
        for change, path, text in changes:
            time.sleep(1.1)  # file times are compared in seconds on some systems
            change(copy)
            assert wait_for(lambda p=path, t=text: t in fetch(f"http://{address}/{p}")), (
                path,
                log.read_text(),
            )  # type: ignore[misc]
        # an author's mistake is told, and serving goes on
        time.sleep(1.1)
        append(L0, "\n[a](./concept.md)\n")(copy)
        assert wait_for(lambda: "./concept.md" in log.read_text()), log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        server.terminate()
        server.wait(timeout=20)


# --- generated parts -------------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    assert generate.run(ROOT, write=False) == []


def test_an_offline_archive_is_the_same_every_time(offline_site: Path, tmp_path: Path) -> None:
    from sitekit import offline

    folder = tmp_path / "site"
    shutil.copytree(offline_site, folder)
    first = offline.pack(folder).read_bytes()
    (folder / "index.html").touch()
    assert offline.pack(folder).read_bytes() == first
