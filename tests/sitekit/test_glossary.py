"""Links to the glossary, its page and its script, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from building import ROOT

from sitekit import generate, glossary, layers
from sitekit.fact_files import Facts, Term
from sitekit.rows import FactError


def term(name: str, *aliases: str, link: list[str] | None = None, related: str = "other") -> Term:
    row = Term(
        term=name,
        aliases=list(aliases),
        definition=f"the {name.lower()} of a test",
        longer="It is short. It is plain.",
        taught="docs/llms/README.md",
        related=[related],
    )
    return row.model_copy(update={"link": link})


TERMS = [
    term("token"),
    term("attention", "self-attention"),
    term("attention head"),
    term("query", link=["docs/llms/deep-dive.md"]),
    term("memory", link=["docs/agents"]),
    term("mixture of experts", "MoE"),
    term("retrieval-augmented generation", "RAG"),
    term("LoRA"),
    term("layer", link=[]),
    term("transformer"),
    term("vLLM"),
]
link = glossary.linker(TERMS, "docs/llms/README.md")


def a(anchor: str, text: str) -> str:
    return f'<a class="term" href="g/#{anchor}">{text}</a>'


@pytest.mark.parametrize(
    ("html", "linked"),
    [
        ("<p>A token, a token.</p>", f"<p>A {a('token', 'token')}, a token.</p>"),
        ("<p>Tokens matter.</p>", f"<p>{a('token', 'Tokens')} matter.</p>"),
        ("<p>An attention head.</p>", f"<p>An {a('attention-head', 'attention head')}.</p>"),
        ("<p>an attention\nhead</p>", "<p>an " + a("attention-head", "attention\nhead") + "</p>"),
        ("<p>in self-attention,</p>", f"<p>in {a('attention-self-attention', 'self-attention')},</p>"),
        ("<p>mixtures of experts</p>", f"<p>{a('mixture-of-experts-moe', 'mixtures of experts')}</p>"),
        ("<p>(MoE)</p>", f"<p>({a('mixture-of-experts-moe', 'MoE')})</p>"),
        ("<p>by RAG, in RAG</p>", f"<p>by {a('retrieval-augmented-generation-rag', 'RAG')}, in RAG</p>"),
        ("<p>vLLM</p>", f"<p>{a('vllm', 'vLLM')}</p>"),
        ("<p>a token's id</p>", f"<p>a {a('token', 'token')}'s id</p>"),
        ("<li><em>token</em></li>", f"<li><em>{a('token', 'token')}</em></li>"),
    ],
)
def test_the_first_use_is_linked(html: str, linked: str) -> None:
    assert link(html, "g/") == linked


@pytest.mark.parametrize(
    "html",
    [
        "<p>tokenized, token-free, retoken, token.py, @token, a/token</p>",
        "<p>a rag, lora, ragged, RAGs2</p>",
        "<p>The Sentence Transformers project</p>",
        '<h2 id="token">Token</h2>',
        '<p><a href="x">a token and <em>attention</em></a></p>',
        "<p><code>token</code></p>",
        "<pre><span>token</span></pre>",
        "<figure><svg><text>token</text></svg><figcaption>token</figcaption></figure>",
        "<table><tr><td>token</td></tr></table>",
        "<details><summary>A. a token</summary></details>",
        "<!-- token -->",
        '<img alt="a token">',
        "<script>token</script>",
        "<p>a layer, a query, the memory</p>",
    ],
)
def test_everything_else_stays_as_it_is(html: str) -> None:
    assert link(html, "g/") == html


def test_prose_goes_on_after_what_is_left_alone() -> None:
    html = "<h2>Token</h2><p><code>token <b>x</b></code> or token</p><figure><svg/></figure><p>attention</p>"
    assert link(html, "g/").count('class="term"') == 2


def test_a_page_without_words_of_the_glossary_costs_nothing() -> None:
    assert glossary.linker([], "docs/index.md")("<p>token</p>", "g/") == "<p>token</p>"


def test_a_word_with_an_everyday_meaning_is_linked_where_it_is_meant() -> None:
    html = "<p>a query, the memory</p>"
    assert "#query" in glossary.linker(TERMS, "docs/llms/deep-dive.md")(html, "g/")
    assert "#memory" in glossary.linker(TERMS, "docs/agents/advanced.md")(html, "g/")
    assert glossary.linker(TERMS, "docs/agents-and-more/README.md")(html, "g/") == html


@pytest.mark.parametrize(
    ("name", "more"),
    [("token", "tokens"), ("query", "queries"), ("loss", "losses"), ("key", "keys"), ("matrix", "matrixes")],
)
def test_plurals(name: str, more: str) -> None:
    assert glossary.plural(name) == more


def test_the_page_has_every_term_under_its_letter_and_every_link_leads_somewhere() -> None:
    terms = Facts(ROOT).glossary
    page = glossary.page(terms, lambda path: path)
    heads = [line[4:] for line in page.splitlines() if line.startswith("### ")]
    assert len(heads) == len(terms)
    assert heads == sorted(heads, key=str.lower)
    anchors = {term.anchor for term in terms.values()}
    assert len(anchors) == len(terms)
    for name, row in terms.items():
        assert f"### {row.heading}\n\n**{glossary.sentence(row.definition)}** {row.longer}\n" in page, name


def test_an_entry() -> None:
    row = term("weight", "parameter", related="token").model_copy(
        update={"misunderstanding": "More is not better.", "taught": "labs/llms/03.ipynb#a"}
    )
    assert glossary.page({"weight": row, "token": term("token", related="weight")}, lambda path: path) == (
        '<div class="letters" markdown="1">\n\n[T](#t) [W](#w)\n\n</div>\n\n'
        "## T\n\n### token\n\n**The token of a test.** It is short. It is plain.\n\n"
        "More in [docs/llms/README.md](llms/README.md). Related: [weight](#weight-parameter).\n\n"
        "## W\n\n### weight (parameter)\n\n**The weight of a test.** It is short. It is plain.\n\n"
        "*Often misunderstood.* More is not better.\n\n"
        "More in [labs/llms/03.ipynb](../labs/llms/03.ipynb#a). Related: [token](#token).\n"
    )


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("docs/models.md", "Models"),
        ("docs/llms/README.md", "Large Language Models"),
        ("labs/llms/README.md", "Labs"),
        ("labs/llms/03-embeddings.ipynb", "lab: Embeddings"),
    ],
)
def test_any_page_may_teach_a_term(path: str, title: str) -> None:
    assert generate.Sources(ROOT).title_of(path) == title


def test_a_lab_that_is_in_no_list_is_told() -> None:
    with pytest.raises(
        layers.LayerError, match=r"^labs/llms/09-none.ipynb: not in the list of labs; add it to"
    ):
        generate.Sources(ROOT).title_of("labs/llms/09-none.ipynb")


def test_a_heading_of_a_lab_may_teach_a_term(tmp_path: Path) -> None:
    for folder in ("docs/facts", "labs/llms"):
        (tmp_path / folder).mkdir(parents=True)
    cell = {"cell_type": "markdown", "source": "# A lab\n\n## Two steps"}
    (tmp_path / "labs/llms/01.ipynb").write_text(json.dumps({"cells": [cell]}))
    rows = [
        term(name, related=other).model_dump(exclude_none=True) | {"taught": "labs/llms/01.ipynb#two-steps"}
        for name, other in (("token", "attention"), ("attention", "token"))
    ]
    sheet = tmp_path / "docs/facts/glossary.yml"
    sheet.write_text(json.dumps(rows))  # JSON is YAML
    assert list(Facts(tmp_path).glossary) == ["token", "attention"]
    sheet.write_text(json.dumps(rows).replace("two-steps", "to-steps"))
    with pytest.raises(FactError, match='has no heading "#to-steps"; did you mean "two-steps"'):
        Facts(tmp_path).glossary  # noqa: B018 (it is read when asked for)


def test_the_script_of_definitions_is_javascript_that_holds_them_all() -> None:
    terms = Facts(ROOT).glossary
    script = glossary.definitions(terms)
    rows = json.loads(script.removeprefix("window.glossary = ").removesuffix(";\n"))
    assert rows[terms["token"].anchor].startswith("A piece of text")
    assert len(rows) == len(terms)
