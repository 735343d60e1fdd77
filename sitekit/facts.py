"""Tables that pages make of the facts. Pages call the functions of `generators`; all they raise is FactError.

An absent value is shown as a dash. Every number is either a sourced value or computed from sourced values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from sitekit import memory
from sitekit.fact_files import Facts, Model, names
from sitekit.memory import GB, Architecture
from sitekit.rows import FactError

__all__ = ["FactError", "Facts", "generators"]

DASH = "–"  # a value that no source gave

# --- values for people ---------------------------------------------------------------------------

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def month(when: str | None) -> str:
    """2026-11-24 or 2026-11 -> Nov 2026."""
    return f"{MONTHS[int(when[5:7]) - 1]} {when[:4]}" if when else ""


def tokens(n: int | None) -> str:
    """131072 -> 128K, 128000 -> 128K, 1048576 -> 1.05M: binary thousands where the number is made of them."""
    if n is None or n < 1000:
        return "" if n is None else str(n)
    if n >= 1e6:
        return f"{n / 1e6:.3g}M"
    return f"{n / 1000:.3g}K" if n % 1000 == 0 or n % 1024 else f"{n // 1024}K"


def weights(billions: float | None) -> str:
    """0.335 -> 335M, 46.7 -> 46.7B, 2400 -> 2.4T."""
    if billions is None:
        return ""
    scale, unit = (1e3, "M") if billions < 1 else (1e-3, "T") if billions >= 1000 else (1, "B")
    return f"{billions * scale:.4g}{unit}"


def gigabytes(n: float) -> str:
    """Bytes as GB (1e9 bytes), to three digits: 17179869184.0 -> 17.2 GB."""
    value = n / GB
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.3g} GB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table. An empty cell becomes a dash; a column that is empty in every row is left out."""
    body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    keep = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = ["| " + " | ".join(row[i] or DASH for i in keep) + " |\n" for row in [head, *body]]
    return "".join([lines[0], "|" + "---|" * len(keep) + "\n", *lines[1:]])


CODE_HOSTS = ("github.com", "huggingface.co")


def links(urls: Sequence[str]) -> str:
    """Sources as short links: the repository or the site. Of those that would look alike, the first."""
    named: dict[str, str] = {}
    for url in urls:
        where = urlsplit(url)
        host, path = where.netloc.removeprefix("www."), where.path.strip("/").split("/")
        repository = host in CODE_HOSTS and len(path) > 1 and path[0] not in ("docs", "blog")
        named.setdefault("/".join(path[:2]) if repository else host, url)
    return ", ".join(f"[{name}]({url})" for name, url in named.items())


# --- tables of models ----------------------------------------------------------------------------


def _total(model: Model) -> float | None:
    return model.parameters.total if model.parameters else None


def _active(model: Model) -> float | None:
    return model.parameters.active if model.parameters else None


def _experts(model: Model) -> str:
    if not (e := model.experts):
        return ""
    return f"{e.active} of {e.routed}" + (f" + {e.shared} shared" if e.shared else "")


def _retired(model: Model, checked: str) -> str:
    if not model.retired:
        return ""
    return f"{'since' if model.retired <= checked else 'announced for'} {month(model.retired)}"


# A column's heading, and what it says of a model. The text is the day on which the facts were checked.
COLUMNS: dict[str, tuple[str, Callable[[Model, str], str]]] = {
    "name": ("Model", lambda m, _: m.name),
    "developer": ("Developer", lambda m, _: m.developer),
    "released": ("Released", lambda m, _: month(m.released)),
    "access": ("Access", lambda m, _: {"api": "API", "open-weights": "Open weights"}[m.access]),
    "parameters": ("Parameters", lambda m, _: weights(_total(m))),
    "active": ("Active per token", lambda m, _: weights(_active(m))),
    "experts": ("Experts per token", lambda m, _: _experts(m)),
    "context": ("Context", lambda m, _: tokens(m.context)),
    "output": ("Longest answer", lambda m, _: tokens(m.output)),
    "licence": ("Licence", lambda m, _: m.licence or ("API only" if m.access == "api" else "")),
    "modalities": ("Reads", lambda m, _: ", ".join(m.modalities.reads) if m.modalities else ""),
    "ollama": ("In Ollama", lambda m, _: f"`{m.ollama}`" if m.ollama else ""),
    "strengths": ("Known for", lambda m, _: m.strengths or ""),
    "retired": ("Retired", _retired),
    "source": ("Source", lambda m, _: links(m.source)),
    "source_date": ("Source dated", lambda m, _: month(m.source_date)),
}


def models(facts: Facts, ids: str, columns: str) -> str:
    """The named models, in that order, with the named columns (keys of COLUMNS)."""
    chosen = [COLUMNS[name] for name in names("models()", "column", columns, COLUMNS)]
    rows = [[cell(model, facts.checked) for _, cell in chosen] for model in facts.pick(ids)]
    return table([head for head, _ in chosen], rows)


def context_windows(facts: Facts, ids: str) -> str:
    """How much the named models take in and give back."""
    return models(facts, ids, "name released context output")


def experts(facts: Facts, ids: str) -> str:
    """Mixtures of experts: how many experts there are, and what share of the weights a token uses."""
    head = [
        "Model",
        "Routed experts",
        "Shared",
        "Experts per token",
        "Weights",
        "Active weights",
        "Share used",
    ]
    rows = []
    for m in facts.pick(ids):
        if not (e := m.experts):
            raise FactError(_lacks(m, "experts"))
        total, active = _total(m), _active(m)
        share = f"{active / total:.1%}" if active and total else ""
        shared = "" if e.shared is None else str(e.shared)
        rows.append([m.name, str(e.routed), shared, str(e.active), weights(total), weights(active), share])
    return table(head, rows)


