"""Topics as Markdown: the tables and the list of doors that pages show, filled in place by cog."""

from __future__ import annotations

from pathlib import Path

from sitekit.layers import Topic, minutes


def layer_table(topic: Topic) -> str:
    """The topic's layers as a Markdown table, with links that work from its L0 page."""
    rows = ["| Layer | Page | What it gives you | Time | Status |", "|---|---|---|---|---|"]
    for layer in topic.layers:
        code = layer.code
        link = {"L0": "#overview", "L3": f"../../labs/{topic.name}/README.md"}.get(code)
        link = link or "./" + Path(layer.path).name
        title = "Overview" if code == "L0" else layer.front.title
        rows.append(
            f"| {code} {layer.kind} | [{title}]({link}) | {layer.front.summary} | {minutes(layer.minutes)} "
            f"| {'This page' if code == 'L0' else layer.status} |"
        )
    return "\n".join(rows) + "\n"


def doors(topic: Topic, docs: str, labs: str) -> str:
    """The topic's layers as a list for the landing page, which shows them as strata.

    `docs` and `labs` are the folders of the topic as the page links to them.
    """
    items = []
    for layer in topic.layers:
        folder = labs if layer.code == "L3" else docs
        title = layer.kind if layer.code == "L0" else layer.front.title
        time = "" if layer.status == "Pending" else f" ({minutes(layer.minutes)})"
        note = "" if layer.status == "Ready" else f" *{layer.status}.*"
        link = f"[{title}]({folder}{Path(layer.path).name})"
        items.append(f"1. **{layer.code} {link}**{time}. {layer.front.summary}{note}")
    return '<div class="doors" markdown="1">\n\n' + "\n".join(items) + "\n\n</div>\n"


def labs_table(topic: Topic, folder: str) -> str:
    """The topic's notebooks as a Markdown table; `folder` is the labs' folder as the page links to it."""
    if not topic.labs:
        return "No notebooks yet.\n"
    rows = ["| Notebook | Focus | Needs | Time | Status |", "|---|---|---|---|---|"]
    for lab in topic.labs:
        name = f"[`{lab.file}`]({folder}{lab.file})" if lab.ready else f"`{lab.file}`"
        status = "Ready" if lab.ready else "Pending"
        rows.append(f"| {name} | {lab.teaches} | {lab.needs} | {minutes(lab.minutes)} | {status} |")
    return "\n".join(rows) + "\n"
