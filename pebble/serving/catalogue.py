"""What is served: both protocols' lists and descriptions of models, and Ollama's "pull"."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict

from pebble.embeddings import DIMENSIONS, MAX_PIECES
from pebble.serving import embedding
from pebble.serving.embedding import Embedder
from pebble.serving.engine import NAME, Engine
from pebble.serving.http import Answer
from pebble.serving.refusal import Refused
from pebble.tokenizer import WEIGHTS

Object = dict[str, Any]


def version() -> str:
    try:
        return metadata.version("llms-in-layers")
    except metadata.PackageNotFoundError:  # run from a copy that nobody installed
        return "0.0.0"


# --- OpenAI ---


def models(engine: Engine, embedder: Embedder) -> Object:
    names = [NAME, embedding.NAME] if embedder.available else [NAME]
    return {"object": "list", "data": [model(engine, name) for name in names]}


def model(engine: Engine, name: str) -> Object:
    if name not in (NAME, f"{NAME}:latest", *embedding.NAMES):
        message = f"The model '{name}' does not exist. This server has '{NAME}' and '{embedding.NAME}'."
        raise Refused(404, message, param="model", code="model_not_found")
    return {"id": name, "object": "model", "created": int(engine.created), "owned_by": "llms-in-layers"}


# --- Ollama ---


class Named(BaseModel):
    """A request that names a model; older clients call the field `name`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    model: str = ""
    name: str = ""
    stream: bool | None = None

    def known(self) -> str:
        """Pebble's name or the embedding model's. Raises Refused for any other."""
        name = self.model or self.name
        if name in (NAME, f"{NAME}:latest"):
            return NAME
        if name in embedding.NAMES:
            return embedding.NAME
        message = (
            f"model '{name}' not found. This server has '{NAME}' and '{embedding.NAME}', and gets no others"
        )
        raise Refused(404, message)


def tags(engine: Engine, embedder: Embedder) -> Object:
    return {"models": [entry(engine)] + ([embedding_entry(engine)] if embedder.available else [])}


def running(engine: Engine, embedder: Embedder) -> Object:
    """Models in memory. Pebble is always, and stays: the date when it will be unloaded is far away."""
    forever = {"expires_at": "2318-11-24T00:00:00Z", "size_vram": 0}
    entries = [{**entry(engine), **forever, "context_length": engine.window}]
    if embedder.loaded:
        entries.append({**embedding_entry(engine), **forever, "context_length": MAX_PIECES})
    return {"models": entries}


def entry(engine: Engine) -> Object:
    name = f"{NAME}:latest"
    shown = {
        "name": name,
        "model": name,
        "modified_at": date(engine),
        "size": engine.size,
        "digest": engine.digest,
    }
    return {**shown, "details": details("llama", engine.parameters)}


def embedding_entry(engine: Engine) -> Object:
    name = f"{embedding.NAME}:latest"
    shown = {"name": name, "model": name, "modified_at": date(engine), "size": 90_868_376}
    return {**shown, "digest": "", "details": details("bert", 22_713_216)}


def details(family: str, parameters: int) -> Object:
    size = {"parameter_size": f"{parameters / 1e6:.1f}M", "quantization_level": "F32"}
    return {"parent_model": "", "format": "safetensors", "family": family, "families": [family], **size}


def date(engine: Engine) -> str:
    return datetime.fromtimestamp(engine.created, UTC).isoformat().replace("+00:00", "Z")


def show(engine: Engine, body: bytes) -> Answer:
    """Answer /api/show."""
    if Named.model_validate_json(body).known() == embedding.NAME:
        info = {"general.architecture": "bert", "bert.context_length": MAX_PIECES}
        info |= {"bert.embedding_length": DIMENSIONS}
        shown = {"details": details("bert", 22_713_216), "model_info": info, "capabilities": ["embedding"]}
        return Answer(iter([{"modelfile": "", "template": "", "modified_at": date(engine), **shown}]))
    config = engine.model.config
    info = {
        "general.architecture": "llama",
        "general.parameter_count": engine.parameters,
        "llama.context_length": config.max_position_embeddings,
        "llama.embedding_length": config.hidden_size,
        "llama.block_count": config.num_hidden_layers,
        "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.rope.freq_base": config.rope_theta,
        "llama.vocab_size": config.vocab_size,
    }
    reply = {
        "modelfile": f"FROM {NAME}\nPARAMETER temperature 0\n",
        "parameters": "temperature 0",
        "template": (WEIGHTS / "chat_template.jinja").read_text(encoding="utf-8"),
        "details": details("llama", engine.parameters),
        "model_info": info,
        "capabilities": ["completion", "tools"],
        "license": "MIT",
        "modified_at": date(engine),
    }
    return Answer(iter([reply]))


def pull(embedder: Embedder, body: bytes) -> Answer:
    """Answer /api/pull: the model is here already, or it will not come."""
    request = Named.model_validate_json(body)
    if request.known() == embedding.NAME:
        _ = embedder.encoder  # raises Refused, with what to install, if it is not here
    steps: Iterator[Object] = iter([{"status": "pulling manifest"}, {"status": "success"}])
    return Answer(steps, stream=request.stream is not False)
