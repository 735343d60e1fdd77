"""The figures that compute without Pebble, against sitekit/memory.py, NumPy and a second simulation."""

from __future__ import annotations

import numpy as np
import pytest
from building import ROOT
from conftest import Show
from playwright.sync_api import Page, expect

from pebble.model import Config, rope_angles, rotate, softmax
from sitekit import memory
from sitekit.fact_files import Facts

MODELS = {
    m.id: m
    for m in Facts(ROOT).models.values()
    if m.architecture and m.parameters and m.access == "open-weights"
}


def awake(page: Page) -> None:
    expect(page.locator("[role=status].live__words")).not_to_be_empty(timeout=60_000)


def test_formulas_of_memory_are_those_of_the_site(show: Show, page: Page) -> None:
    show("<memory-calculator></memory-calculator>")
    awake(page)
    for id, model in MODELS.items():
        shape, parameters = model.architecture, model.parameters
        assert shape and parameters
        script = """([id, tokens, bytes]) => {
          const shape = openModels().find((m) => m.id === id);
          return [kvBytes(shape, tokens, bytes), kvBytesPerLayer(shape, bytes), attentionKind(shape), weightsBytes(shape.parameters * 1e9, 4.5), [0, 1, 2, 3, 4].map((n) => trainingBytes(shape, n))];
        }"""
        for tokens, size in ((100, 2), (131072, 1)):
            kv, layer, kind, weights, training = page.evaluate(script, [id, tokens, size])
            assert kv == memory.kv_bytes(shape, tokens, size)
            assert layer == memory.kv_bytes_per_layer(shape, size)
            assert kind == shape.attention
            assert weights == pytest.approx(memory.weights_bytes(parameters.total * 1e9, 4.5))
            if shape.is_complete:
                assert training == pytest.approx(memory.training_bytes(parameters.total * 1e9, shape))
            else:
                assert training[:3] == pytest.approx([parameters.total * 1e9 * b for b in (16, 8, 6)])
                assert training[3:] == [None, None]
    assert any(m.architecture.is_complete for m in MODELS.values() if m.architecture)
    names = page.evaluate("TRAINING.map((t) => t.name)")
    assert [name.replace(" (rank 16)", "") for name in names] == [m.name for m in memory.METHODS]


def test_memory_calculator_adds_up_what_runs(show: Show, page: Page) -> None:
    show('<memory-calculator model="llama-3.1-8b" bits="16" context="13" batch="4"></memory-calculator>')
    awake(page)
    shape = MODELS["llama-3.1-8b"].architecture
    assert shape
    total = memory.weights_bytes(8.03e9, 16) + 4 * memory.kv_bytes(shape, 8192)
    expect(page.locator(".big")).to_have_text(f"{total / 1e9:.1f} GB")
    page.get_by_label("Bits a weight").select_option("8")
    page.get_by_label("Context").fill("10")
    total = memory.weights_bytes(8.03e9, 8) + 4 * memory.kv_bytes(shape, 1024)
    expect(page.locator(".big")).to_have_text(f"{total / 1e9:.1f} GB")
    fits = page.locator(".memory-calculator__rooms li", has_text="✓")
    assert fits.count() == sum(total <= room * 1e9 for room in (8, 16, 24, 32, 48, 80, 141, 192, 640, 1128))
    page.get_by_label("To do what").select_option("4")
    expect(page.locator(".big")).to_have_text(f"{memory.training_bytes(8.03e9, shape)[4] / 1e9:.1f} GB")


def test_a_model_that_the_facts_do_not_know_is_told(show: Show, page: Page) -> None:
    show('<memory-calculator model="no-such"></memory-calculator>')
    expect(page.get_by_role("alert")).to_contain_text("know no model “no-such”", timeout=60_000)


@pytest.mark.parametrize("id", list(MODELS))
def test_kv_cache_computes_the_cache_of_real_models(show: Show, page: Page, id: str) -> None:
    show(f'<kv-cache model="{id}" context="14" batch="3" bits="8"></kv-cache>')
    awake(page)
    shape = MODELS[id].architecture
    assert shape
    size = 3 * memory.kv_bytes(shape, 2**14, 1)
    shown, unit = page.locator(".kv-cache__size").inner_text().split()
    assert float(shown) * {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit] == pytest.approx(size, rel=0.06)
    expect(page.locator(".kv-cache__result")).to_contain_text(shape.attention)


def test_attention_by_hand_is_softmax_of_dot_products(show: Show, page: Page) -> None:
    show("<attention-by-hand></attention-by-hand>")
    awake(page)
    handle = page.locator("[data-name=query]")
    handle.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    query = np.array([0.8, 1.1])
    assert handle.get_attribute("aria-valuetext") == "x 0.8, y 1.1"
    page.locator("[data-name=value1] .handle").scroll_into_view_if_needed()
    box = page.locator("[data-name=value1] .handle").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 40, box["y"] + 30, steps=4)
    page.mouse.up()
    state = page.evaluate("document.querySelector('attention-by-hand').state")
    keys, values = (
        np.array([[float(n) for n in v.split(",")] for v in state[k].split()]) for k in ("keys", "values")
    )
    assert values[1].tolist() != [1.5, 0.5] and state["query"] == "0.8,1.1"
    shares = softmax(keys @ query / np.sqrt(2))
    rows = page.locator("tbody tr")
    for n, share in enumerate(shares):
        assert rows.nth(n).locator("td").nth(2).inner_text() == f"{share:.2f}"
    mix = [float(n) for n in rows.last.locator("td").last.inner_text().split(", ")]
    np.testing.assert_allclose(mix, shares @ values, atol=0.006)


