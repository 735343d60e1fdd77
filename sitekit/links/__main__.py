"""Check the links of the repository or of a built site: prints one fault a line, and exits with 1 if any."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sitekit.links import Report, check_online, report_repository, report_site


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sitekit.links", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--root", type=Path, default=Path(), help="the repository (default: this folder)")
    where.add_argument("--site", type=Path, metavar="DIR", help="a built site, as a server has it")
    where.add_argument("--offline", type=Path, metavar="DIR", help="a built site, opened from its folder")
    parser.add_argument(
        "--base", default="/", metavar="PATH", help="where the server has the site (default: /)"
    )
    parser.add_argument("--online", action="store_true", help="ask the network for the external addresses")
    options = parser.parse_args(arguments)
    folder = options.site or options.offline or options.root
    if not folder.is_dir():
        parser.error(f"{folder}: no such folder; build the site first, with make build or make offline")
    if not (options.base.startswith("/") and options.base.endswith("/")):
        parser.error(f'--base "{options.base}": begin and end it with /, such as /handbook/')
    if folder is options.root:
        report = report_repository(folder)
    else:
        report = report_site(folder, options.base if options.site else None)
    if not report.files:
        parser.error(f"{folder}: no pages here; name the root of the repository, or a built site")
    return _ask(report) if options.online else _tell(report)


def _tell(report: Report) -> int:
    for fault in report.faults:
        print(fault)
    noun = "fault" if len(report.faults) == 1 else "faults"
    print(f"{len(report.faults)} {noun} in {report.files} files, {report.links} links")
    return bool(report.faults)


def _ask(report: Report) -> int:
    places: dict[str, list[str]] = {}
    for external in report.externals:
        places.setdefault(external.url.partition("#")[0], []).append(str(external.where))
    answers = check_online(places)
    for answer in answers:
        if answer.status != "alive":
            print(f"{', '.join(places[answer.url])}: {answer}")
    dead = sum(answer.status == "dead" for answer in answers)
    print(f"{dead} dead of {len(answers)} addresses")
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())
