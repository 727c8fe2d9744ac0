"""A small transformer against loops over places and heads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from goodsense.errors import UsageError
from goodsense.learning.networks import seeded
from goodsense.learning.transformer import (
    Attention,
    TokenTransformer,
    TransformerLayers,
    WritingTransformer,
    looks,
    sinusoids,
)

THERE = torch.tensor([[True] * 5, [True, True, True, False, False], [False] * 5])


def made(kind: Any = TokenTransformer, seed: int = 0, **options: Any) -> Any:
    with seeded(seed):
        return kind(20, width=8, **{"layers": 2, "heads": 2, "longest": 6, **options}).eval()


def vectors(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 20, shape))


def test_attention_is_the_loop_over_heads_and_places() -> None:
    with seeded(0):
        attention = Attention(6, 2, 0.0)
    states, memory = vectors(1, 4, 6)[0], vectors(1, 3, 6, seed=1)[0]
    seen = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=torch.bool)
    queries = attention.queries(states).detach()
    keys, values = attention.keys_values(memory).detach().chunk(2, dim=1)
    expected = torch.zeros(4, 6)
    for place in range(4):
        for head in (slice(0, 3), slice(3, 6)):
            visible = [s for s in range(3) if seen[place, s]]
            scores = [math.exp(float(queries[place, head] @ keys[s, head]) / math.sqrt(3)) for s in visible]
            for s, score in zip(visible, scores, strict=True):
                expected[place, head] += values[s, head] * score / sum(scores)
    found = attention(states[None], seen[None], memory[None])[0]
    torch.testing.assert_close(found, attention.out(expected), atol=1e-5, rtol=1e-5)


def test_a_layer_is_normalised_before_each_half() -> None:
    with seeded(0):
        layers = TransformerLayers(8, layers=1, heads=2, positions="sinusoidal", longest=5).eval()
    layer, given = layers.layers[0], vectors(1, 5, 8)
    there = THERE[:1]
    states = given + sinusoids(5, 8)
    states = states + layer.attention(layer.before(states), looks(there))
    states = states + layer.dense(states)
    torch.testing.assert_close(layers(given, there), layers.last(states))


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize("causal", [False, True])
def test_what_is_not_there_has_no_influence(positions: str, causal: bool) -> None:
    with seeded(0):
        layers = TransformerLayers(8, heads=2, positions=positions, longest=5).eval()  # type: ignore[arg-type]
    given, noise = vectors(3, 5, 8), 1e3 * vectors(3, 5, 8, seed=2)
    found = layers(given, THERE, causal=causal)
    assert torch.equal(layers(torch.where(THERE[:, :, None], given, noise), THERE, causal=causal), found)
    assert not found[~THERE].any()
    torch.testing.assert_close(layers(given[1:2, :3], THERE[1:2, :3], causal=causal), found[1:2, :3])
    assert torch.isfinite(layers(torch.full_like(given, math.nan), THERE & False, causal=causal)).all()


@pytest.mark.parametrize("kind", [TokenTransformer, WritingTransformer])
def test_a_causal_mask_leaks_nothing(kind: Any) -> None:
    network, there = made(kind), torch.ones(1, 6, dtype=torch.bool)
    read = numbers(1, 4, seed=3)

    def states(ids: torch.Tensor) -> torch.Tensor:
        if kind is WritingTransformer:
            return network(read, torch.ones(1, 4, dtype=torch.bool), ids, there)[0]
        return network(ids, there, causal=True)[0]

    ids = numbers(1, 6)
    before = states(ids)
    for place in range(6):
        changed = ids.clone()
        changed[0, place] = (ids[0, place] + 7) % 20
        after = states(changed)
        assert torch.equal(after[:place], before[:place])
        assert (after[place:] - before[place:]).abs().amax(dim=1).gt(1e-4).all()
    # the gradient says the same
    table = network.table.weight
    states(torch.arange(6)[None])[2, 0].backward()
    reached = table.grad[:6].abs().sum(dim=1) > 0
    if kind is TokenTransformer:
        assert reached.tolist() == [True, True, True, False, False, False]


def test_without_the_mask_every_place_reaches_every_other() -> None:
    network, there, ids = made(), torch.ones(1, 6, dtype=torch.bool), numbers(1, 6)
    changed = ids.clone()
    changed[0, 5] = (ids[0, 5] + 7) % 20
    assert (network(changed, there) - network(ids, there)).abs().amax(dim=2).gt(1e-5).all()


def test_order_and_sentences_matter() -> None:
    network, there, ids = made(), torch.ones(1, 3, dtype=torch.bool), torch.tensor([[3, 4, 5]])
    turned = network(ids.flip(1), there).flip(1)
    assert (turned - network(ids, there)).abs().max() > 1e-3
    second = network(ids, there, segments=torch.tensor([[0, 1, 1]]))
    assert (second - network(ids, there)).abs().max() > 1e-3


def test_a_writer_reads_what_is_there_alone() -> None:
    network = made(WritingTransformer)
    ids, answer, answered = numbers(2, 5), numbers(2, 3, seed=1), torch.ones(2, 3, dtype=torch.bool)
    found = network(ids, THERE[:2], answer, answered)
    assert found.shape == (2, 3, 8)
    other = torch.where(THERE[:2], ids, (ids + 3) % 20)
    assert torch.equal(network(other, THERE[:2], answer, answered), found)
    changed = ids.clone()
    changed[:, 0] = (ids[:, 0] + 3) % 20
    assert (network(changed, THERE[:2], answer, answered) - found).abs().amax(dim=(1, 2)).gt(1e-4).all()


def test_words_are_told_by_the_table_that_embeds_them() -> None:
    network = made()
    states = vectors(3, 8)
    network.told.bias.data.uniform_()
    expected = network.told.dense(states) @ network.table.weight.T + network.told.bias
    torch.testing.assert_close(network.logits(states), expected)


def test_sinusoids_are_those_of_the_paper() -> None:
    found = sinusoids(7, 5)
    for place in range(7):
        for column in range(5):
            angle = place / 10_000 ** (2 * (column // 2) / 5)
            expected = math.sin(angle) if column % 2 == 0 else math.cos(angle)
            assert float(found[place, column]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("options", [{"heads": 3}, {"heads": 0}, {"layers": 0}, {"longest": 0}, {"positions": "none"}])
def test_impossible_sizes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        made(**options)


def test_shapes_are_asserted() -> None:
    network = made()
    with pytest.raises(AssertionError, match="at most 6"):
        network(numbers(1, 7), torch.ones(1, 7, dtype=torch.bool))
    with pytest.raises(AssertionError, match="expected bool"):
        network(numbers(1, 3), torch.ones(1, 3))
