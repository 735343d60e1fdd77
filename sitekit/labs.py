"""Notebooks as pages: labs/ lies beside docs/, and its pages join the same site.

MkDocs only knows files inside docs/. The trick is to name each lab by its true path relative to docs/,
`../labs/llms/03-embeddings.ipynb`: then MkDocs' own resolver finds what a page links to, in the form
that also works in the repository. mkdocs-jupyter renders the notebooks, through the small template in
docs/.notebook/; here its HTML gets what the site's Markdown has: links that are followed and
checked, images as files, the theme's code blocks and heading anchors.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from mkdocs.structure.files import File, Files, InclusionLevel

IMAGES = {"image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}
PUBLISHED = (".ipynb", ".md", ".svg", ".png", ".jpg", ".csv", ".json")


class LabError(Exception):
    """A notebook that cannot be published, told with cell, reason and remedy."""


# --- files ---------------------------------------------------------------------------------------


class RepositoryFiles(Files):
    """Files that resolve links as a code host does: a folder is its README, and `../docs/x` is `x`."""

    def get_file_from_path(self, path: str) -> File | None:
        path = posixpath.normpath(path).removeprefix("../docs/")
        names = (path, f"{path}/README.md", f"{path}/index.md")
        find = super().get_file_from_path
        return next((file for name in names if (file := find(name))), None)


def lab_files(labs: Path, config: Any) -> Iterator[File]:
    """Every publishable file below `labs`, named relative to docs/."""
    for path in sorted(labs.rglob("*")):
        relative = path.relative_to(labs).as_posix()
        if path.suffix in PUBLISHED and not any(part.startswith((".", "_")) for part in relative.split("/")):
            yield File(f"../labs/{relative}", config.docs_dir, config.site_dir, config.use_directory_urls)


def place_in_site(file: File) -> None:
    """Give a lab its place under /labs/, instead of outside the site."""
    file.dest_uri = file.dest_uri.removeprefix("../")
    for cached in ("url", "abs_dest_path"):
        file.__dict__.pop(cached, None)
    # MkDocs excludes paths that begin with a dot, and `../labs` does.
    file.inclusion = InclusionLevel.INCLUDED


# --- outputs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Image:
    """An image that a cell printed: its bytes, its alt text, and its size in CSS pixels if known."""

    name: str
    content: bytes
    alt: str
    size: tuple[int, int] | None

    def html(self, folder: str) -> str:
        size = ' width="{}" height="{}"'.format(*self.size) if self.size else ""
        return f'<img src="{folder}{self.name}" alt="{escape(self.alt)}"{size} loading="lazy">'


def read_images(path: Path, name: str) -> dict[str, Image]:
    """The images in a notebook's outputs, keyed `cell.output` as the template numbers them (from 1).

    Raises LabError for a notebook that is not JSON, has an error among its outputs, or an image without
    alt text (`"alt"` in the cell's metadata).
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{name}: not a notebook ({error}); open and save it in JupyterLab") from None
    images = {}
    for i, cell in enumerate(cells, 1):
        for j, output in enumerate(cell.get("outputs", ()), 1):
            if output["output_type"] == "error":
                said = f"{output['ename']}: {output['evalue']}"
                raise LabError(
                    f"{name}, cell {i}: the stored output is an error, {said}; "
                    "mend the cell, then run: make run-labs"
                )
            image = _image(output.get("data", {}), cell["metadata"].get("alt", ""))
            if image and not image.alt:
                raise LabError(
                    f"{name}, cell {i}: its image has no alt text; "
                    'say what it shows in the cell\'s metadata, as "alt": "…"'
                )
            if image:
                images[f"{i}.{j}"] = image
    return images


def _image(data: dict[str, Any], alt: str) -> Image | None:
    for kind, suffix in IMAGES.items():
        if kind in data:
            text = "".join(data[kind])
            content = text.encode() if suffix == ".svg" else base64.b64decode(text)
            size = svg_size(text) if suffix == ".svg" else png_size(content)
            return Image(hashlib.sha256(content).hexdigest()[:12] + suffix, content, alt, size)
    return None


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height from a PNG's header, in pixels."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def svg_size(text: str) -> tuple[int, int] | None:
    """Width and height of an SVG from its viewBox, in CSS pixels."""
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', text)
    return (round(float(box[1])), round(float(box[2]))) if box else None


def image_files(images: Iterable[Image], page: File, config: Any) -> Iterator[File]:
    """The images of a notebook as files of the site, in a folder beside its page."""
    for image in images:
        file = File.generated(config, image_folder(page) + image.name, content=image.content)
        file.inclusion = InclusionLevel.INCLUDED
        yield file


def image_folder(page: File) -> str:
    """`labs/llms/03-embeddings/`: where the images of a notebook live in the site."""
    return page.src_uri.removeprefix("../").removesuffix(".ipynb") + "/"


# --- HTML ----------------------------------------------------------------------------------------


def finish(html: str, images: dict[str, Image], folder: str) -> str:
    """The HTML that our notebook template gives, made like the HTML of the site's Markdown pages."""
    html = re.sub(r'<lab-image key="([\d.]+)"></lab-image>', lambda m: images[m[1]].html(folder), html)
    # mkdocs-jupyter ends with a style, repeats code for its copy button, names blocks after JupyterLab
    html = re.sub(r"\s*<style>.*?</style>\s*\Z", "", html, flags=re.DOTALL)
    html = re.sub(r'<div[^>]*class="clipboard-copy-txt"[^>]*>.*?</div>\n?', "", html, flags=re.DOTALL)
    block = re.compile(r'<div class="highlight[^"]*"><pre>(?:<span></span>)?(.*?)\n?</pre></div>', re.DOTALL)
    html = block.sub(
        lambda m: f'<div class="highlight"><pre><code>{plain_quotes(m[1])}\n</code></pre></div>', html
    )
    return re.sub(r'<a class="anchor-link" href="[^"]+">(¶|&#182;)</a>', "", html)  # page.js makes those


def plain_quotes(text: str) -> str:
    """Quotation marks between tags as themselves: code is full of them."""
    return text.replace("&quot;", '"').replace("&#39;", "'")


LINK = re.compile(r'(<(?:a|img)\b[^>]*?\s(?:href|src)=")([^"]*)(")')


def rewrite_links(html: str, source: str, resolve: Callable[[str], str | None]) -> tuple[str, list[str]]:
    """Turn links between source files into links between pages.

    `source` is the notebook as MkDocs names it; `resolve` gives the site's URL of a source file, or None.
    Returns the HTML and the targets that could not be resolved.
    """
    lost = []

    def replace(match: re.Match[str]) -> str:
        url = urlsplit(match[2])
        if url.scheme or url.netloc or not url.path:
            return match[0]
        target = resolve(posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(url.path))))
        if target is None:
            lost.append(match[2])
            return match[0]
        return match[1] + urlunsplit(url._replace(path=target)) + match[3]

    return LINK.sub(replace, html), lost


def colab_url(repo_url: str | None, path: str) -> str | None:
    """Where Colab opens the notebook at `path`; None if the repository is not on GitHub or not known."""
    parts = urlsplit(repo_url or "")
    if parts.hostname != "github.com":
        return None
    return f"https://colab.research.google.com/github{parts.path.rstrip('/')}/blob/main/{path}"
