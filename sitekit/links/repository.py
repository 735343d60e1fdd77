"""Checks the links of the sources: whether they lead somewhere on a code host, and on the site as well."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from sitekit.labs import PUBLISHED as LAB_SUFFIXES
from sitekit.links.addresses import (
    check_anchor,
    check_external,
    check_local,
    did_you_mean,
    externals,
    is_external,
    split,
)
from sitekit.links.in_markdown import read_markdown
from sitekit.links.in_notebook import read_notebook
from sitekit.links.nav import CONFIG, Nav, check_nav, read_nav
from sitekit.links.records import Complaint, Fault, Link, Page, Place, Report
from sitekit.links.slugs import slug, slugs
from sitekit.links.tree import Tree, leaves, relative, resolve, walk

ROOMS = ("", "docs", "labs", "pebble")  # where pages lie; the root's own files first
INDEXES = ("README.md", "index.md")


@dataclass(frozen=True)
class Repository:
    """What the checks need to know of a repository. Every path is relative to its root."""

    tree: Tree
    pages: Mapping[str, Page]
    nav: Nav = field(default_factory=Nav)
    ignored: GitIgnoreSpec = field(default_factory=lambda: GitIgnoreSpec([]))

    @cached_property
    def anchors(self) -> dict[str, set[str]]:
        """The fragments that each page has."""
        return {
            path: {*slugs(heading.text for heading in page.headings), *(name for name, _ in page.ids)}
            for path, page in self.pages.items()
        }

    def publishes(self, path: str) -> bool:
        """Whether the site has this file."""
        room, _, inside = path.partition("/")
        parts = inside.split("/")
        if room == "labs":
            return path.endswith(LAB_SUFFIXES) and not any(part.startswith((".", "_")) for part in parts)
        hidden = any(part.startswith(".") for part in parts)
        return room == "docs" and not hidden and not self.nav.excluded.match_file(inside)


def read_repository(root: Path) -> Repository:
    """Read everything below `root` that links."""
    config, ignored = root / CONFIG, ignored_by_git(root)
    tree = walk(root, ignored)
    pages = {}
    for path in sorted(tree.files):
        room = path.split("/")[0] if "/" in path else ""
        if room not in ROOMS or not path.endswith((".md", ".ipynb")) or "/." in path:
            continue
        pages[path] = _read_page((root / path).read_bytes(), path)
    nav = read_nav(config.read_text(encoding="utf-8")) if config.is_file() else Nav()
    return Repository(tree, pages, nav, ignored)


def ignored_by_git(root: Path) -> GitIgnoreSpec:
    file = root / ".gitignore"
    return GitIgnoreSpec.from_lines(file.read_text(encoding="utf-8").splitlines() if file.is_file() else [])


def _read_page(content: bytes, path: str) -> Page:
    where = Place(path)
    try:
        text = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        link = Link(path, where.down(content.count(b"\n", 0, error.start)), "page")
        return Page(faults=[Complaint("not UTF-8", "save it in that encoding").about(link)])
    return read_notebook(text, where) if path.endswith(".ipynb") else read_markdown(text, where)


def check(repository: Repository) -> Report:
    """Every fault of a repository's links, and the external ones that nobody can judge offline."""
    published = {path for path in repository.pages if repository.publishes(path)}
    faults = check_nav(repository.nav, repository.tree, published)
    for source, page in repository.pages.items():
        faults += [*page.faults, *_repeated_anchors(page), *map(_unnamed, page.unnamed)]
        for link in page.links:
            try:
                check_link(repository, source, link.target)
            except Complaint as complaint:
                faults.append(complaint.about(link))
    links = [*repository.nav.entries, *(link for page in repository.pages.values() for link in page.links)]
    return Report(sorted(faults), externals(links), len(repository.pages), len(links))


def check_link(repository: Repository, source: str, target: str) -> None:
    """Raise Complaint if `target`, written in the page `source`, leads nowhere on the host or on the site."""
    if is_external(target):
        check_external(target)
        return
    check_local(target)
    found = _find(repository, source, split(target)[0], target)
    if repository.publishes(source):
        found = _find_on_site(repository, found)
    else:
        found = _index(repository.tree, found) or found
    if found in repository.anchors:
        check_anchor(target, repository.anchors[found])


def _find(repository: Repository, source: str, path: str, target: str) -> str:
    """The file or folder that a path leads to, as a code host follows it."""
    tree = repository.tree
    if path.startswith("/"):
        inside = [room + path.strip("/") for room in ("", "docs/") if room + path.strip("/") in tree.files]
        advice = did_you_mean(relative(inside[0], source) if inside else None)
        raise Complaint("an absolute path leads elsewhere on every host", advice)
    found = resolve(source, path)
    if leaves(found):
        raise Complaint("leads out of the repository")
    if found not in tree.files and found not in tree.folders:
        if repository.ignored.match_file(found):
            raise Complaint("Git ignores this file, so the code host does not have it")
        near = tree.nearest(found)
        raise Complaint("no such file", did_you_mean(relative(near, source, target) if near else None))
    if found in tree.files and path.endswith("/"):
        raise Complaint("a file is no folder", "take the closing slash away")
    return found


def _find_on_site(repository: Repository, found: str) -> str:
    """The published file for a file or folder of the repository."""
    if found in repository.tree.folders and found.split("/")[0] in ("docs", "labs"):
        index = _index(repository.tree, found)
        if index is None:
            raise Complaint("a folder without README.md is no page of the site", "add one, or link to a file")
        found = index
    if not repository.publishes(found):
        raise Complaint("the site does not publish it", "quote the path as code, or use the repo_url setting")
    return found


def _index(tree: Tree, folder: str) -> str | None:
    return next((path for name in INDEXES if (path := posixpath.join(folder, name)) in tree.files), None)


def _repeated_anchors(page: Page) -> Iterator[Fault]:
    """Anchors that two places of a page share: the code host and the site number them differently."""
    named = [(slug(h.text), Link(h.text, h.where, "heading")) for h in page.headings]
    named += [(name, Link(name, where, "id")) for name, where in page.ids]
    first: dict[str, Place] = {}
    for anchor, link in named:
        if anchor in first:
            complaint = Complaint(f'the anchor "#{anchor}" is taken by {first[anchor]}', "rename one")
            yield complaint.about(link)
        first.setdefault(anchor, link.where)


def _unnamed(image: Link) -> Fault:
    return Complaint("no alternative text", "say in words what the picture shows").about(image)
