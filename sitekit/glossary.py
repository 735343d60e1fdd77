"""The glossary: its page, its tooltips, and links from the first use of each term on every page.

The page is Markdown that cog writes in place, so that it reads on a code host too. The links are put into a
page's HTML when the site is built. They carry no definition: a small script (docs/assets/term-tooltips.js)
fetches all of them at once, from the file that `definitions` makes, when a reader first points at one.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby

from sitekit.fact_files import Term

PAGE = "glossary.md"  # where the terms stand, as MkDocs names it
SCRIPT = "assets/glossary-definitions.js"

# --- the page ------------------------------------------------------------------------------------


def page(terms: dict[str, Term], title_of: Callable[[str], str]) -> str:
    """All terms by letter, as Markdown for docs/glossary.md. `title_of` gives the title of a file's page."""
    ordered = sorted(terms.values(), key=lambda term: term.heading.lower())
    letters = [(letter, list(group)) for letter, group in groupby(ordered, lambda t: t.heading[0].upper())]
    jump = " ".join(f"[{letter}](#{letter.lower()})" for letter, _ in letters)
    parts = [f'<div class="letters" markdown="1">\n\n{jump}\n\n</div>']
    for letter, group in letters:
        parts += [f"## {letter}", *(_entry(term, terms, title_of) for term in group)]
    return "\n\n".join(parts) + "\n"


def _entry(term: Term, terms: dict[str, Term], title_of: Callable[[str], str]) -> str:
    parts = [f"### {term.heading}", f"**{sentence(term.definition)}** {term.longer}"]
    if term.misunderstanding:
        parts.append(f"*Often misunderstood.* {term.misunderstanding}")
    file, _, anchor = term.taught.partition("#")
    target = posixpath.relpath(file, "docs") + ("#" + anchor if anchor else "")
    related = ", ".join(f"[{name}](#{terms[name].anchor})" for name in term.related)
    parts.append(f"More in [{title_of(file)}]({target}). Related: {related}.")
    return "\n\n".join(parts)


def sentence(definition: str) -> str:
    """A definition as it stands alone: with a capital and a full stop."""
    return f"{definition[0].upper()}{definition[1:]}."


# --- what the tooltips show ------------------------------------------------------------------------


def definitions(terms: dict[str, Term]) -> str:
    """A classic script, which loads from a folder too, that hands over every definition by its anchor."""
    rows = {term.anchor: sentence(term.definition) for term in terms.values()}
    return f"window.glossary = {json.dumps(rows, ensure_ascii=False, separators=(',', ':'))};\n"


# --- links from pages ------------------------------------------------------------------------------

# Only prose is linked. What a click or a glance already has a meaning for, and what is data, stays as it is.
LEFT_ALONE = "a|button|code|figure|kbd|pre|script|style|summary|svg|table|h[1-6]"
NO_PROSE = re.compile(
    rf"<!--.*?-->|<({LEFT_ALONE})(?=[\s>])[^>]*>.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE
)
WORD = re.compile(r"(?<![\w@/.-])\w+")


def linker(terms: Iterable[Term], path: str) -> Callable[[str, str], str]:
    """A function (html, url of the glossary) that links the first use of each term on the page of `path`."""
    owner = {
        form: term for term in terms if _wanted(term, path) for name in term.names for form in forms(name)
    }
    # By their first word, which a dictionary finds: one pattern of all would be tried at each word of a page.
    starting: dict[str, list[str]] = {}
    for form in sorted(owner, key=len, reverse=True):  # "attention head" is not to be taken for "attention"
        starting.setdefault(WORD.search(form)[0], []).append(form)  # type: ignore[index]

    def link(html: str, url: str) -> str:
        linked: set[str] = set()

        def linked_text(text: str) -> str:
            parts, end = [], 0
            for word in WORD.finditer(text):
                known = starting.get(word[0]) if word.start() >= end else None
                if known and (use := _use(tuple(known)).match(text, word.start())):
                    parts += [text[end : use.start()], linked_use(use)]
                    end = use.end()
            return "".join([*parts, text[end:]])

        def linked_use(match: re.Match[str]) -> str:
            form = " ".join(match[0].split())
            term = owner[form]
            if term.term in linked or (form[0].isupper() and _is_name(term, form) and not _begins(match)):
                return match[0]
            linked.add(term.term)
            return f'<a class="term" href="{url}#{term.anchor}">{match[0]}</a>'

        parts, end = [], 0
        for other in NO_PROSE.finditer(html):
            parts += [linked_text(html[end : other.start()]), other[0]]
            end = other.end()
        return "".join([*parts, linked_text(html[end:])])

    return link if owner else lambda html, url: html


@cache
def _use(forms: tuple[str, ...]) -> re.Pattern[str]:
    """One of these forms as it may stand in a text, with any white space, and no part of something longer."""
    names = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in forms)
    return re.compile(rf"(?:{names})(?![\w@-]|\.\w)")


def _wanted(term: Term, path: str) -> bool:
    places = term.link
    return places is None or any(f"{path}/".startswith(place.rstrip("/") + "/") for place in places)


def _is_name(term: Term, form: str) -> bool:
    """Whether a capital makes a name of an ordinary word, as in the project Sentence Transformers."""
    return all(form not in (name, plural(name)) for name in term.names)


def _begins(match: re.Match[str]) -> bool:
    """Whether a match begins a sentence, or a piece of text between two tags."""
    before = match.string[: match.start()].rstrip().rstrip("\"'“‘(")
    return not before.strip() or before.rstrip()[-1] in ".?!:;"


def forms(name: str) -> set[str]:
    """How a name may stand in a text: as it is, in the plural, with a capital if it is an ordinary word."""
    both = {name, plural(name)}
    if " of " in name:  # mixtures of experts
        head, _, rest = name.partition(" of ")
        both.add(f"{plural(head)} of {rest}")
    ordinary = name == name.lower()
    return both | {form[0].upper() + form[1:] for form in both if ordinary}


def plural(name: str) -> str:
    """The plural of a term, by the rules of English that our terms need."""
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch")) else "s")
