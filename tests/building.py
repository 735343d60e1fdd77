"""Building the site in tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("docs", "labs", "pebble", "sitekit", "mkdocs.yml")


def mkdocs_build(root: Path, target: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the strict build as `make build` does, and give back what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(target)],
        cwd=root,
        env={**os.environ, "SITE_URL": "", "REPO_URL": "", "NO_MKDOCS_2_WARNING": "true", **settings},
        capture_output=True,
        text=True,
    )
