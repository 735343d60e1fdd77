"""A folder's files as a set of paths, so that the checks are pure and as strict about case as a server is."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from sitekit.links.addresses import nearest_path


@dataclass(frozen=True)
class Tree:
    """Paths relative to the tree's root, with `/`; the root itself is the empty path."""

    files: frozenset[str]

    @cached_property
    def folders(self) -> frozenset[str]:
        found = {""}
        for file in self.files:
            while (file := posixpath.dirname(file)) not in found:
                found.add(file)
        return frozenset(found)

    def nearest(self, path: str) -> str | None:
        """The file, or the folder with its closing slash, that was probably meant by `path`."""
        near = nearest_path(path, self.files | self.folders - {""})
        return near + "/" if near in self.folders else near


def walk(root: Path, ignored: GitIgnoreSpec | None = None) -> Tree:
    """All files below `root` but Git's own and those that it ignores."""
    ignored = ignored or GitIgnoreSpec([])
    files: set[str] = set()
    for folder, subfolders, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        paths = {name: (inside / name).as_posix() for name in (*subfolders, *names)}
        subfolders[:] = [
            name for name in subfolders if name != ".git" and not ignored.match_file(paths[name] + "/")
        ]
        files.update(paths[name] for name in names if not ignored.match_file(paths[name]))
    return Tree(frozenset(files))


def resolve(source: str, path: str) -> str:
    """Where a relative path leads from the file `source`; it begins with `..` where it leaves the tree."""
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(source), path)) if path else source
    return "" if resolved == "." else resolved


def leaves(resolved: str) -> bool:
    return resolved.split("/")[0] == ".."


def relative(path: str, source: str, like: str = "") -> str:
    """The path as `source` links to it, with `./` if the author writes it so."""
    slash = "/" if path.endswith("/") else ""
    found = posixpath.relpath(path, posixpath.dirname(source)) + slash
    return f"./{found}" if like.startswith("./") and not found.startswith(".") else found
