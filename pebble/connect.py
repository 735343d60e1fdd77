"""The first cell of every lab: which model answers, told to the official clients through their own variables.

    where = connect()         # before `import ollama`, whose functions read OLLAMA_HOST when it is imported
    openai.OpenAI()           # ... and this reads OPENAI_BASE_URL and OPENAI_API_KEY when it is made
    where.model               # the name to ask for
    where.close()             # stops Pebble's server and puts the variables back

Without more words the learner's own Ollama answers if it runs and has the model, else Pebble. The variables
LAB_SERVICE ("pebble", "ollama" or "openai"), LAB_MODEL and LAB_EMBEDDING_MODEL choose otherwise, and the
arguments of the same names before them. An API that costs money answers only to those who chose it.
"""

import atexit
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

OLLAMA_MODEL = "gemma4:e2b"  # small enough for most laptops, and calls tools
OPENAI_URL, OPENAI_MODEL = "https://api.openai.com/v1", "gpt-6-luna"
PATIENCE = 5  # seconds for a server to say what it has
THIS_COMPUTER = ("127.0.0.1", "localhost")  # a company's proxy knows nothing of servers here


class NoConnection(Exception):
    """No model can answer. The message says why and what to do; notebooks show it without a traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for this
        return [f"NoConnection: {self}"]


class _NotRunning(NoConnection):
    """There is no server at all."""


@dataclass
class Connection:
    """Who answers.

    service: "pebble", "ollama" or "openai" (any server that speaks OpenAI's protocol).
    url: the server, without the /v1 of OpenAI's protocol. model, embedding_model: what to ask it for.
    embedding_base_url: where to ask for embeddings (with the /v1) if another server gives those.
    """

    service: str
    url: str
    model: str
    embedding_model: str
    embedding_base_url: str | None = None
    _undo: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def is_pebble(self) -> bool:
        return self.service == "pebble"

    def close(self) -> None:
        """Stop the server, if it is ours, and put the environment back as it was. May be called again."""
        self._undo.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_last: Connection | None = None


def connect(
    service: str | None = None,
    model: str | None = None,
    embedding_model: str | None = None,
    *,
    protocol: str = "openai",
    embeddings: bool = False,
) -> Connection:
    """Find who answers, tell the clients' environment variables, and print what to expect.

    protocol: "ollama" for a lab that needs Ollama's own; Ollama and Pebble speak both. "responses" for one
    that needs OpenAI's newer interface besides Chat Completions; not every server has it.
    embeddings: the lab needs them too; if the service gives none, Pebble's server does.
    A cell that is run again ends its earlier connection first. Raises NoConnection with what to do.
    """
    global _last
    if _last:
        _last.close()  # first, as it also puts back the variables that we read now
    service = service or os.environ.get("LAB_SERVICE") or ""
    model = model or os.environ.get("LAB_MODEL") or ""
    embedding_model = embedding_model or os.environ.get("LAB_EMBEDDING_MODEL") or ""
    match service:
        case "":
            here, words = _ollama_or_pebble(model, embedding_model, protocol)
        case "pebble":
            here, words = _pebble()
        case "ollama":
            here, words = _ollama(model, embedding_model, protocol)
        case "openai" if protocol != "ollama":
            here, words = _openai(model, embedding_model, protocol)
        case "openai":
            raise NoConnection(
                "This lab speaks Ollama's protocol, and LAB_SERVICE is openai. Unset it for this lab."
            )
        case _:
            raise NoConnection(f'LAB_SERVICE is "{service}". It may be pebble, ollama or openai.')
    atexit.register(here.close)
    here._undo.callback(atexit.unregister, here.close)
    _last = here
    if embeddings and not here.is_pebble:
        words += _embed_here(here)
    print(words)
    return here


# --- the three services --------------------------------------------------------------------------


def _ollama_or_pebble(model: str, embedding_model: str, protocol: str) -> tuple[Connection, str]:
    """Ollama if it is running and has the model; else Pebble, and why."""
    named = "OLLAMA_HOST" in os.environ
    try:
        return _ollama(model, embedding_model, protocol)
    except NoConnection as reason:
        here, words = _pebble()
        if isinstance(reason, _NotRunning) and not named:
            return here, words  # the usual case, and not worth a word
        return here, f"{reason}\n\n{words}"


def _pebble() -> tuple[Connection, str]:
    from pebble import server  # only now: who has another model need not load this one

    undo = ExitStack()
    engine = server.load()
    url = undo.enter_context(server.running(engine))
    here = Connection("pebble", url, "pebble", "all-minilm", _undo=undo)
    _set(here, OLLAMA_HOST=url, OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY="none")
    size = f"{engine.parameters / 1e6:.1f} million weights"
    return here, (
        f"Pebble answers: {size}, a window of {engine.window} tokens, running inside this notebook.\n"
        "It is a toy. It knows a glossary, some small talk, and how to read, extract and call tools;\n"
        "of the world it knows nothing. To have a larger model answer, install Ollama\n"
        f"(https://ollama.com), run `ollama pull {OLLAMA_MODEL}`, and run this cell again."
    )


def _ollama(model: str, embedding_model: str, protocol: str) -> tuple[Connection, str]:
    url = _ollama_url()
    names = _names_of_ollama(url)
    if names is None:
        raise _NotRunning(f"No Ollama answers at {url}. Start it with `ollama serve`, or set OLLAMA_HOST.")
    here = Connection("ollama", url, model or OLLAMA_MODEL, embedding_model or "all-minilm")
    if not _has(names, here.model):
        others = f"\nOr set LAB_MODEL to one that it has: {', '.join(names)}" if names else ""
        raise NoConnection(f"Ollama has no model {here.model}. Fetch it: ollama pull {here.model}{others}")
    if protocol == "responses":
        _check_responses(f"{url}/v1")
    _set(here, OLLAMA_HOST=url, OPENAI_BASE_URL=f"{url}/v1", OPENAI_API_KEY="ollama")
    words = f"Ollama at {url} answers with {here.model}. Its words will differ from those stored here."
    if not _has(names, here.embedding_model):
        words += f"\nFor embeddings it lacks a model. Fetch it: ollama pull {here.embedding_model}"
    return here, words


def _openai(model: str, embedding_model: str, protocol: str) -> tuple[Connection, str]:
    key = os.environ.get("OPENAI_API_KEY", "")
    base = os.environ.get("OPENAI_BASE_URL", OPENAI_URL).rstrip("/")
    if not key:
        raise NoConnection(
            "LAB_SERVICE is openai, and OPENAI_API_KEY is not set. Set it before you start Jupyter "
            "(never in a notebook); a server on your own computer takes any value."
        )
    names = _ask(f"{base}/models", lambda reply: [entry["id"] for entry in reply["data"]], key)
    if names is None:
        raise _NotRunning(f"Nothing answers at {base}. Is the server running? Check OPENAI_BASE_URL.")
    if protocol == "responses":
        _check_responses(base, key)
    if not model:  # a server of one's own serves what it was started with
        model = OPENAI_MODEL if base == OPENAI_URL or not names else names[0]
    here = Connection("openai", base.removesuffix("/v1"), model, embedding_model or "text-embedding-3-small")
    _set(here, OPENAI_BASE_URL=base)
    words = f"The API at {base} answers with {model}. Its words will differ from those stored here."
    if urlsplit(base).hostname not in THIS_COMPUTER:
        words += "\nEvery call may cost money: see the provider's prices."
    return here, words


# --- small parts ---------------------------------------------------------------------------------


def _set(here: Connection, **variables: str) -> None:
    """Set environment variables, and have `here.close()` put the old values back."""
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    variables["no_proxy"] = ",".join([*filter(None, direct.split(",")), *THIS_COMPUTER])
    for name, value in variables.items():
        before = os.environ.get(name)
        here._undo.callback(_restore, name, before)
        os.environ[name] = value


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _ollama_url() -> str:
    """OLLAMA_HOST as a URL, read as Ollama's client does, but for 0.0.0.0: that is where a server listens."""
    host = os.environ.get("OLLAMA_HOST", "").strip()
    parts = urlsplit(host if "://" in host else f"http://{host}")
    usual = 443 if parts.scheme == "https" else 80 if "://" in host else 11434
    name = parts.hostname or "127.0.0.1"
    name = "127.0.0.1" if name == "0.0.0.0" else f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}:{parts.port or usual}{parts.path.rstrip('/')}"


