"""What the theme's templates show around a page: layer bar, opening box, lab tools.

Plain dictionaries and lists, made from topics and paths; URLs come from a function that the adapter gives.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from sitekit.layers import Lab, Layer, Topic, is_page, minutes, source_uri

# The URL and the title of a source file (named as MkDocs names it), or None if there is no such page.
Find = Callable[[str], tuple[str, str] | None]


def layer_bar(topic: Topic, current: Layer, find: Find) -> list[dict[str, Any]]:
    """The five layers of a topic, as the bar on top of each page shows them."""
    return [
        {
            "code": layer.code,
            "kind": layer.kind,
            "url": _url(find, layer),
            "ready": layer.ready,
            "current": layer is current,
            "steps": " ".join(steps_of(topic, layer)),
        }
        for layer in topic.layers
    ]


def _url(find: Find, layer: Layer) -> str:
    page = find(source_uri(layer.path))
    assert page, layer.path  # a topic has all its files, see read_topic
    return page[0]


def opening(layer: Layer, find: Find) -> dict[str, Any]:
    """What the reader will be able to do, should know first, and how long it takes."""
    folder = posixpath.dirname(source_uri(layer.path))
    known = []
    for item in layer.front.prerequisites:
        uri = posixpath.normpath(posixpath.join(folder, item)).removeprefix("../docs/")
        page = find(uri) if is_page(item) else None
        known.append({"text": page[1] if page else item, "url": page[0] if page else None})
    time = minutes(layer.minutes) if layer.minutes else ""
    return {"objectives": layer.front.objectives, "prerequisites": known, "minutes": time}


def lab_of(topic: Topic, uri: str) -> Lab | None:
    """The lab whose notebook MkDocs names `uri`."""
    return next((lab for lab in topic.labs if uri == f"../labs/{topic.name}/{lab.file}"), None)


def steps_of(topic: Topic, layer: Layer) -> dict[str, str]:
    """What a reader can tick off in a layer, path and title: its page if it is ready; in L3, each lab."""
    if layer.code == "L3":
        return {f"labs/{topic.name}/{lab.file}": lab.title for lab in topic.labs if lab.ready}
    return {layer.path: layer.front.title} if layer.ready else {}


def steps(topics: dict[str, Topic]) -> list[dict[str, Any]]:
    """Everything that a reader can tick off, topic by topic."""
    return [
        {
            "topic": topic.name,
            "title": topic.title,
            "steps": [
                {"id": path, "title": title}
                for layer in topic.layers
                for path, title in steps_of(topic, layer).items()
            ],
        }
        for topic in topics.values()
    ]
