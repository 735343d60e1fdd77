"""Checks the nav of mkdocs.yml: every entry leads to a page, and every page has one entry."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

import yaml
from pathspec import GitIgnoreSpec

from sitekit.layers import source_uri, yaml_fault
from sitekit.links.addresses import check_external, check_local, did_you_mean, is_external
from sitekit.links.records import Complaint, Fault, Link, Place
from sitekit.links.tree import Tree, resolve

CONFIG = "mkdocs.yml"


@dataclass
class Nav:
    """What mkdocs.yml says about pages. Without a `nav` MkDocs lists them all, and `where` is None."""

    where: Place | None = None
    entries: list[Link] = field(default_factory=list)
    excluded: GitIgnoreSpec = field(default_factory=lambda: GitIgnoreSpec([]))
    """The files in docs/ that the site leaves out (`exclude_docs`)."""
    unlisted: GitIgnoreSpec = field(default_factory=lambda: GitIgnoreSpec([]))
    """The pages in docs/ that the nav may leave out (`not_in_nav`)."""
    faults: list[Fault] = field(default_factory=list)


def read_nav(text: str) -> Nav:
    """The nav in the text of mkdocs.yml, with lines. Tags such as `!ENV` are left alone."""
    nav = Nav()
    try:
        root = yaml.compose(text)
    except yaml.YAMLError as error:
        line, problem = yaml_fault(text, error)
        where = Place(CONFIG).down(line)
        nav.faults.append(Complaint(f"not YAML ({problem})").about(Link(CONFIG, where, "settings")))
        return nav
    for key, value in root.value if isinstance(root, yaml.MappingNode) else []:
        if key.value == "nav":
            nav.where = _place(key.start_mark)
            nav.entries = _entries(value)
        elif key.value == "exclude_docs":
            nav.excluded = _patterns(value)
        elif key.value == "not_in_nav":
            nav.unlisted = _patterns(value)
    return nav


def _entries(node: yaml.Node) -> list[Link]:
    if isinstance(node, yaml.ScalarNode):
        return [Link(node.value, _place(node.start_mark), "nav entry")]
    if isinstance(node, yaml.MappingNode):
        return [entry for _, value in node.value for entry in _entries(value)]
    return [entry for item in node.value for entry in _entries(item)]


def _patterns(node: yaml.Node) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(node.value.splitlines() if isinstance(node, yaml.ScalarNode) else [])


def _place(mark: yaml.Mark | None) -> Place:
    return Place(CONFIG, line=mark.line + 1 if mark else 1)


def check_nav(nav: Nav, tree: Tree, pages: set[str]) -> list[Fault]:
    """The faults of the nav; `pages` are the sources that the site publishes as pages."""
    faults = list(nav.faults)
    if nav.where is None:
        return faults
    covered: set[str] = set()
    for entry in nav.entries:
        try:
            found = _covers(entry.target, tree, pages)
            if found & covered:
                raise Complaint("listed twice", "keep one of the entries")
            covered |= found
        except Complaint as complaint:
            faults.append(complaint.about(entry))
    for page in sorted(pages - covered):
        if not nav.unlisted.match_file(source_uri(page)):
            missing = Complaint("no entry of the nav leads to this page", "add one, or take the page away")
            faults.append(missing.about(Link(source_uri(page), nav.where, "page")))
    return faults


def _covers(target: str, tree: Tree, pages: set[str]) -> set[str]:
    """The pages that an entry puts into the nav: one, or those of a topic if it is a folder."""
    if is_external(target):
        check_external(target)
        return set()
    check_local(target)
    path = resolve("docs/", target)
    near = tree.nearest(path)
    advice = did_you_mean(source_uri(near) if near else None)
    if target.endswith("/"):
        if f"{path}/README.md" not in tree.files:
            raise Complaint("no topic folder: it has no README.md", "" if path in tree.folders else advice)
        topic = posixpath.basename(path)
        return {page for page in pages if posixpath.dirname(page) in (f"docs/{topic}", f"labs/{topic}")}
    if path not in tree.files:
        raise Complaint("no such page", advice)
    if path not in pages:
        raise Complaint("the site has no page for this file")
    return {path}
