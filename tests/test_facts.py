"""The facts hold together, each planted fault is told word for word, and every table says what it should.

Faults are files: tests/golden/facts/faults/<models|choices|prices|papers|glossary>-*.yml. The lines that start with `#!` are all
that is said about the rest of the file; TODAY stands for the day on which the test runs.
"""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from sitekit import facts, generate, memory
from sitekit.fact_files import Facts, Models
from sitekit.memory import Architecture
from sitekit.rows import FactError, Loader, read

HERE = Path(__file__).parent
ROOT = HERE.parent
GOLDEN = HERE / "golden/facts"

OURS = Facts(ROOT)

# Every system that the seed of this site named, and the rows that stand for it.
SEED = {
    "GPT-4": "gpt-4",
    "GPT-4 Turbo": "gpt-4-turbo",
    "GPT-4o": "gpt-4o",
    "GPT-4o-mini": "gpt-4o-mini",
    "Claude 3.5": "claude-3-5-sonnet claude-3-5-haiku",
    "Claude Opus": "claude-opus-5-5",
    "Claude Haiku": "claude-haiku-5-5",
    "Gemini": "gemini-4-argon",
    "Gemini 1.5": "gemini-1.5-pro",
    "Grok": "grok-4.7",
    "Grok-1": "grok-1",
    "Llama 3.1": "llama-3.1-8b",
    "Llama 3.2": "llama-3.2-1b llama-3.2-3b",
    "Llama 3.3": "llama-3.3-70b",
    "Qwen 2.5": "qwen2.5-72b",
    "Mistral 7B": "mistral-7b",
    "Mixtral 8x7B": "mixtral-8x7b",
    "DeepSeek-V3": "deepseek-v3",
    "Phi-4": "phi-4",
    "Gemma 2": "gemma-2-27b",
    "Codestral": "codestral-2508",
    "DeepSeek-Coder": "deepseek-coder-v2",
    "Qwen-Coder": "qwen2.5-coder-32b qwen3-coder-30b-a3b",
    "DeepSeek-Math": "deepseek-math-7b",
    "Qwen-Math": "qwen2.5-math-72b",
    "BGE": "bge-large-en-v1.5 bge-m3",
    "E5": "e5-large-v2 multilingual-e5-large",
    "nomic-embed": "nomic-embed-text",
    "LLaVA": "llava-1.5-7b",
    "Qwen-VL": "qwen3-vl-8b",
    "InternVL": "internvl3-8b",
}
# Those whose API its vendor has switched off, and when (SDKs of OpenAI and Anthropic; Google's letters).
RETIRED = {
    "gpt-4": "2026-10-23",
    "gpt-4-turbo": "2026-10-23",
    "claude-3-5-sonnet": "2025-10",
    "claude-3-5-haiku": "2026-02-19",
    "gemini-1.5-pro": "2025-09-24",
}


# --- our facts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SEED)
def test_every_system_of_the_seed_has_its_rows(system: str) -> None:
    assert OURS.pick(SEED[system])


def test_models_whose_api_is_gone_say_so() -> None:
    gone = {id: m.retired for id, m in OURS.models.items() if m.retired and m.retired <= OURS.checked}
    assert gone == RETIRED


def test_our_choices_and_papers_are_without_fault() -> None:
    assert len(OURS.choices) >= 7
    assert len({paper.arxiv or paper.url for paper in OURS.papers.values()}) == len(OURS.papers)


def test_the_models_that_are_recommended_as_cheap_have_a_price() -> None:
    (cheap,) = [choice for choice in OURS.choices if "cheap" in choice.need]
    priced = [id for id in cheap.models if id in OURS.prices]
    assert len(priced) >= 3
    assert all(OURS.prices[id].input < OURS.prices["gpt-6-astra"].input for id in priced)


def test_our_glossary_is_large_and_linked_together() -> None:
    terms = OURS.glossary.values()
    assert len(terms) >= 180
    assert sum(term.misunderstanding is not None for term in terms) >= 30
    for term in terms:
        assert len(re.findall(r"[.?!](?:\s|$)", term.longer)) >= 2, f"{term.term}: at least two sentences"
        assert len(term.longer.split()) <= 90, f"{term.term}: shorter than the page that teaches it"


