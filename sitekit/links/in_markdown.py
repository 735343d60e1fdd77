"""Reads what links, and what can be linked to, out of Markdown as a code host understands it.

CommonMark with tables, through markdown-it-py. That parser knows the lines of blocks but not of what stands
inside them, so its inline rules are wrapped to note where each link begins: an author with a long table
wants the row.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, autolink, html_inline, image, link
from markdown_it.token import Token

from sitekit.layers import is_page, split_front_matter, yaml_fault
from sitekit.links.in_html import read_html
from sitekit.links.records import Complaint, Heading, Link, Page, Place


def read_markdown(text: str, where: Place) -> Page:
    """The links, headings and explicit ids of Markdown that begins at `where`; front matter is allowed."""
    page = Page()
    front, body = split_front_matter(text)
    if front:
        page.add(_read_front_matter(front, where.down(1)))
    text = "\n" * (text.count("\n") - body.count("\n")) + body  # the lines keep their numbers
    env: dict[str, Any] = {}
    tokens = _parser().parse(text, env)
    for index, token in enumerate(tokens):
        at = where.down(token.map[0] if token.map else 0)
        if token.type == "html_block":
            page.add(read_html(token.content, at))
        elif token.type == "heading_open":
            page.headings.append(Heading(_plain(tokens[index + 1]), at))
        elif token.type == "inline":
            _read_inline(token, at, page)
    _read_definitions(env, where, page)
    return page


def _read_inline(block: Token, where: Place, page: Page) -> None:
    for token in block.children or []:
        at = where.down(block.content.count("\n", 0, token.meta.get("offset", 0)))
        if token.type == "html_inline":
            page.add(read_html(token.content, at))
        elif token.type == "broken":
            kind, target, complaint = token.meta["broken"]
            page.faults.append(complaint.about(Link(target, at, kind)))
        elif token.type == "image":
            picture = Link(str(token.attrs["src"]), at, "image", loads=True)
            if not token.content.strip():
                page.unnamed.append(picture)
            if "label" not in token.meta:
                page.links.append(picture)
        elif token.type == "link_open" and "label" not in token.meta:
            page.links.append(Link(str(token.attrs["href"]), at))


def _read_definitions(env: dict[str, Any], where: Place, page: Page) -> None:
    """Add the targets of `[label]: target` lines. GitHub takes `[^1]: text` for a footnote, and so do we."""
    twice = Complaint("defined twice: the code host takes the first, the site the last", "keep one")
    for label, definition in env.get("references", {}).items():
        if not label.startswith("^"):
            page.links.append(Link(definition["href"], where.down(definition["map"][0])))
    for again in env.get("duplicate_refs", []):
        if not again["label"].startswith("^"):
            name = f"[{again['label'].lower()}]"
            page.faults.append(twice.about(Link(name, where.down(again["map"][0]), "reference")))


def _plain(heading: Token) -> str:
    """A heading's text without its marks, as the code host reads it for the anchor."""
    parts = (child for child in heading.children or [] if child.type in ("text", "code_inline"))
    return "".join(child.content for child in parts)


# --- front matter --------------------------------------------------------------------------------


def _read_front_matter(text: str, where: Place) -> Page:
    page = Page()
    try:
        root = yaml.compose(text)
    except yaml.YAMLError as error:
        line, problem = yaml_fault(text, error)
        written = text.split("\n")[min(line, text.count("\n"))].strip()
        complaint = Complaint(f"not YAML ({problem})", "quote the value")
        page.faults.append(complaint.about(Link(written, where.down(line), "front matter")))
        return page
    for key, value in root.value if isinstance(root, yaml.MappingNode) else []:
        if key.value == "prerequisites" and isinstance(value, yaml.SequenceNode):
            page.links += [
                Link(item.value, where.down(item.start_mark.line), "prerequisite")
                for item in value.value
                if isinstance(item, yaml.ScalarNode) and is_page(item.value)
            ]
    return page


# --- the parser ----------------------------------------------------------------------------------


class _Verbatim(MarkdownIt):
    """Keeps targets as they are written, whatever they are: judging them is the checker's work."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802 (the parser's own name)
        return url

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return True


def _parser() -> MarkdownIt:
    parser = _Verbatim("commonmark", {"store_labels": True}).enable(["table", "strikethrough"])
    for rule in (autolink, html_inline, image):
        parser.inline.ruler.at(rule.__name__, _noting(rule))
    parser.inline.ruler.at("link", _noting(link, complain=True))
    return parser


def _noting(rule: Any, complain: bool = False) -> Any:
    """The inline rule, which also writes into each token's `meta` at which offset its target begins."""

    def run(state: StateInline, silent: bool) -> bool:
        start, count = state.pos, len(state.tokens)
        matched: bool = rule(state, silent)
        if matched:
            at = max(start, state.src.rfind("](", start, state.pos))
            for token in state.tokens[count:]:
                token.meta.setdefault("offset", at)
        elif complain and not silent and (broken := _almost_a_link(state)):
            state.push("broken", "", 0).meta = {"offset": start, "broken": broken}
        return matched

    return run


def _almost_a_link(state: StateInline) -> tuple[str, str, Complaint] | None:
    """Kind and target of `[text](target` or `[text][label]` that is only text to the host, and why."""
    end = state.md.helpers.parseLinkLabel(state, state.pos) if state.src[state.pos] == "[" else -1
    if end < 0:
        return None
    kind = "image" if state.src[: state.pos].endswith("!") else "link"
    rest = state.src[end + 1 :]
    if rest.startswith("("):
        target = re.split(r"[)\n]", rest[1:])[0]
        if re.search(r"\s", target):
            return kind, target, Complaint("no link: a space ends the target", f'write "<{target}>"')
        return kind, target, Complaint("no link: not closed, or a link in a link", "write [text](target)")
    label = re.match(r"\[([^\[\]]*)\]", rest)
    name = label and (label[1] or state.src[state.pos + 1 : end])
    if name and not name.startswith("^"):
        advice = f'define "[{name}]: target", or quote the text as code'
        return kind, f"[{name}]", Complaint("no such reference", advice)
    return None
