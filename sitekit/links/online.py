"""Asks the network whether external addresses still answer: `make links-online`, never part of the tests."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

AGENT = "Mozilla/5.0 (compatible; link check of a documentation site)"
SAFE = "%/:=&?~#+!$,;'@()*[]"  # what stands for itself in an address; letters beyond ASCII are encoded
REFUSALS = (401, 403, 429)  # the server is there and does not talk to programs
Status = Literal["alive", "moved", "dead", "not checked"]


@dataclass(frozen=True)
class Answer:
    """What became of one address."""

    url: str
    status: Status
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.url}" + (f" ({self.detail})" if self.detail else "")


def check_online(
    urls: Iterable[str], timeout: float = 15, tries: int = 3, pause: float = 2, workers: int = 16
) -> list[Answer]:
    """Ask for each address once, whatever its fragments; the answers come in the order of the addresses.

    `timeout` and `pause` (before another try) are in seconds. A server that fails or stays silent is tried
    `tries` times before its address counts as dead.
    """
    unique = sorted({url.partition("#")[0] for url in urls})
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda url: _ask_patiently(url, timeout, tries, pause), unique))


def _ask_patiently(url: str, timeout: float, tries: int, pause: float) -> Answer:
    answer = Answer(url, "not checked")
    for attempt in range(tries):
        if attempt:
            time.sleep(pause)
        answer, final = _ask(url, timeout)
        if final:
            break
    return answer


def _ask(url: str, timeout: float) -> tuple[Answer, bool]:
    """One try, and whether its answer is final. HEAD is cheap, but some servers only know GET."""
    address = quote(url, safe=SAFE)
    code = 0
    for method in ("HEAD", "GET"):
        request = urllib.request.Request(address, method=method, headers={"User-Agent": AGENT})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                if response.url.rstrip("/") == address.rstrip("/"):
                    return Answer(url, "alive"), True
                return Answer(url, "moved", f"to {response.url}"), True
        except urllib.error.HTTPError as error:
            error.close()
            code = error.code
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            return Answer(url, "dead", str(reason) or type(error).__name__), False
    known = code in HTTPStatus.__members__.values()
    detail = f"{code} {HTTPStatus(code).phrase if known else 'unknown status'}"
    return Answer(url, "not checked" if code in REFUSALS else "dead", detail), code < 500
