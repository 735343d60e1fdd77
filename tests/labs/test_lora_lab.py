"""What lab 05 promises beside what its run shows: its numbers agree with the pages, and it says what it cannot."""

import json
import math
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from colab_setup import commands_on_colab
from transformers import BatchEncoding

from sitekit import notebooks
from sitekit.facts import generators

LAB = notebooks.ROOT / "labs" / "llms" / "05-lora-finetuning.ipynb"
GIGABYTES = re.compile(r"[\d,.]+ GB")


@cache
def source_of(cell_id: str) -> str:
    return str({cell.id: cell.source for cell in notebooks.read(LAB).cells}[cell_id])


def test_its_memory_is_that_of_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    """The lab must not import sitekit, so it counts once more: both ways come to the same gigabytes.

    The overview's table has round sizes; here the same code is asked for the sizes that the shapes give.
    """
    lab: dict[str, Any] = {}
    exec(source_of("memory"), lab)
    sizes = " ".join(f"{sum(lab['base_weights'](size)) / 1e9}" for size in lab["SHAPES"])
    rows = generators(notebooks.ROOT)["training_memory"](sizes).splitlines()
    by_method = [
        GIGABYTES.findall(row) for row in rows if row.startswith(("| Full, mixed", "| LoRA", "| QLoRA"))
    ]
    by_size = [GIGABYTES.findall(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [list(row) for row in zip(*by_method, strict=True)] == by_size


def test_its_shapes_have_the_weights_of_the_models() -> None:
    """Llama 3.2 1B, 3.1 8B and 3.1 70B as published, with the norms, which the lab leaves out."""
    lab: dict[str, Any] = {}
    exec(source_of("memory"), lab)
    published = {"1B": 1_235_814_400, "8B": 8_030_261_248, "70B": 70_553_706_496}
    for size, weights in published.items():
        layers, width = lab["SHAPES"][size][:2]
        assert sum(lab["base_weights"](size)) + (2 * layers + 1) * width == weights


def test_a_merge_in_place_is_right_too(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"math": math, "nn": torch.nn, "torch": torch}
    exec(source_of("by-hand").partition("\n\n\ndef ")[0], names)
    exec(source_of("checks"), names)
    names["check_2"](lambda W, A, B, scale: W.add_(scale * B @ A))
    assert capsys.readouterr().out == "Exercise 2: right.\n"


def test_a_model_may_come_with_its_tokenizer_and_its_device() -> None:
    """What section 10 promises: the questions go to the model's device, in its own words."""

    class Tokenizer:
        def apply_chat_template(self, chat: list[dict[str, str]], **_: Any) -> str:
            return chat[0]["content"]

        def __call__(self, texts: list[str], **_: Any) -> BatchEncoding:
            return BatchEncoding(
                {name: torch.ones(len(texts), 3) for name in ("input_ids", "attention_mask")}
            )

        def batch_decode(self, ids: torch.Tensor, **_: Any) -> list[str]:
            return ["number: 1; things: hats; name: Ann; price: 9"] * len(ids)

    class Model:
        device = torch.device("meta")  # not the processor, and there on every computer

        def generate(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> torch.Tensor:
            assert input_ids.device == attention_mask.device == self.device
            return torch.ones(len(input_ids), 5, device=self.device)

    names: dict[str, Any] = {"re": re, "torch": torch, "tokenizer": None}
    exec(source_of("before").partition("\n\n\nform_before")[0], names)
    pairs = [("One hat for Ann.", "number: 1; things: hats; name: Ann; price: 9")] * 2
    assert names["measure"](Model(), pairs, tokenizer=Tokenizer())[:2] == (1, 1)


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
