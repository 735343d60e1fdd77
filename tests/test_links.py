"""Every fault that the link checker knows is planted once, and every legal form passes.

The cases are files: tests/golden/links/*.yml. Each names the files of a small repository or site and all
that the checker shall say about them, word for word.
"""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitekit import links
from sitekit.links.__main__ import main
from sitekit.links.in_html import source_set
from sitekit.links.in_markdown import read_markdown
from sitekit.links.nav import read_nav
from sitekit.links.slugs import slugs

HERE = Path(__file__).parent
GOLDEN = HERE / "golden/links"


def read_cases() -> Iterator[Any]:
    for path in sorted(GOLDEN.glob("*.yml")):
        common = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in common.pop("cases", ()):
            case["files"] = common.get("files", {}) | case.get("files", {})
            case["faults"] = case.get("faults", [case["fault"]] if "fault" in case else [])
            yield pytest.param(common | case, id=f"{path.stem}: {case['name']}")


CASES = list(read_cases())


def plant(case: dict[str, Any], root: Path) -> Path:
    """Write a case's files below `root`: data as JSON, and the body of an HTML page into the page around it."""
    for name, content in case["files"].items():
        if content is None:  # a common file that this case goes without
            continue
        if isinstance(content, (dict, list)):
            content = json.dumps(content, indent=1, ensure_ascii=False)
        if "page" in case and name.endswith(".html") and not content.startswith("<!"):
            content = case["page"].replace("BODY", content.rstrip("\n"))
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def check(case: dict[str, Any], root: Path) -> links.Report:
    if case["check"] == "repository":
        return links.report_repository(root)
    return links.report_site(root, None if case["check"] == "offline" else case.get("base", "/"))


@pytest.mark.parametrize("case", CASES)
def test_says_exactly_what_is_wrong(case: dict[str, Any], tmp_path: Path) -> None:
    report = check(case, plant(case, tmp_path))
    assert [str(fault) for fault in report.faults] == case["faults"]
    assert report.links == case.get("links", report.links)


@pytest.mark.parametrize("case", CASES)
def test_each_message_names_the_planted_target(case: dict[str, Any]) -> None:
    planted = json.dumps(case["files"], ensure_ascii=False, default=str).replace("\\\\", "\\")
    for message in case["faults"]:
        target = re.search(r': [^"]+ "(.*?)": ', message)[1].strip("[]").removeprefix("../")
        assert target in planted


def test_every_complaint_in_the_source_is_planted() -> None:
    """A check that is added without a case, or a case that is taken away, is found here."""
    messages = [message for case in CASES for message in case.values[0]["faults"]]
    complaints = 0
    for path in (HERE.parent / "sitekit/links").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Complaint":
                complaints += 1
                words = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                assert words and any(all(word in message for word in words) for message in messages), words
    assert complaints > 40


def test_slugs_are_those_of_the_code_host() -> None:
    golden = yaml.safe_load((GOLDEN / "slugs.yml").read_text(encoding="utf-8"))["headings"]
    page = read_markdown("\n\n".join(row["heading"] for row in golden), links.Place("page.md"))
    assert slugs(heading.text for heading in page.headings) == [row["anchor"] for row in golden]


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("a.png", ["a.png"]),
        ("a.png 1x, b.png 2x", ["a.png", "b.png"]),
        ("a.png,\n  b,c.png 480w ,d.png", ["a.png", "b,c.png", "d.png"]),
        ("data:image/gif;base64,AAAA 1x, a.png", ["data:image/gif;base64,AAAA", "a.png"]),
        ("", []),
    ],
)
def test_source_set(value: str, addresses: list[str]) -> None:
    assert source_set(value) == addresses


def test_collects_external_addresses_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "See <https://example.org/a#b>,\n[your own](https://localhost:8000) and [the paper](https://arxiv.org/abs/1706.03762).\n"
    )
    (tmp_path / "mkdocs.yml").write_text("nav:\n  - Source: https://example.org/source\n")
    assert links.collect_external(tmp_path) == [
        links.External("https://example.org/a#b", links.Place("README.md", line=1)),
        links.External("https://arxiv.org/abs/1706.03762", links.Place("README.md", line=2)),
        links.External("https://example.org/source", links.Place("mkdocs.yml", line=2)),
    ]


def test_front_matter_may_have_spaces_after_its_fences() -> None:
    page = read_markdown("--- \nprerequisites: [a.md]\n--- \n\n# Title\n", links.Place("page.md"))
    assert [link.target for link in page.links] == ["a.md"]
    assert [(heading.text, heading.where.line) for heading in page.headings] == [("Title", 5)]


def test_a_character_that_yaml_refuses_is_a_fault_of_its_line() -> None:
    page = read_markdown("---\ntitle: T\nsummary: \x07\n---\n", links.Place("page.md"))
    assert [str(fault) for fault in page.faults] == [
        'page.md:3: front matter "summary: \x07": not YAML (character U+0007 is not allowed); quote the value'
    ]
    assert [str(fault) for fault in read_nav("site_name: T\nnav: \x07\n").faults] == [
        'mkdocs.yml:2: settings "mkdocs.yml": not YAML (character U+0007 is not allowed)'
    ]


# --- the command line ----------------------------------------------------------------------------


