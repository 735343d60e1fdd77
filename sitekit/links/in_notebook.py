"""Reads what links, and what can be linked to, out of a notebook: one page, many cells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sitekit.links.in_html import read_html
from sitekit.links.in_markdown import read_markdown
from sitekit.links.records import Complaint, Link, Page, Place


def read_notebook(text: str, where: Place) -> Page:
    """The links, headings and ids of a notebook's Markdown cells and HTML outputs."""
    page = Page()
    try:
        cells = json.loads(text)["cells"]
    except json.JSONDecodeError as error:
        complaint = Complaint(f"not JSON ({error.msg})", "open and save it in JupyterLab")
        page.faults.append(complaint.about(Link("{", where.down(error.lineno - 1), "notebook")))
        return page
    except (KeyError, TypeError):
        complaint = Complaint('no notebook: it has no "cells"', "open and save it in JupyterLab")
        page.faults.append(complaint.about(Link("{", where, "notebook")))
        return page
    for number, cell in enumerate(cells, 1):
        page.add(_read_cell(cell, replace(where, cell=number)))
    return page


def _read_cell(cell: dict[str, Any], where: Place) -> Page:
    page = Page()
    # the format stores a text as one string or as a list of lines: join takes both
    if cell.get("cell_type") == "markdown":
        page = read_markdown("".join(cell.get("source", "")), where)
        attached = {f"attachment:{name}" for name in cell.get("attachments", ())}
        page.links = [link for link in page.links if link.target not in attached]
    for output in cell.get("outputs", ()):
        html = "".join(output.get("data", {}).get("text/html", ""))
        page.add(read_html(html, replace(where, output=True)))
    return page