def _names_of_ollama(url: str) -> list[str] | None:
    """The models that an Ollama has; None if there is no Ollama."""
    return _ask(f"{url}/api/tags", lambda reply: [entry["model"] for entry in reply["models"]])


def _has(names: list[str], model: str) -> bool:
    return model in names or f"{model}:latest" in names


def _check_responses(base: str, key: str = "none") -> None:
    """Raise NoConnection if the server at `base` has no Responses interface.

    It is sent an empty request: who has the interface finds fault with that (400 or 422), and nobody pays.
    """
    status = _post(f"{base}/responses", {}, key)
    if status in (404, 405, 501):
        raise NoConnection(
            f"The server at {base} speaks Chat Completions but not Responses ({status}), and this lab needs "
            "both.\nOpenAI, Ollama, vLLM and llama.cpp's own server have both in their newer versions. "
            "Or let Pebble answer: LAB_SERVICE=pebble."
        )


def _embed_here(here: Connection) -> str:
    """If the service gives no embeddings, have Pebble's server give them. Words about it, or none."""
    base, key = os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"]
    if _post(f"{base}/embeddings", {"model": here.embedding_model, "input": "Hello!"}, key) == 200:
        return ""
    from pebble import server

    url = here._undo.enter_context(server.running(server.load()))
    missing, here.embedding_model, here.embedding_base_url = here.embedding_model, "all-minilm", f"{url}/v1"
    return f"\nIt gives no embeddings by {missing}, so all-MiniLM-L6-v2 runs in this notebook for those."


def _post(url: str, body: dict[str, str], key: str) -> int:
    """The status of a server's answer; 0 if there is none in time."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def _ask(url: str, read: Callable[[Any], list[str]], key: str = "") -> list[str] | None:
    """What a server lists; None if nothing answers, or something that is no such server.

    Raises NoConnection if the server refuses the key. A list that is refused for another reason is empty.
    """
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return read(json.load(response))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 401 and key:
            raise NoConnection(
                f"{url} refuses the key in OPENAI_API_KEY (401). Is it whole, and of this service?"
            ) from None
        return [] if key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
