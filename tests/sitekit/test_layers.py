"""Front matter is the one source: what is read from it, what is refused, and how a topic is added."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from building import ROOT, mkdocs_build
from mkdocs.utils.meta import get_data

from sitekit import layer_tables, layers
from sitekit.layers import LayerError
from sitekit.scaffold import scaffold


def topic_names() -> list[str]:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text().split("\nnav:")[1].split("\nstrict:")[0])
    return layers.topics_of(nav)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A repository with nothing but one scaffolded topic."""
    (tmp_path / "mkdocs.yml").write_text("nav:\n  - Home: index.md\n  - llms/\n")
    scaffold(tmp_path, "tiny", "Tiny models")
    return tmp_path


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


@pytest.mark.parametrize("name", topic_names())
def test_every_topic_of_the_nav_reads(name: str) -> None:
    topic = layers.read_topic(ROOT, name)
    assert [layer.code for layer in topic.layers] == list(layers.LAYERS)
    assert topic.layers[0].ready, "L0 is where a reader starts"


@pytest.mark.parametrize("name", topic_names())
def test_the_tables_agree_with_the_disk(name: str) -> None:
    """Status is computed; this compares what the pages print with what is there."""
    printed = (ROOT / f"docs/{name}/README.md").read_text()
    for layer in layers.read_topic(ROOT, name).layers[1:]:
        row = next(line for line in printed.splitlines() if line.startswith(f"| {layer.code} "))
        folder = (ROOT / layer.path).parent
        if layer.code == "L3":
            ready, listed = len(list(folder.glob("*.ipynb"))), len(layer.front.labs)
            expected = (
                "Pending" if not ready else "Ready" if ready == listed else f"{ready} of {listed} ready"
            )
        else:
            expected = (
                "Ready"
                if layers.split_front_matter((ROOT / layer.path).read_text())[1].strip()
                else "Pending"
            )
        assert row.endswith(f"| {expected} |")


def test_a_scaffolded_topic_is_pending_but_for_its_overview(tiny: Path) -> None:
    topic = layers.read_topic(tiny, "tiny")
    assert topic.title == "Tiny models"
    assert [layer.status for layer in topic.layers] == ["Ready", "Pending", "Pending", "Pending", "Pending"]
    assert "  - llms/\n  - tiny/\n" in (tiny / "mkdocs.yml").read_text()


@pytest.mark.parametrize("title", ["Mixtures: experts", 'The "best" models', "C# for beginners #1", "Größe"])
def test_a_topic_may_have_any_title(tiny: Path, title: str) -> None:
    scaffold(tiny, "more", title)
    topic = layers.read_topic(tiny, "more")
    assert topic.title == title
    assert topic.layers[1].front.title == f"{title}: concepts"
    assert topic.layers[1].front.summary == f"Concepts of {title}"


def test_a_page_becomes_ready_by_being_written(tiny: Path) -> None:
    with (tiny / "docs/tiny/concepts.md").open("a") as page:
        page.write("\n# Tiny models: concepts\n\nText.\n")
    assert layers.read_topic(tiny, "tiny").layers[1].status == "Ready"


def test_labs_are_counted(tiny: Path) -> None:
    lab = "  - {file: 0%d.ipynb, title: A lab, teaches: it, needs: Python, minutes: 20}\n"
    edit(tiny, "labs/tiny/README.md", "labs: []\n", "labs:\n" + lab % 1 + lab % 2)
    assert layers.read_topic(tiny, "tiny").layers[3].status == "Pending"
    (tiny / "labs/tiny/01.ipynb").write_text("{}")
    topic = layers.read_topic(tiny, "tiny")
    assert topic.layers[3].status == "1 of 2 ready"
    assert topic.layers[3].minutes == 40
    assert "`02.ipynb` | it | Python | 20 min | Pending" in layer_tables.labs_table(topic, "")


