"""Find a Chromium for the browser tests; run as a program, also install one where none is.

Looked for in this order: the environment's CHROMIUM, a browser on PATH, Playwright's own download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ADVICE = (
    "No Chromium was found for the browser tests. Install one (Debian, Ubuntu: apt-get install chromium), "
    "or name yours: CHROMIUM=/path/to/chromium make test"
)


def find() -> str | None:
    """The path of a Chromium, or None. A CHROMIUM that names nothing runnable ends the program."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named) or sys.exit(
            f"CHROMIUM={named}: no such program; mend the path or unset it"
        )
    return next(filter(None, map(shutil.which, NAMES)), None) or _downloaded()


def _downloaded() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> bool:
    """Install Debian's package where that is possible, else let Playwright download its own."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempts.insert(0, ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
        subprocess.run(["apt-get", "update", "-qq"], check=False)
    return any(subprocess.run(command, check=False).returncode == 0 and find() for command in attempts)


if __name__ == "__main__":
    if not find():
        print("Installing Chromium for the browser tests ...")
        if not install():
            sys.exit(ADVICE)
