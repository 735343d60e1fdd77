"""Material's style sheets without the rules that no page of this site can use.

They cover every feature of the theme, in both writing directions and twenty colours; this site uses a part.
The rest would be a fifteenth of all that a first visit loads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import tinycss2

WORD = re.compile(r"[A-Za-z_][\w-]*")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
# no script gives these attributes a value that no page has
FIXED = re.compile(r"\[(dir|data-md-color-[a-z]+)=\"?([\w-]+)\"?\]")
SET = re.compile(r"\b(dir|data-md-color-[a-z]+)=\"?([\w-]+)")
WITHOUT = re.compile(r":not\((?:[^()]|\([^()]*\))*\)")
COMMA = re.compile(r",(?![^(\[]*[)\]])")


def trim_site(site: Path, data: Collection[str] = ()) -> None:
    """Trim the theme's style sheets in a built site, in place. Their source maps, right no more, go.

    data: scripts, by their paths in the site, that hold numbers only and need not be read.
    """
    pages = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    read = (path for path in site.rglob("*.js") if path.relative_to(site).as_posix() not in data)
    scripts = [path.read_text(encoding="utf-8") for path in read]
    used = Used(pages, scripts)
    for sheet in site.glob("assets/stylesheets/*.css"):
        sheet.write_text(trim(sheet.read_text(encoding="utf-8"), used), encoding="utf-8")
        sheet.with_name(f"{sheet.name}.map").unlink(missing_ok=True)


class Used:
    """What may occur on a page. To be on the safe side, every word of pages and scripts may be a class."""

    def __init__(self, pages: Iterable[str], scripts: Iterable[str]) -> None:
        pages = list(pages)
        of_scripts = {word for text in scripts for word in WORD.findall(text)}
        self.words = of_scripts.union(*(WORD.findall(text) for text in pages))
        # a script may put a name together: `md-source__fact--${kind}`
        self.beginnings = tuple(word for word in of_scripts if re.fullmatch(r"[a-z]+-[\w-]*(--|__)", word))
        self.fixed = {pair for text in pages for pair in SET.findall(text)}

    def matches(self, selector: str) -> bool:
        """Whether a selector can match anything."""
        needed = WITHOUT.sub("", selector)
        classes = CLASS.findall(needed)
        known = all(name in self.words or name.startswith(self.beginnings) for name in classes)
        return known and all(pair in self.fixed for pair in FIXED.findall(needed))


def trim(css: str, used: Used) -> str:
    """A style sheet without the rules of which no selector can match."""
    return trimmed(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), used)


def trimmed(rules: Iterable[tinycss2.ast.Node], used: Used) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in COMMA.split(tinycss2.serialize(rule.prelude)) if used.matches(s)]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = trimmed(tinycss2.parse_rule_list(rule.content, True, True), used)
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}")
        else:
            kept.append(rule.serialize())
    return "".join(kept)
