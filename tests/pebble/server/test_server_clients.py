"""What people plug into such servers: LangChain, LlamaIndex, and the `llm` command line.

They are an extra of their own: pip install -e '.[clients]'
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ollama
import pytest

# their warnings are not ours to mend
pytestmark = pytest.mark.filterwarnings("ignore")

CLOSE = {"Connection": "close"}  # some of them have no way to close a connection


def needed(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[clients]'")


def weather(town: str) -> str:
    """weather of a town"""
    return f"rain in {town}"


def test_langchain_over_openai(url: str) -> None:
    model = needed("langchain_openai").ChatOpenAI(
        base_url=f"{url}/v1", api_key="none", model="pebble", default_headers=CLOSE
    )
    assert model.invoke("Hello!").content == "You said: Hello!"
    assert "".join(chunk.content for chunk in model.stream("Hello!")) == "You said: Hello!"
    [call] = model.bind_tools([weather]).invoke("weather?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"town": "Bern"})
    embedder = needed("langchain_openai").OpenAIEmbeddings(
        base_url=f"{url}/v1",
        api_key="none",
        model="all-minilm",
        check_embedding_ctx_length=False,
        default_headers=CLOSE,
    )
    assert [len(vector) for vector in embedder.embed_documents(["a", "b"])] == [384, 384]


def test_langchain_writes_a_pydantic_class(random_url: str) -> None:
    from pydantic import BaseModel, Field

    class Answer(BaseModel):
        number: int = Field(ge=0, le=9)

    model = needed("langchain_openai").ChatOpenAI(
        base_url=f"{random_url}/v1", api_key="none", model="pebble", default_headers=CLOSE
    )
    for method in ("json_schema", "function_calling"):
        reply = model.with_structured_output(Answer, method=method).invoke("Hello!")
        assert isinstance(reply, Answer)


def test_langchain_over_ollama(url: str) -> None:
    model = needed("langchain_ollama").ChatOllama(
        base_url=url, model="pebble", client_kwargs={"headers": CLOSE}
    )
    assert model.invoke("Hello!").content == "You said: Hello!"
    assert "".join(chunk.content for chunk in model.stream("Hello!")) == "You said: Hello!"
    [call] = model.bind_tools([weather]).invoke("weather?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"town": "Bern"})


def test_llama_index_over_openai(url: str) -> None:
    model = needed("llama_index.llms.openai_like").OpenAILike(
        model="pebble",
        api_base=f"{url}/v1",
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    chat = needed("llama_index.core.llms").ChatMessage(role="user", content="Hello!")
    assert model.chat([chat]).message.content == "You said: Hello!"
    assert [part.message.content for part in model.stream_chat([chat])][-1] == "You said: Hello!"
    tool = needed("llama_index.core.tools").FunctionTool.from_defaults(weather)
    reply = model.chat_with_tools([tool], user_msg="weather?")
    [call] = model.get_tool_calls_from_response(reply)
    assert (call.tool_name, call.tool_kwargs) == ("weather", {"town": "Bern"})


def test_llama_index_over_ollama(url: str) -> None:
    client = ollama.Client(url, headers=CLOSE)
    model = needed("llama_index.llms.ollama").Ollama(model="pebble", client=client)
    chat = needed("llama_index.core.llms").ChatMessage(role="user", content="Hello!")
    assert model.chat([chat]).message.content == "You said: Hello!"
    assert [part.message.content for part in model.stream_chat([chat])][-1] == "You said: Hello!"


def test_the_llm_command_line(url: str, tmp_path: Path) -> None:
    if find_spec("llm") is None:
        pytest.skip("llm is not installed: pip install -e '.[clients]'")
    entry = {"model_id": "stone", "model_name": "pebble", "api_base": f"{url}/v1", "supports_tools": True}
    models = tmp_path / "extra-openai-models.yaml"
    models.write_text(json.dumps([entry]), encoding="utf-8")  # JSON is YAML
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "none"}

    def llm(*arguments: str) -> str:
        command = [sys.executable, "-m", "llm", "--model", "stone", *arguments]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, input="")
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    assert llm("Hello!") == "You said: Hello!"
    assert llm("--functions", "def weather(town: str): return 'rain'", "weather?").endswith(
        "The tool said: rain"
    )