def test_a_model_that_never_existed_has_no_row() -> None:
    assert "claude-3-5-opus" not in OURS.models


@pytest.mark.parametrize("name", ["models", "choices", "prices", "papers", "glossary"])
def test_reading_loses_nothing(name: str) -> None:
    """What the schema understood is what stands in the file."""
    written = yaml.load((ROOT / f"docs/facts/{name}.yml").read_text("utf-8"), Loader)
    rows = written["models"] if name == "models" else written
    for row in rows if name in ("models", "prices") else []:
        row["source"] = [row["source"]] if isinstance(row["source"], str) else row["source"]
    understood = getattr(OURS, name)
    if isinstance(understood, dict):
        understood = list(understood.values())
    assert [row.model_dump(by_alias=True, exclude_unset=True) for row in understood] == rows


def test_the_page_of_models_names_the_day_of_the_check() -> None:
    day = date.fromisoformat(OURS.checked)
    assert f"{day.day} {day:%B %Y}" in (ROOT / "docs/models.md").read_text("utf-8")


SHAPED = [m for m in OURS.models.values() if m.architecture and m.architecture.is_complete and not m.experts]


@pytest.mark.parametrize("model", SHAPED, ids=lambda m: m.id)
def test_a_shape_has_as_many_weights_as_its_source_says(model: facts.Model) -> None:
    """Two sources check each other: the size that was published, and the count from the architecture."""
    counted = memory.dense_parameters(model.architecture) / 1e9
    assert counted == pytest.approx(model.parameters.total, rel=0.005)


# --- planted faults ------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of our facts, to spoil, and one page that teaches something."""
    shutil.copytree(ROOT / "docs/facts", tmp_path / "docs/facts")
    (tmp_path / "docs/llms").mkdir()
    (tmp_path / "docs/llms/README.md").write_text(
        "# LLMs\n\n```\n# no heading\n```\n\n## Key concepts\n", "utf-8"
    )
    return tmp_path


@pytest.mark.parametrize("case", sorted((GOLDEN / "faults").glob("*.yml")), ids=lambda case: case.stem)
def test_each_fault_is_told_with_its_place_and_remedy(case: Path, repository: Path) -> None:
    name = case.stem.split("-")[0]
    shutil.copy(case, repository / f"docs/facts/{name}.yml")
    said = [line[3:] for line in case.read_text("utf-8").splitlines() if line.startswith("#! ")]
    with pytest.raises(FactError) as error:
        getattr(Facts(repository), name)
    assert str(error.value) == "\n".join(said).replace("TODAY", date.today().isoformat())


def test_all_faults_of_a_file_are_told_at_once_in_its_order(repository: Path) -> None:
    path = repository / "docs/facts/models.yml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for number in (40, 100, 300):
        at = next(i for i in range(number, len(lines)) if "    access:" in lines[i])
        lines[at] = "    access: nowhere\n"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(FactError) as error:
        _ = Facts(repository).models
    told = str(error.value).splitlines()
    assert len(told) == 3
    assert told == sorted(told, key=lambda line: int(line.split(":")[1]))


def test_a_missing_file_is_told(repository: Path) -> None:
    (repository / "docs/facts/papers.yml").unlink()
    with pytest.raises(FactError, match=r"^docs/facts/papers.yml: there is no such file under "):
        _ = Facts(repository).papers


def test_a_file_in_another_encoding_is_told(repository: Path) -> None:
    (repository / "docs/facts/papers.yml").write_bytes("- id: é".encode("latin-1"))
    with pytest.raises(FactError, match=r"papers.yml: byte 7 is not UTF-8; save the file as UTF-8$"):
        _ = Facts(repository).papers


