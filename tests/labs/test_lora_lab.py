"""What lab 05 promises beside what its run shows: its numbers agree with the pages, and it says what it cannot."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from colab_setup import commands_on_colab

from sitekit import notebooks
from sitekit.facts import generators

LAB = notebooks.ROOT / "labs" / "llms" / "05-lora-finetuning.ipynb"
GIGABYTES = re.compile(r"[\d,.]+ GB")


@cache
def source_of(cell_id: str) -> str:
    return str({cell.id: cell.source for cell in notebooks.read(LAB).cells}[cell_id])


def test_its_memory_is_that_of_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    """The lab must not import sitekit, so it counts once more: both ways come to the same gigabytes."""
    rows = generators(notebooks.ROOT)["training_memory"]("1 8 70").splitlines()
    by_method = [
        GIGABYTES.findall(row) for row in rows if row.startswith(("| Full, mixed", "| LoRA", "| QLoRA"))
    ]
    exec(source_of("memory"), {})
    by_size = [GIGABYTES.findall(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [list(row) for row in zip(*by_method, strict=True)] == by_size


def test_without_bitsandbytes_it_says_so_and_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise ImportError("Using `bitsandbytes` 4-bit quantization requires bitsandbytes.\nMore lines.")

    fake = SimpleNamespace(prepare_model_for_kbit_training=refuses, BitsAndBytesConfig=refuses)
    monkeypatch.setitem(sys.modules, "peft", fake)
    monkeypatch.setitem(sys.modules, "transformers", fake)
    exec(source_of("qlora"), {"torch": SimpleNamespace(float32=None)})
    assert capsys.readouterr().out == (
        "QLoRA does not run on this computer: ImportError: Using `bitsandbytes` 4-bit quantization requires"
        " bitsandbytes.\nYou can go on: nothing below needs it. A computer with an NVIDIA card runs it.\n"
    )


def test_a_script_that_fails_is_told_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "finetune.py").write_text("raise SystemExit('no such model: llamma')")
    names = {"Path": Path, "json": json, "os": os, "subprocess": subprocess, "sys": sys}
    names |= {"train_orders": [], "MODEL": "llamma"}
    with pytest.raises(RuntimeError, match="finetune.py failed:\nno such model: llamma"):
        exec(source_of("accelerate"), names)


def test_on_colab_it_installs_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    on_colab = source_of("setup").partition("\nos.environ[")[0]
    commands = commands_on_colab(on_colab, monkeypatch)
    assert [command[4:] for command in commands] == [
        ["--quiet", "peft>=0.18", "accelerate", "bitsandbytes"],
        ["--quiet", "--no-deps", "git+https://example.org/them/project"],
    ]
