"""A lab's first cell, run as if on Colab, with nothing really installed."""

import sys

import pytest

REPO_URL = "https://example.org/them/project"


def commands_on_colab(cell: str, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the cell runs on Colab once it knows the repository, having first asked for its address."""
    commands: list[list[str]] = []
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr("subprocess.run", lambda command, check: commands.append(command))
    monkeypatch.setattr("os.chdir", lambda folder: commands.append([folder]))
    monkeypatch.delenv("REPO_URL", raising=False)
    with pytest.raises(SystemExit, match="REPO_URL"):
        exec(cell, {})
    assert commands == []
    monkeypatch.setenv("REPO_URL", REPO_URL)
    exec(cell, {})
    return commands
