"""A new topic: the files of its five layers, and its line in the nav. `make topic` runs this."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sitekit.layers import LAYERS, LayerError

PENDING = """\
---
title: {title}
topic: {topic}
layer: {layer}
summary: {summary}
{extra}objectives:
  - say what you will be able to do
---
"""


OVERVIEW = """\

# {title}

## Layer navigation

<!-- [[[cog layer_table("{topic}") ]]] -->
<!-- [[[end]]] -->

## Overview

To be written.
"""


def scaffold(root: Path, topic: str, title: str) -> list[str]:
    """Create a topic's files, all pending but L0, and its line in the nav. Returns the paths written.

    Raises LayerError if the name is not a plain folder name or the topic exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", topic):
        raise LayerError(
            f"topic name {topic!r}: use lower-case letters, digits and hyphens, like 'diffusion'"
        )
    if (root / "docs" / topic).exists():
        raise LayerError(f"docs/{topic}: this topic exists already; choose another name")
    title = title or topic.replace("-", " ").capitalize()
    written = []
    for code, (kind, pattern) in LAYERS.items():
        path = pattern.format(topic=topic)
        text = PENDING.format(
            title=_quoted({"L0": title, "L3": "Labs"}.get(code, f"{title}: {kind.lower()}")),
            topic=topic,
            layer=code,
            summary=_quoted(f"{kind} of {title}"),
            extra="labs: []\n" if code == "L3" else "minutes: 30\n",
        )
        if code == "L0":
            text += OVERVIEW.format(title=title, topic=topic)
        if code == "L3":
            text += f"\n# Labs\n\nNo labs yet. Back to [{title}](../../docs/{topic}/README.md).\n"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        written.append(path)
    config = root / "mkdocs.yml"
    config.write_text(_with_topic(config.read_text(encoding="utf-8"), topic), encoding="utf-8")
    return written


def _quoted(text: str) -> str:
    """A text as YAML, whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def _with_topic(config: str, topic: str) -> str:
    """mkdocs.yml with one more topic, after the last one of its nav."""
    lines = config.splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if re.fullmatch(r"  - [a-z0-9-]+/\s*(#.*)?\n", line))
    return "".join([*lines[: last + 1], f"  - {topic}/\n", *lines[last + 1 :]])


if __name__ == "__main__":
    try:
        paths = scaffold(Path.cwd(), sys.argv[1], " ".join(sys.argv[2:]))
    except LayerError as error:
        sys.exit(f"make topic: {error}")
    print("\n".join(paths), "Now run: make generate", sep="\n")
