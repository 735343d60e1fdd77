"""What can be said about a target from its text alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from urllib.parse import unquote, urlsplit

from sitekit.links.records import Complaint, External, Link

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
MAIL = re.compile(r"[^\s@/:]+@[^\s@/:]+\.[A-Za-z]+")
HOST = re.compile(r"[\w-]+(\.[\w-]+)*")
THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")


def is_external(target: str) -> bool:
    """Whether the target names another host, another protocol, or data within itself."""
    return bool(SCHEME.match(target)) or target.startswith("//")


def check_external(target: str) -> None:
    """Raise Complaint if an external address is malformed, or not encrypted."""
    if target.startswith("//"):
        raise Complaint("no scheme: opened from a folder, it means a file", f'write "https:{target}"')
    written, _, rest = target.partition(":")
    scheme = written.lower()
    if scheme in ("data", "tel"):
        return
    if len(scheme) == 1:
        raise Complaint("a path of one Windows computer", "link relative to this file, with /")
    if re.search(r"\s", target):
        raise Complaint("a space in an address", 'write "%20"')
    if scheme in ("http", "https"):
        _check_web(scheme, rest)
    elif scheme != "mailto":
        near = get_close_matches(scheme, ["https", "http", "mailto"], n=1)
        meant = "mailto" if near == ["mailto"] else "https"
        raise Complaint(f'unknown scheme "{written}"', f'did you mean "{meant}:{rest}"?' if near else "")
    elif not MAIL.fullmatch(rest.partition("?")[0]):
        raise Complaint("not an e-mail address", 'write "mailto:name@example.org"')


def _check_web(scheme: str, rest: str) -> None:
    if not rest.startswith("//"):
        raise Complaint("malformed address", f'write "{scheme}://{rest.lstrip("/")}"')
    try:
        parts = urlsplit(rest, scheme)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Complaint(f"malformed address ({error})") from None
    if not host:
        raise Complaint("an address without a host")
    if host in THIS_COMPUTER:
        return
    if not HOST.fullmatch(host) or "." not in host:
        raise Complaint(f'"{host}" is no host on the internet')
    if scheme == "http":
        raise Complaint("not encrypted", f'write "https:{rest}"')


def externals(links: Iterable[Link]) -> list[External]:
    """The sound addresses among `links` that the network can be asked about, in the order of their places."""
    found = []
    for link in links:
        host = re.match(r"https://([^/?#:]+)", link.target)
        if host and host[1] not in THIS_COMPUTER:
            found.append(External(link.target, link.where))
    return sorted(found, key=lambda external: external.where)


def check_local(target: str) -> None:
    """Raise Complaint if a target without scheme cannot be a path, or was meant to be an address."""
    if not target:
        raise Complaint("no target", "write where it leads, or take the link away")
    if "\\" in target:
        raise Complaint("a backslash is no separator in links", f'write "{target.replace(chr(92), "/")}"')
    if MAIL.fullmatch(target):
        raise Complaint("an e-mail address without scheme", f'write "mailto:{target}"')
    if target.startswith("www."):
        raise Complaint("an address without scheme", f'write "https://{target}"')
    if lost_colon := re.match(r"https?/+", target):
        raise Complaint("malformed address", f'write "https://{target[lost_colon.end() :]}"')


def split(target: str) -> tuple[str, str]:
    """The path and the fragment of a local target, both decoded; a query is left out."""
    rest, _, fragment = target.partition("#")
    return unquote(rest.partition("?")[0]), unquote(fragment)


def check_anchor(target: str, anchors: Collection[str]) -> None:
    """Raise Complaint if the page that `target` leads to, which has these anchors, lacks the fragment.

    Every page has its top, and a browser looks for the text of `#:~:text=…` itself.
    """
    written = target.partition("#")[0]
    fragment = split(target)[1]
    if fragment not in ("", "top", *anchors) and not fragment.startswith(":~:"):
        near = nearest(fragment, anchors)
        raise Complaint("no such anchor", did_you_mean(f"{written}#{near}" if near else None))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: the same but for case, or else similar."""
    choices = sorted(known)
    same = [choice for choice in choices if choice.casefold() == word.casefold()]
    return next(iter(same or get_close_matches(word, choices, n=1)), None)


def nearest_path(path: str, known: Iterable[str]) -> str | None:
    """The path that was probably meant: the same but for case, a similar name beside it, or elsewhere."""
    choices = sorted(known)
    if same := [choice for choice in choices if choice.casefold() == path.casefold()]:
        return same[0]
    folder, name = posixpath.split(path)
    if beside := nearest(name, {posixpath.basename(c) for c in choices if posixpath.dirname(c) == folder}):
        return posixpath.join(folder, beside)
    elsewhere = [choice for choice in choices if posixpath.basename(choice) == name]
    namesakes = get_close_matches(path, elsewhere, n=1, cutoff=0.3)
    return next(iter(namesakes or get_close_matches(path, choices, n=1, cutoff=0.85)), None)


def did_you_mean(near: str | None) -> str:
    return f'did you mean "{near}"?' if near else ""
