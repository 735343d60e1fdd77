"""The site, built the ways that people meet it, once a session each."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from building import PLACES, ROOT, mkdocs_build

from sitekit import offline

# NumPy's threads wait for one another on a busy machine; one is as fast for matrices of this size
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make build` makes it: no address is known."""
    target = tmp_path_factory.mktemp("site")
    built = mkdocs_build(ROOT, target)
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="session")
def hosted_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as a host builds it that knows its addresses, under a sub-path."""
    target = tmp_path_factory.mktemp("hosted")
    built = mkdocs_build(
        ROOT, target, SITE_URL="https://example.org/handbook/", REPO_URL="https://github.com/example/layers"
    )
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="session")
def offline_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make offline` makes it."""
    target = tmp_path_factory.mktemp("offline")
    offline.build(ROOT, target)
    return target


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository's content, to break."""
    for place in PLACES:
        source = ROOT / place
        if source.is_dir():
            shutil.copytree(source, tmp_path / place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / place)
    return tmp_path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def translate_path(self, path: str) -> str:
        # the site lives under /handbook/ only, so that a link that leaves it is a 404
        inside = path.startswith("/handbook/")
        return super().translate_path(path.removeprefix("/handbook") if inside else "/outside-the-site")


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder under a sub-path on loopback; gives the address."""
    servers: list[ThreadingHTTPServer] = []

    @functools.cache
    def start(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/handbook/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