def test_command_says_that_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("[This](README.md) and [that](#top)")
    assert main(["--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 faults in 1 files, 2 links\n"


def test_command_prints_each_fault_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("[This](README.md)\n[that](REEDME.md)")
    assert main(["--root", str(tmp_path)]) == 1
    assert capsys.readouterr().out == (
        'README.md:2: link "REEDME.md": no such file; did you mean "README.md"?\n1 fault in 1 files, 2 links\n'
    )


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--site"], ['404.html:1: link "/handbook/": no such file']),
        (["--base", "/handbook/", "--site"], []),
        (
            ["--offline"],
            [
                '404.html:1: link "/handbook/": an absolute path leads to the root of the disk; make it relative',
                'index.html:1: link ".": a folder: opened from a disk, it only lists its files; did you mean "index.html"?',
            ],
        ),
    ],
)
def test_command_checks_a_site(
    arguments: list[str], found: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = '<html lang="en"><title>A page</title><h1>A page</h1><a href="{}">Home</a></html>'
    (tmp_path / "index.html").write_text(page.format("."))
    (tmp_path / "404.html").write_text(page.format("/handbook/"))
    assert main([*arguments, str(tmp_path)]) == bool(found)
    assert capsys.readouterr().out.splitlines()[:-1] == found


def test_command_runs_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("[That](REEDME.md)")
    command = [sys.executable, "-m", "sitekit.links", "--root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "README.md:1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--site", "no-site"], "no-site: no such folder; build the site first"),
        (["--offline", "no-site"], "no-site: no such folder; build the site first"),
        (["--base", "handbook/"], '--base "handbook/": begin and end it with /'),
        (["--base", "/handbook"], '--base "/handbook": begin and end it with /'),
    ],
)
def test_command_explains_wrong_options(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_command_does_not_praise_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--root", str(tmp_path)])
    assert "no pages here" in capsys.readouterr().err


# --- the network, played by a server of our own --------------------------------------------------


class Network(BaseHTTPRequestHandler):
    """Answers `/404` with 404, and so on; `/get-only` refuses HEAD, `/second-try` fails once."""

    asked: list[str]

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.asked.append(f"{self.command} {name}")
        if name == "silent":
            self.server.let_go.wait()  # type: ignore[attr-defined]
            return
        if name == "hang-up":
            self.close_connection = True
            return
        if name == "get-only":
            status = 405 if self.command == "HEAD" else 200
        elif name == "second-try":
            status = 503 if sum(self.path.strip("/") in line for line in self.asked) <= 2 else 200
        else:
            status = int(name.split("-")[0])
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "/200-new" if name == "301" else f"/{name}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def network() -> Iterator[str]:
    Network.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Network) as server:
        server.let_go = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.let_go.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("200", "alive", ""),
        ("200-größe", "alive", ""),
        ("get-only", "alive", ""),
        ("second-try", "alive", ""),
        ("301", "moved", "to {network}/200-new"),
        ("301-round-and-round", "dead", "301 Moved Permanently"),
        ("404", "dead", "404 Not Found"),
        ("410", "dead", "410 Gone"),
        ("500", "dead", "500 Internal Server Error"),
        ("599", "dead", "599 unknown status"),
        ("401", "not checked", "401 Unauthorized"),
        ("403", "not checked", "403 Forbidden"),
        ("429", "not checked", "429 Too Many Requests"),
        ("silent", "dead", "timed out"),
        ("hang-up", "dead", "Remote end closed connection without response"),
    ],
)
def test_online(network: str, name: str, status: str, detail: str) -> None:
    answers = links.check_online([f"{network}/{name}"], timeout=0.2, tries=2, pause=0)
    assert [(a.url, a.status, a.detail) for a in answers] == [
        (f"{network}/{name}", status, detail.format(network=network))
    ]


def test_online_asks_for_each_address_once(network: str) -> None:
    answers = links.check_online([f"{network}/200#a", f"{network}/200", f"{network}/200#b"])
    assert [answer.url for answer in answers] == [f"{network}/200"]
    assert Network.asked == ["HEAD 200"]


def test_online_does_not_insist_on_an_answer_that_is_final(network: str) -> None:
    links.check_online([f"{network}/404"], tries=3, pause=0)
    assert Network.asked == ["HEAD 404", "GET 404"]


def test_online_survives_a_server_that_is_off() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but it does not listen
        (answer,) = links.check_online([f"http://127.0.0.1:{closed.getsockname()[1]}"], tries=1)
    assert answer.status == "dead"
    assert answer.detail.startswith("[Errno")


def test_online_pauses_between_two_tries(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    links.check_online([f"{network}/500"], tries=3, pause=7)
    assert pauses == [7, 7]


@pytest.mark.parametrize(
    ("answer", "code", "lines"),
    [
        (links.Answer("https://example.org/", "alive"), 0, []),
        (
            links.Answer("https://example.org/", "moved", "to https://example.net/"),
            0,
            ["README.md:2, README.md:4: moved: https://example.org/ (to https://example.net/)"],
        ),
        (
            links.Answer("https://example.org/", "not checked", "403 Forbidden"),
            0,
            ["README.md:2, README.md:4: not checked: https://example.org/ (403 Forbidden)"],
        ),
        (
            links.Answer("https://example.org/", "dead"),
            1,
            ["README.md:2, README.md:4: dead: https://example.org/"],
        ),
    ],
)
def test_command_online(
    answer: links.Answer,
    code: int,
    lines: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "README.md").write_text("\n<https://example.org/>\n\n<https://example.org/#part>\n")
    monkeypatch.setattr("sitekit.links.__main__.check_online", lambda urls: [answer for _ in urls])
    assert main(["--root", str(tmp_path), "--online"]) == code
    assert capsys.readouterr().out.splitlines() == [*lines, f"{code} dead of 1 addresses"]
