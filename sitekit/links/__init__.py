"""Links that cannot rot: in the repository, in the built site, in a folder on a disk, and on the network.

Readers (`in_markdown`, `in_notebook`, `in_html`, `nav`) turn text into plain records; checkers (`repository`,
`site`) judge the records against a set of paths; `online` asks other hosts. On the command line:
`python -m sitekit.links --help`.
"""

from __future__ import annotations

from pathlib import Path

from sitekit.links import repository, site
from sitekit.links.online import Answer, check_online
from sitekit.links.records import External, Fault, Place, Report
from sitekit.links.tree import walk

__all__ = [
    "Answer",
    "External",
    "Fault",
    "Place",
    "Report",
    "check_offline",
    "check_online",
    "check_repository",
    "check_site",
    "collect_external",
    "files_of",
    "report_repository",
    "report_site",
]


def files_of(root: Path) -> list[str]:
    """The files below `root` that links may lead to: all but Git's own and those that it ignores."""
    return sorted(walk(root, repository.ignored_by_git(root)).files)


def report_repository(root: Path) -> Report:
    """Check the sources below `root`: the pages at the root, in docs/, labs/ and pebble/, and the nav."""
    return repository.check(repository.read_repository(root))


def report_site(folder: Path, base: str | None = "/") -> Report:
    """Check a built site, served at `base`, or opened from its folder if `base` is None."""
    return site.check(site.read_site(folder, base))


def check_repository(root: Path) -> list[Fault]:
    """The broken links of the sources, as a code host and the site would follow them."""
    return report_repository(root).faults


def check_site(folder: Path, base: str = "/") -> list[Fault]:
    """The broken links of a built site that a server has at `base`, such as "/handbook/"."""
    return report_site(folder, base).faults


def check_offline(folder: Path) -> list[Fault]:
    """The broken links of a site that is opened from a folder on a disk."""
    return report_site(folder, base=None).faults


def collect_external(root: Path) -> list[External]:
    """The external addresses in the sources, for `check_online`."""
    return report_repository(root).externals