def test_rope_angles_turn_as_in_numpy(show: Show, page: Page) -> None:
    show('<rope-angles query="70" key="33" base="5"></rope-angles>')
    awake(page)
    config = Config(1, 32, 1, 1, 1, 1, 512, rope_theta=1e5)
    angles, ones = rope_angles(config), np.ones((1, 1, 32), np.float32)

    def score(q: int, k: int) -> float:
        return float((rotate(ones, angles[q : q + 1]) * rotate(ones, angles[k : k + 1])).sum() / 32)

    expect(page.locator(".live__words")).to_contain_text(f"37 apart. The score is {score(70, 33):.3f}")
    page.get_by_role("button", name="Move both by 10").click()
    expect(page.locator(".live__words")).to_contain_text("Query at 80, key at 43: 37 apart")
    expect(page.locator(".live__words")).to_contain_text(f"{score(70, 33):.3f}")
    page.get_by_label("Key at position").fill("80")
    expect(page.locator(".live__words")).to_contain_text("0 apart. The score is 1.000")
    hand = page.evaluate("document.querySelector('rope-angles').dials[3].children[1].getAttribute('d')")
    x, y = (float(n) for n in hand.removeprefix("M0 0L").split())
    np.testing.assert_allclose([x / 22, -y / 22], [angles[80, 3].real, angles[80, 3].imag], atol=1e-5)


@pytest.mark.parametrize("tile", [1, 3, 5, 6])
def test_online_softmax_ends_as_softmax_does(show: Show, page: Page, tile: int) -> None:
    show(f'<online-softmax tile="{tile}"></online-softmax>')
    awake(page)
    scores = np.array([1.2, -0.4, 2.1, 0.3, 3.4, 1.0, -1.1, 2.8, 0.6, 4.0, 1.9, 0.2])
    values = np.arange(1, 13)
    rows = page.locator("tbody").first.locator("tr")
    expect(rows).to_have_count(-(-12 // tile))
    for n, row in enumerate(rows.all()):
        seen = scores[: (n + 1) * tile]
        greatest, _, total, mix = (cell.inner_text() for cell in row.locator("td").all())
        assert greatest == f"{seen.max():.1f}"
        assert float(total) == pytest.approx(np.exp(seen - seen.max()).sum(), abs=1e-3)
        assert float(mix) == pytest.approx(softmax(seen) @ values[: len(seen)], abs=1e-4)
    page.get_by_role("button", name="One back").click()
    expect(rows).to_have_count(-(-12 // tile) - 1)


def test_online_softmax_counts_bytes(show: Show, page: Page) -> None:
    show('<online-softmax length="12" rows="64"></online-softmax>')
    awake(page)
    counted = page.evaluate("attentionBytes(4096, 128, 64)")
    rows = 4096 * 128 * 2
    assert counted["scores"] == 4096**2 * 2
    assert counted["ordinary"] == 4 * rows + 4 * counted["scores"]
    assert counted["flash"] == 2 * rows + 64 * 2 * rows


def serve(requests: list[dict[str, int]], places: int, steps: int, continuous: bool) -> list[int]:
    """When each request starts, step by step: a second simulation, with the answers' remaining tokens."""
    left, starts, waiting = [0] * places, [], list(range(len(requests)))
    for now in range(steps):
        may_join = continuous or not any(left)
        for place in range(places):
            if may_join and left[place] == 0 and waiting and requests[waiting[0]]["arrives"] <= now:
                left[place] = requests[waiting.pop(0)]["length"]
                starts.append(now)
        left = [max(0, tokens - 1) for tokens in left]
    return starts


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize(("places", "load", "spread"), [(4, 80, 80), (2, 130, 100), (8, 40, 0)])
def test_batching_queue_serves_as_a_second_simulation_does(
    show: Show, page: Page, places: int, load: int, spread: int, continuous: bool
) -> None:
    show(f'<batching-queue places="{places}" load="{load}" spread="{spread}"></batching-queue>')
    awake(page)
    requests, served = page.evaluate(
        """([places, load, spread, continuous]) => {
          const requests = makeRequests(120, load / 100, places, spread / 100, 1);
          return [requests, serveQueue(requests, places, 120, continuous)];
        }""",
        [places, load, spread, continuous],
    )
    starts = serve(requests, places, 120, continuous)
    assert [request["start"] for request in served] == starts and len(requests) > 5
    waits = [start - r["arrives"] for start, r in zip(starts, requests, strict=False)]
    waits += [120 - r["arrives"] for r in requests[len(starts) :]]
    row = page.locator("tbody tr").nth(int(continuous)).locator("td").all_inner_texts()
    assert float(row[2]) == pytest.approx(np.mean(waits), abs=0.051) and int(row[3]) == max(waits)