def all_models(facts: Facts) -> str:
    """Every model, newest first; those without a sourced date last."""
    columns = ["developer", "released", "parameters", "context", "licence", "source", "source_date"]
    rows = []
    for m in sorted(facts.models.values(), key=lambda m: m.released or "", reverse=True):
        end = "retired" if m.retired and m.retired <= facts.checked else "until"
        name = f"{m.name} ({end} {month(m.retired)})" if m.retired else m.name
        rows.append([name, *(COLUMNS[column][1](m, facts.checked) for column in columns)])
    return table(["Model", *(COLUMNS[column][0] for column in columns)], rows)


def choices(facts: Facts) -> str:
    """The decision guide."""
    rows = []
    for choice in facts.choices:
        looks = ", ".join(facts.models[id].name for id in choice.models)
        rows.append([choice.need, choice.why, looks, month(choice.checked)])
    return table(["What you need", "Why", "Look at", "Checked"], rows)


def cite(facts: Facts, id: str) -> str:
    """A paper as a link: `[Vaswani et al. 2017, Attention Is All You Need](https://arxiv.org/abs/1706.03762)`."""
    paper = facts.papers[names("docs/facts/papers.yml", "paper", id, facts.papers)[0]]
    url = paper.url or f"https://arxiv.org/abs/{paper.arxiv}"
    return f"[{paper.authors} {paper.year}, {paper.title}]({url})"


# --- tables of memory ----------------------------------------------------------------------------


def weights_memory(sizes: str, bits: str) -> str:
    """GB of the weights alone: sizes in billions, one row each, by bits per weight, one column each."""
    rows, columns = _numbers(sizes), _numbers(bits)
    cells = [[weights(n), *(gigabytes(memory.weights_bytes(n * 1e9, b)) for b in columns)] for n in rows]
    return table(["Parameters", *(f"{b:g} bits" for b in columns)], cells)


def training_memory(facts: Facts, sizes: str) -> str:
    """GB for weights, gradients and optimiser states by method, for models of `sizes` billion parameters.

    What LoRA adds depends on a model's shape: that of the dense model in `models.yml` nearest in size.
    """
    billions = _numbers(sizes)
    columns = [memory.training_bytes(n * 1e9, _shape_of_size(facts, n)) for n in billions]
    rows = [
        [method.name, method.per_weight, *(gigabytes(column[i]) for column in columns)]
        for i, method in enumerate(memory.METHODS)
    ]
    return table(["Method", "Bytes per weight", *map(weights, billions)], rows)


def kv_cache(facts: Facts, ids: str, lengths: str) -> str:
    """The KV cache in BF16: bytes for one token, and GB for one sequence of each length."""
    contexts = [int(n) for n in _numbers(lengths)]
    rows = []
    for m in facts.pick(ids):
        if not (a := m.architecture):
            raise FactError(_lacks(m, "architecture"))
        if not (limit := m.context):
            raise FactError(_lacks(m, "context"))
        beyond = f"beyond its {tokens(limit)}"
        sizes = [gigabytes(memory.kv_bytes(a, n)) if n <= limit else beyond for n in contexts]
        rows.append([m.name, a.attention, f"{memory.kv_bytes_per_token(a):,.0f}", *sizes])
    head = ["Model", "Attention", "Bytes per token", *(f"At {tokens(n)} tokens" for n in contexts)]
    return table(head, rows)


def attention_costs(facts: Facts, ids: str) -> str:
    """Weights of attention, cache for one token and arithmetic intensity over the cache, in BF16."""
    rows = []
    for m in facts.pick(ids):
        if not (a := m.architecture):
            raise FactError(_lacks(m, "architecture"))
        try:
            matrices = memory.attention_parameters(a)
        except ValueError as error:
            raise FactError(f'docs/facts/models.yml: row "{m.id}": {error}') from None
        cache, intensity = memory.kv_bytes_per_token(a), memory.decoding_intensity(a)
        rows.append([m.name, a.attention, weights(matrices / 1e9), f"{cache:,.0f}", f"{intensity:.0f}"])
    head = ["Model", "Attention", "Weights of attention", "Cache bytes per token", "FLOP per byte"]
    return table(head, rows)


def _lacks(model: Model, field: str) -> str:
    return f'docs/facts/models.yml: row "{model.id}" has no {field}; give it, or leave the model out'


def _shape_of_size(facts: Facts, billions: float) -> Architecture:
    """The architecture of the dense model nearest to a size, within a third. Raises FactError."""
    dense = {
        m.parameters.total: m.architecture
        for m in facts.models.values()
        if m.parameters and m.architecture and m.architecture.is_complete and not m.experts
    }
    size = min(dense, key=lambda total: abs(total - billions), default=0)
    if not size or abs(size - billions) > billions / 3:
        known = ", ".join(f"{total:g}" for total in sorted(dense))
        raise FactError(f"docs/facts/models.yml: no dense model near {billions:g}B has a shape; only {known}")
    return dense[size]


def _numbers(text: str) -> list[float]:
    """The positive numbers of `text`. Raises FactError."""
    words = text.split() or [text]
    for word in words:
        if not re.fullmatch(r"\d*\.?\d+", word) or not float(word):
            raise FactError(f'"{word}" is not a positive number; write numbers like "1 8 70"')
    return [float(word) for word in words]


def generators(root: Path) -> dict[str, Callable[..., str]]:
    """The functions that a page under `root` may call. A page that calls none reads no facts."""
    facts = Facts(root)
    of_facts = (
        *(models, experts, training_memory, kv_cache, attention_costs),
        *(context_windows, choices, all_models, cite),
    )
    return {"weights_memory": weights_memory, **{f.__name__: partial(f, facts) for f in of_facts}}
