"""Sentence vectors over both protocols, from the real all-MiniLM-L6-v2 in pebble/embeddings.py."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pebble.embeddings import DIMENSIONS, MAX_PIECES, MAX_WORD, SentenceEncoder, WeightsError, find_model
from pebble.model import Array
from pebble.serving import openai_shared as shared
from pebble.serving.http import Answer
from pebble.serving.openai_shared import Object, Strict
from pebble.serving.refusal import Refused

NAME = "all-minilm"
NAMES = (NAME, "all-minilm:latest", "all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
BATCH = 4  # texts between two looks at whether the client is still there, under a second; more is not faster


def find() -> None:
    """Look for the encoder's weights. Raises Refused, with what to install, if they are not there."""
    with _explained():
        find_model()


def load() -> SentenceEncoder:
    """The encoder. Raises Refused, with what to install, if its weights are not there or are damaged."""
    with _explained():
        return SentenceEncoder.load()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except WeightsError as error:
        # of its lines, the last says what to do; others name folders of this machine
        message = f"The embedding model is not installed here. {str(error).splitlines()[-1]}"
        raise Refused(501, message, code="model_not_installed") from error


class Embedder:
    """Loads the encoder when it is first needed. Tests may give others than `find` and `load`."""

    def __init__(self, find: Callable[[], None] = find, load: Callable[[], Any] = load) -> None:
        self._find, self._load, self._encoder, self._lock = find, load, None, Lock()

    @property
    def encoder(self) -> Any:
        """The encoder. Raises Refused, with what to install, if its weights are not there."""
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
        return self._encoder

    @property
    def loaded(self) -> bool:
        return self._encoder is not None

    @property
    def available(self) -> bool:
        """Is the encoder loaded, or could it be?"""
        try:
            self._find()
        except Refused:
            return False
        return True

    def beginning(self, text: str) -> str:
        """As much of a text as holds all pieces that are read: to cut up a whole book takes very long."""
        size = 4096
        while size < len(text) and len(self.encoder.tokenize(text[:size])) <= MAX_PIECES + MAX_WORD:
            size *= 4  # the last word, cut in two, may have become MAX_WORD pieces of another kind
        return text[:size]

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[int, Array]]:
        """Tokens read and vectors [B, 384], a batch at a time. What is beyond MAX_PIECES is not read."""
        for start in range(0, len(texts), BATCH):
            batch = [self.beginning(text) for text in texts[start : start + BATCH]]
            read = sum(min(len(self.encoder.tokenize(text)), MAX_PIECES) for text in batch)
            yield read, self.encoder.encode(batch)


def check_model(model: str) -> None:
    if model not in NAMES:
        message = f"The model '{model}' does not exist or makes no embeddings. This server's is '{NAME}'."
        raise Refused(404, message, param="model", code="model_not_found")


# --- OpenAI: /v1/embeddings ---


class Request(Strict):
    model_config = {**Strict.model_config, "extra": "forbid"}

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    user: Any = None


def handle_openai(embedder: Embedder, body: bytes) -> Answer:
    request = Request.model_validate_json(body)
    check_model(request.model)
    given = [request.input] if isinstance(request.input, str) else request.input
    if not given or len(given) > 2048 or "" in given:
        message = "'input' must be a text, or 1 to 2048 texts, none of them empty."
        raise Refused(400, message, param="input", code="invalid_value")
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        message = (
            "This server's embedding model has its own tokens: send 'input' as text, not as token numbers."
        )
        raise Refused(400, message, param="input", code="invalid_value")
    if request.dimensions not in (None, DIMENSIONS):
        message = (
            f"This model's embeddings have {DIMENSIONS} dimensions; it does not support specifying others."
        )
        raise Refused(400, message, param="dimensions")
    return Answer(_openai(embedder, texts, request.encoding_format == "base64"), heavy=True)


def _openai(embedder: Embedder, texts: list[str], encoded: bool) -> Iterator[Object | None]:
    data: list[Object] = []
    tokens = 0
    for count, vectors in embedder.batches(texts):
        tokens += count
        for vector in vectors:
            shown = base64.b64encode(vector.astype("<f4").tobytes()).decode() if encoded else vector.tolist()
            data.append({"object": "embedding", "index": len(data), "embedding": shown})
        yield None
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    yield {"object": "list", "data": data, "model": NAME, "usage": usage}


# --- Ollama: /api/embed, and /api/embeddings of older clients ---


class EmbedRequest(shared.Strict):
    model: str
    input: str | list[str] = Field(default_factory=list)
    truncate: bool | None = None
    dimensions: int | None = None


class EmbeddingsRequest(shared.Strict):
    model: str
    prompt: str = ""


def handle_embed(embedder: Embedder, body: bytes) -> Answer:
    request = EmbedRequest.model_validate_json(body)
    check_model(request.model)
    texts = [request.input] if isinstance(request.input, str) else request.input
    size = request.dimensions or DIMENSIONS
    return Answer(_embed(embedder, texts, request.truncate is not False, size), heavy=True)


def _embed(embedder: Embedder, texts: list[str], truncate: bool, size: int) -> Iterator[Object | None]:
    begin = time.perf_counter_ns()
    starts = [] if truncate else map(embedder.beginning, texts)
    if any(len(embedder.encoder.tokenize(start)) > MAX_PIECES for start in starts):
        raise Refused(400, f"the input length exceeds the context length of {MAX_PIECES} tokens")
    loaded = time.perf_counter_ns()
    rows: list[list[float]] = []
    tokens = 0
    for count, vectors in embedder.batches(texts):
        tokens += count
        cut = vectors[:, :size] if 0 < size < DIMENSIONS else vectors
        rows += (cut / np.linalg.norm(cut, axis=1, keepdims=True)).tolist()
        yield None
    timings = {"total_duration": time.perf_counter_ns() - begin, "load_duration": loaded - begin}
    yield {"model": NAME, "embeddings": rows, **timings, "prompt_eval_count": tokens}


def handle_embeddings(embedder: Embedder, body: bytes) -> Answer:
    request = EmbeddingsRequest.model_validate_json(body)
    check_model(request.model)
    return Answer(_embedding(embedder, request.prompt), heavy=True)


def _embedding(embedder: Embedder, prompt: str) -> Iterator[Object]:
    vectors = [vector for _, batch in embedder.batches([prompt] if prompt else []) for vector in batch]
    yield {"embedding": vectors[0].tolist() if vectors else []}
