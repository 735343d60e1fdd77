"""Checks a built site: every link, as a web server answers it or as a browser follows it in a folder.

The sources can be right and the site wrong: a theme's template, a hook, a plugin or a style sheet may write a
link too. So everything that was built is read again.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sitekit.links.addresses import (
    check_anchor,
    check_external,
    check_local,
    did_you_mean,
    externals,
    is_external,
    nearest,
    split,
)
from sitekit.links.in_html import read_css, read_html
from sitekit.links.records import Complaint, Fault, Link, Page, Place, Report
from sitekit.links.tree import Tree, leaves, relative, resolve, walk

HOME = "index.html"
# A server shows this page at whatever address was asked for, so its links must not be relative.
ANYWHERE = "404.html"


@dataclass(frozen=True)
class Site:
    """A built site. Every path is relative to its folder."""

    tree: Tree
    pages: Mapping[str, Page]
    base: str | None
    """The path that the site has on its server, such as "/" or "/handbook/"; None for a folder on a disk."""


def read_site(folder: Path, base: str | None) -> Site:
    """Read everything in a built site that links."""
    tree = walk(folder)
    pages = {}
    for path in sorted(tree.files):
        if path.endswith((".html", ".svg", ".css", ".webmanifest")) or "search_index.js" in path:
            pages[path] = _read(path, (folder / path).read_text(encoding="utf-8"))
    return Site(tree, pages, base)


def _read(path: str, text: str) -> Page:
    if path.endswith((".html", ".svg")):
        return read_html(text, Place(path))
    return read_css(text, Place(path)) if path.endswith(".css") else _read_data(path, text)


def _read_data(path: str, text: str) -> Page:
    """The addresses in a search index (JSON, or a script that assigns it) or in a web app's manifest."""
    page = Page()
    try:
        data = json.loads(text[text.index("{") :].rstrip().rstrip(";"))
    except ValueError:
        page.faults.append(Complaint("not JSON").about(Link(posixpath.basename(path), Place(path), "data")))
        return page
    targets = [(entry["location"], "search result") for entry in data.get("docs", ())]
    targets += [(icon["src"], "icon") for icon in data.get("icons", ())]
    for target, kind in targets:
        line = text.count("\n", 0, max(text.find(json.dumps(target)), 0))
        page.links.append(Link(target or HOME, Place(path).down(line), kind))
    return page


def check(site: Site) -> Report:
    """Every fault of a built site."""
    faults: list[Fault] = []
    for source, page in site.pages.items():
        faults += [*page.faults, *_check_ids(page)]
        if source.endswith(".html"):
            faults += _check_head(source, page)
        for link in page.links:
            try:
                check_link(site, "" if link.kind == "search result" else source, link)
            except Complaint as complaint:
                faults.append(complaint.about(link))
    faults += _orphans(site)
    links = [link for page in site.pages.values() for link in (*page.links, *page.references)]
    return Report(sorted(faults), externals(links), len(site.pages), len(links))


def check_link(site: Site, source: str, link: Link) -> None:
    """Raise Complaint if a link of the file `source` does not work."""
    if is_external(link.target):
        if link.loads and not link.target.startswith("data:"):
            raise Complaint("loaded from another host", "keep a copy in the site")
        check_external(link.target)
        return
    check_local(link.target)
    found = follow(site, source, split(link.target)[0])
    if found.endswith((".html", ".svg")):
        check_anchor(link.target, {name for name, _ in site.pages[found].ids})


def follow(site: Site, source: str, path: str) -> str:
    """The file that a server sends, or that a browser opens, for a path written in the file `source`."""
    if path.startswith("/"):
        found = resolve("", _below(site.base, source, path))
    elif source == ANYWHERE and path:
        raise Complaint("a relative link in a page that is shown anywhere", "begin it with the site's base")
    else:
        found = resolve(source, path)
    if leaves(found):
        raise Complaint("leads out of the site")
    if found in site.tree.folders:
        return _index(site, source, path, found)
    if found not in site.tree.files:
        raise Complaint("no such file", did_you_mean(_nearest(site, source, path, found)))
    if path.endswith("/"):
        raise Complaint("a file is no folder", "take the closing slash away")
    return found


def _nearest(site: Site, source: str, path: str, missing: str) -> str | None:
    """The file or folder that was probably meant, in the form that `path` has."""
    near = site.tree.nearest(missing)
    if near is None:
        return None
    if path.startswith("/"):
        return f"{site.base}{near}"
    return relative(near + HOME if near.endswith("/") and site.base is None else near, source, path)


def _below(base: str | None, source: str, path: str) -> str:
    """The rest of an absolute path below the site's base."""
    if base is None:
        raise Complaint("an absolute path leads to the root of the disk", "make it relative")
    if source != ANYWHERE:
        raise Complaint("an absolute path leads elsewhere under another base", "make it relative")
    if not path.startswith(base):
        raise Complaint(f'leads out of the site, whose base is "{base}"')
    return path.removeprefix(base)


def _index(site: Site, source: str, path: str, folder: str) -> str:
    index = posixpath.join(folder, HOME)
    if index not in site.tree.files:
        raise Complaint("a folder without index.html")
    if site.base is None:
        advice = did_you_mean(relative(index, source, path))
        raise Complaint("a folder: opened from a disk, it only lists its files", advice)
    if posixpath.basename(path) not in ("", ".", ".."):
        raise Complaint("a folder without its closing slash", did_you_mean(path + "/"))
    return index


def _check_ids(page: Page) -> Iterator[Fault]:
    first = dict(reversed(page.ids))
    for name, where in page.ids:
        if where is not first[name]:
            yield Complaint(f"taken by {first[name]}", "make it unique").about(Link(name, where, "id"))
    for link in page.references:
        if link.target not in first:
            yield Complaint("no such id", did_you_mean(nearest(link.target, first))).about(link)


def _check_head(source: str, page: Page) -> Iterator[Fault]:
    about = Link(source, Place(source), "page")
    if not page.language:
        yield Complaint("no language", 'write <html lang="en">').about(about)
    if not page.title:
        yield Complaint("no title", "write a <title>").about(about)
    if page.h1 != 1 and not page.redirects:
        yield Complaint(f"{page.h1} main headings", "give it exactly one <h1>").about(about)


def _orphans(site: Site) -> Iterator[Fault]:
    """Pages that no reader finds who starts at the home page and follows the navigation."""
    if HOME not in site.tree.files:
        yield Complaint("no home page", "build the site first").about(Link(HOME, Place(HOME), "page"))
        return
    reached, waiting = {HOME}, [HOME]
    while waiting:
        source = waiting.pop()
        for link in site.pages[source].links:
            with suppress(Complaint):  # already told
                found = follow(site, source, split(link.target)[0]) if link.in_nav else ""
                if found.endswith(".html") and found not in reached:
                    reached.add(found)
                    waiting.append(found)
    for path, page in site.pages.items():
        if path.endswith(".html") and path not in reached and path != ANYWHERE and not page.redirects:
            complaint = Complaint("no navigation leads here from the home page", "add it to the nav")
            yield complaint.about(Link(path, Place(path), "page"))
