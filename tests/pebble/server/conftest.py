"""Three servers: one with random weights, one whose model follows a script, and the real one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from server_fixtures import FakeEncoder, ScriptedModel, not_installed, script

from pebble import server
from pebble.model import Model
from pebble.serving.embedding import Embedder
from pebble.serving.engine import Engine
from pebble.tokenizer import WEIGHTS


@pytest.fixture(scope="session")
def small(model: Model) -> Model:
    """The tiny model with random weights of tests/pebble, with a context window that has room for tools."""
    return Model(replace(model.config, max_position_embeddings=512), model.weights, model.tokenizer)


@pytest.fixture(scope="session")
def scripted_engine(small: Model) -> Engine:
    return Engine(ScriptedModel(small, script))


@pytest.fixture(scope="session")
def random_url(small: Model) -> Iterator[str]:
    with server.running(Engine(small), embedder=Embedder(not_installed, not_installed)) as url:
        yield url


@pytest.fixture(scope="session")
def url(scripted_engine: Engine) -> Iterator[str]:
    with server.running(scripted_engine, embedder=Embedder(lambda: None, FakeEncoder)) as url:
        yield url


@pytest.fixture(scope="session")
def pebble_url() -> Iterator[str]:
    """The real weights, where they are."""
    if not (Path(WEIGHTS) / "model.safetensors").exists():
        pytest.skip("pebble/weights has no trained model: run make train")
    with server.running() as url:
        yield url