FAULTS = {
    "no front matter": ("docs/tiny/concepts.md", "---\ntitle", "title", "docs/tiny/concepts.md:1: no front matter"),
    "broken YAML": ("docs/tiny/concepts.md", "summary: ", "summary: a: b ", "docs/tiny/concepts.md:5: front matter is not valid YAML"),
    "a date that is none": ("docs/tiny/concepts.md", 'summary: "Concepts of Tiny models"', "summary: 2026-13-01", "front matter is not valid YAML: month must be"),
    "a control character": ("docs/tiny/concepts.md", "summary: ", "summary: \x07", "docs/tiny/concepts.md:5: front matter is not valid YAML: character U+0007"),
    "a list": ("docs/tiny/concepts.md", "title: ", "- title: ", "docs/tiny/concepts.md:3: front matter is not valid YAML"),
    "missing field": ("docs/tiny/concepts.md", 'summary: "Concepts of Tiny models"\n', "", "field 'summary' is missing"),
    "missing minutes": ("docs/tiny/concepts.md", "minutes: 30\n", "", "field 'minutes' is missing"),
    "no objectives": ("docs/tiny/concepts.md", "objectives:\n  - say what you will be able to do\n", "objectives: []\n", "field 'objectives' is []"),
    "minutes in words": ("docs/tiny/concepts.md", "minutes: 30", "minutes: half an hour", "field 'minutes' is 'half an hour'"),
    "unknown field": ("docs/tiny/concepts.md", "minutes: 30", "minutes: 30\nstatus: ready", "unknown field 'status'; the fields are: topic, layer"),
    "unknown layer": ("docs/tiny/concepts.md", "layer: L1", "layer: L7", "field 'layer' is 'L7'"),
    "wrong layer": ("docs/tiny/concepts.md", "layer: L1", "layer: L2", "but the file's place says topic 'tiny', layer L1"),
    "wrong topic": ("docs/tiny/concepts.md", "topic: tiny", "topic: teeny", "but the file's place says topic 'tiny'"),
    "lost prerequisite": ("docs/tiny/concepts.md", "minutes: 30", "minutes: 30\nprerequisites: [READ.md]", "prerequisite 'READ.md' does not exist"),
    "typed status of a lab": ("labs/tiny/README.md", "labs: []", "labs: [{file: a.ipynb, title: A, teaches: A, needs: A, minutes: 1, ready: true}]", "unknown field 'labs.0.ready'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_front_matter_faults_name_file_reason_and_remedy(tiny: Path, fault: str) -> None:
    path, old, new, message = FAULTS[fault]
    edit(tiny, path, old, new)
    with pytest.raises(LayerError) as error:
        layers.read_topic(tiny, "tiny")
    assert path in str(error.value) and message in str(error.value)


def test_a_layer_without_a_file_says_what_to_do(tiny: Path) -> None:
    (tiny / "docs/tiny/advanced.md").unlink()
    with pytest.raises(LayerError) as error:
        layers.read_topic(tiny, "tiny")
    assert str(error.value) == (
        "docs/tiny/advanced.md: layer L4 of topic 'tiny' has no file; "
        "create it with front matter (an empty body makes it pending)"
    )


def test_a_page_may_begin_with_a_byte_order_mark(tiny: Path) -> None:
    path = tiny / "docs/tiny/advanced.md"
    before = layers.read_topic(tiny, "tiny")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert layers.read_topic(tiny, "tiny") == before


def test_a_page_that_is_not_utf8_says_what_to_do(tiny: Path) -> None:
    (tiny / "docs/tiny/advanced.md").write_bytes(b"---\n\xe9")
    with pytest.raises(LayerError) as error:
        layers.read_topic(tiny, "tiny")
    assert str(error.value) == "docs/tiny/advanced.md: byte 5 is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        ("---\na: b\n---\nText", ("a: b", "Text")),
        ("--- \na: b\n---\t\nText", ("a: b", "Text")),
        ("---\na: b\n---", ("", "---\na: b\n---")),
        ("Text\n---\na: b\n---\n", ("", "Text\n---\na: b\n---\n")),
        ("---\na: b\n----\n", ("", "---\na: b\n----\n")),
    ],
)
def test_front_matter_is_what_mkdocs_takes_for_it(page: str, parts: tuple[str, str]) -> None:
    assert layers.split_front_matter(page) == parts
    assert bool(get_data(page)[1]) == bool(parts[0])


def test_an_unlisted_notebook_is_not_lost(tiny: Path) -> None:
    (tiny / "labs/tiny/09-stray.ipynb").write_text("{}")
    with pytest.raises(
        LayerError, match=r"labs/tiny/README.md: '09-stray.ipynb' lies in this folder; list it"
    ):
        layers.read_topic(tiny, "tiny")


@pytest.mark.parametrize("name", ["", "Two words", "../up", "Ünïcode", "9lives"])
def test_a_topic_needs_a_plain_name(tiny: Path, name: str) -> None:
    with pytest.raises(LayerError, match="use lower-case letters"):
        scaffold(tiny, name, "")


def test_a_topic_is_not_overwritten(tiny: Path) -> None:
    with pytest.raises(LayerError, match="docs/tiny: this topic exists already"):
        scaffold(tiny, "tiny", "")


def test_a_new_topic_builds_without_code(copy: Path, tmp_path: Path) -> None:
    """The promise of the README: `make topic`, `make generate`, and it stands in the nav and on the site."""
    from sitekit import generate

    scaffold(copy, "diffusion", "Diffusion models")
    generate.run(copy, write=True)
    built = mkdocs_build(copy, tmp_path / "site")
    assert built.returncode == 0, built.stderr
    html = (tmp_path / "site/diffusion/index.html").read_text()
    assert "Layers of Diffusion models" in html
    assert "Diffusion models" in (tmp_path / "site/llms/index.html").read_text()


@pytest.mark.parametrize(("n", "text"), [(0, "–"), (45, "45 min"), (60, "1 h"), (90, "1 h 30 min")])
def test_minutes(n: int, text: str) -> None:
    assert layers.minutes(n) == text