def test_a_control_character_is_told(repository: Path) -> None:
    (repository / "docs/facts/papers.yml").write_text("# rows\n- id: a\x07b\n", "utf-8")
    with pytest.raises(FactError, match=r"papers.yml:2: character U\+0007 is not allowed; delete it$"):
        _ = Facts(repository).papers


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            ("models", "gpt4o", "name"),
            'models.yml: no model "gpt4o"; did you mean "gpt-4o", "gpt-4", "gpt-5.4"?',
        ),
        (("models", "", "name"), "models.yml: no model was named; name at least one"),
        (("models", "gpt-4o", "nam"), 'models(): no column "nam"; did you mean "name"?'),
        (
            ("experts", "gpt-4o"),
            'docs/facts/models.yml: row "gpt-4o" has no experts; give it, or leave the model out',
        ),
        (("kv_cache", "gpt-4o", "8192"), 'row "gpt-4o" has no architecture; give it, or leave the model out'),
        (
            ("kv_cache", "qwen3-14b", "8192"),
            'row "qwen3-14b" has no context; give it, or leave the model out',
        ),
        (("kv_cache", "llama-3.1-8b", "8K"), '"8K" is not a positive number; write numbers like "1 8 70"'),
        (("weights_memory", "0", "16"), '"0" is not a positive number; write numbers like "1 8 70"'),
        (("training_memory", ""), '"" is not a positive number; write numbers like "1 8 70"'),
        (("training_memory", "500"), "no dense model near 500B has a shape; only 1.24, 3.21, "),
        (("cite", "lorra"), 'docs/facts/papers.yml: no paper "lorra"; did you mean "lora", '),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_is_told(call: tuple[str, ...], said: str) -> None:
    with pytest.raises(FactError) as error:
        facts.generators(ROOT)[call[0]](*call[1:])
    assert said in str(error.value)


# --- tables --------------------------------------------------------------------------------------


def filled_tables() -> str:
    page = GOLDEN / "tables.md"
    return generate.fill(page.read_text("utf-8"), page.name, facts.generators(GOLDEN / "repository"))


def test_the_tables_are_as_accepted() -> None:
    assert filled_tables() == (GOLDEN / "tables.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (None, ""),
        (512, "512"),
        (1024, "1K"),
        (8191, "8.19K"),
        (8192, "8K"),
        (128_000, "128K"),
        (131_072, "128K"),
        (202_752, "198K"),
        (922_000, "922K"),
        (1_000_000, "1M"),
        (1_048_576, "1.05M"),
        (10_485_760, "10.5M"),
    ],
)
def test_tokens_as_people_say_them(n: int | None, shown: str) -> None:
    assert facts.tokens(n) == shown


@pytest.mark.parametrize(
    ("billions", "shown"),
    [(None, ""), (0.137, "137M"), (0.0005, "0.5M"), (8.03, "8.03B"), (671, "671B"), (1050, "1.05T")],
)
def test_weights_as_people_say_them(billions: float | None, shown: str) -> None:
    assert facts.weights(billions) == shown


# --- memory, against values worked out by hand -----------------------------------------------------

LLAMA_8B = OURS.models["llama-3.1-8b"].architecture
assert LLAMA_8B


def test_kv_cache_of_grouped_query_attention() -> None:
    """2 (key and value) x 32 layers x 8 heads x 128 numbers x 2 bytes = 128 KiB a token."""
    assert memory.kv_bytes_per_token(LLAMA_8B) == 128 * 1024
    assert memory.kv_bytes(LLAMA_8B, 131_072) == 17_179_869_184


def test_kv_cache_of_multi_head_attention_is_four_times_that() -> None:
    mha = OURS.models["llama-2-7b"].architecture
    assert mha and memory.kv_bytes_per_token(mha) == 4 * memory.kv_bytes_per_token(LLAMA_8B)


def test_kv_cache_of_latent_attention() -> None:
    """61 layers x (512 + 64) numbers x 2 bytes."""
    mla = OURS.models["deepseek-v3"].architecture
    assert mla and memory.kv_bytes_per_token(mla) == 70_272
    assert memory.kv_bytes(mla, 131_072) / 1e9 == pytest.approx(9.21, abs=0.005)


def test_a_sliding_window_keeps_only_its_window() -> None:
    """Of 2 layers with 1 head of 1 number (4 bytes a token), one sees 10 tokens: 100 + 10 tokens are kept."""
    half = Architecture(layers=2, heads=1, kv_heads=1, head_dim=1, window=10, windowed_layers=1)
    assert memory.kv_bytes(half, 5) == 2 * 5 * 4
    assert memory.kv_bytes(half, 100) == (100 + 10) * 4


