"""The site for reading from a folder: no server, no network. `make offline` runs this.

Links name files, search carries its index in a script, and the whole is also packed as a .zip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

# For readers of Material's own source only; and without an address there is nothing that serves a 404.
NOT_NEEDED = ("*.map", "404.html", "search/search_index.json")


def build(root: Path, target: Path) -> None:
    """Build the site of the repository at `root` into the folder `target`, for `file://`.

    Raises subprocess.CalledProcessError if the strict build fails; MkDocs has then said why.
    """
    # an address would make pages point there
    settings = {**os.environ, "OFFLINE": "true", "SITE_URL": ""}
    # not --quiet: that would also silence, and so let pass, what strict mode is there to catch
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(target)]
    subprocess.run(command, cwd=root, env=settings, check=True)
    for pattern in NOT_NEEDED:
        for path in target.rglob(pattern):
            path.unlink()


def pack(folder: Path) -> Path:
    """Pack `folder` into a .zip beside it. The same content gives the same bytes, on any day."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"llms-in-layers/{path.relative_to(folder).as_posix()}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    return archive


if __name__ == "__main__":
    folder = Path("site-offline")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        build(Path.cwd(), folder)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    print(f"Open {folder}/index.html in a browser, or hand on {pack(folder)}")