def test_attention_has_the_weights_of_its_matrices() -> None:
    llama = Architecture(layers=32, heads=32, kv_heads=8, head_dim=128, hidden=4096, ffn=14336)
    matrices = memory.linear_shapes(llama)[:4]  # query, key, value, output
    assert memory.attention_parameters(llama) == 32 * sum(ins * outs for ins, outs in matrices)


def test_attention_of_deepseek_v3_has_the_weights_that_its_shapes_give() -> None:
    v3 = Architecture(
        layers=1, heads=128, head_dim=128, latent=512, rope_dim=64, query_latent=1536, hidden=7168
    )
    shapes = {
        "q_a_proj": (7168, 1536),
        "q_b_proj": (1536, 128 * 192),
        "kv_a_proj_with_mqa": (7168, 576),
        "kv_b_proj": (512, 128 * 256),
        "o_proj": (128 * 128, 7168),
    }
    assert memory.attention_parameters(v3) == sum(ins * outs for ins, outs in shapes.values())


@pytest.mark.parametrize(
    "sizes", [{"kv_heads": 8, "head_dim": 128}, {"latent": 512, "rope_dim": 64, "head_dim": 128, "hidden": 9}]
)
def test_attention_of_unknown_matrices_is_not_guessed(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be known"):
        memory.attention_parameters(Architecture(layers=1, heads=32, **sizes))


def test_heads_that_share_use_what_they_fetch_more_often() -> None:
    def intensity(**sizes: int) -> float:
        return memory.decoding_intensity(Architecture(layers=9, heads=128, **sizes))

    assert intensity(kv_heads=128, head_dim=64) == 1
    assert intensity(kv_heads=8, head_dim=64) == 16
    assert intensity(latent=512, rope_dim=64) == 128 * (576 + 512) * 2 / (576 * 2)


def test_lora_adds_what_peft_counts() -> None:
    """Rank 16 on every linear layer of Llama 3.1 8B, counted by hand from its shapes."""
    attention = 2 * (4096 + 4096) + 2 * (4096 + 1024)
    feed_forward = 3 * (4096 + 14336)
    assert memory.lora_parameters(LLAMA_8B) == 32 * 16 * (attention + feed_forward) == 41_943_040


def test_weights_alone() -> None:
    assert memory.weights_bytes(671e9, 4.5) / 1e9 == pytest.approx(377.4, abs=0.05)


def test_training_memory_by_method() -> None:
    """For 7 billion weights 112, 56 and 42 GB; LoRA and QLoRA for 8 billion in the shape of Llama 3.1 8B."""
    gigabytes = [n / 1e9 for n in memory.training_bytes(7e9, LLAMA_8B)]
    assert gigabytes[:3] == [112, 56, 42]
    lora, qlora = [n / 1e9 for n in memory.training_bytes(8e9, LLAMA_8B)][3:]
    adapter = 41_943_040 * 16 / 1e9  # 0.67
    embeddings = 2 * 128_256 * 4096 / 1e9  # 1.05 billion, which stay in BF16
    assert lora == pytest.approx(16 + adapter)
    assert qlora == pytest.approx((8 - embeddings) * 4.127 / 8 + embeddings * 2 + adapter, rel=1e-4)


@pytest.mark.parametrize(
    "missing",
    [
        Architecture(layers=1, heads=1, latent=1, rope_dim=1),
        Architecture(layers=1, heads=1, kv_heads=1, head_dim=1, hidden=1),
    ],
)
def test_a_shape_that_is_not_known_is_not_guessed(missing: Architecture) -> None:
    with pytest.raises(ValueError, match="must be known"):
        memory.lora_parameters(missing)
    with pytest.raises(ValueError, match="must be known"):
        memory.embedding_parameters(missing)


def test_a_sheet_knows_the_line_of_a_nested_value() -> None:
    """Faults that only show across rows point into the row as well as the schema's own do."""
    sheet = read(GOLDEN / "repository", "docs/facts/models.yml", Models)
    with pytest.raises(FactError, match=r"^docs/facts/models.yml:25: here$"):
        sheet.must_not([(["models", 1, "source", 1], "here")])


if __name__ == "__main__":
    (GOLDEN / "tables.md").write_text(filled_tables(), "utf-8")
