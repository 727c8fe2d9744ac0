"""Combining networks against naive loops over what is present, and what absent tokens may do: nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import pytest

torch = pytest.importorskip("torch")

from goodsense.errors import UsageError  # noqa: E402
from goodsense.fusion.attention import Gated, InterModal, IntraModal, SelfAttention, Transformer  # noqa: E402
from goodsense.fusion.combining import Combining, Maximum, Mean, Middle, Product, Recurrent, WeightedSum  # noqa: E402
from goodsense.fusion.network import COMBINING, FusionNetwork  # noqa: E402

nn = torch.nn
B, D = 3, 8


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def made(name: str) -> Combining:
    """A network whose parameters are all random, so that none hides behind its beginning."""
    network = COMBINING[name](B, D).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    return network


def every_subset() -> tuple[torch.Tensor, torch.Tensor]:
    """Random tokens ``(8, B, D)`` with every subset of the blocks, none at all first."""
    return torch.randn(2**B, B, D), torch.tensor(list(product([False, True], repeat=B)))


ALL = pytest.mark.parametrize("name", sorted(COMBINING))


@ALL
def test_absent_tokens_change_nothing(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    garbage = torch.where(present[:, :, None], tokens, 1e6 * torch.randn_like(tokens))
    assert torch.equal(network(tokens, present), network(garbage, present))
    nothing = torch.where(present[:, :, None], tokens, math.nan)
    assert torch.equal(network(tokens, present), network(nothing, present))


@ALL
def test_absent_tokens_get_no_gradient_and_none_is_nan(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    tokens.requires_grad_()
    (network(tokens, present) ** 2).sum().backward()
    assert not tokens.grad[~present].any()
    assert all(tokens.grad[row, block].any() for row, block in present.nonzero().tolist() if name != "max")
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@ALL
def test_views_are_the_network_under_each_mask(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    masks = [present, present.flip(0), present & torch.eye(B, dtype=torch.bool)[0]]
    found = network.views(tokens, masks)
    assert found.shape == (3, 2**B, D)
    for view, mask in zip(found, masks, strict=True):
        torch.testing.assert_close(view, network(tokens, mask), rtol=1e-5, atol=1e-6)
    alone = network.views(torch.where(masks[2][:, :, None], tokens, math.nan), masks[2:])
    torch.testing.assert_close(alone[0], found[2], rtol=1e-5, atol=1e-6)


@ALL
def test_nothing_present_gives_zeros_and_something_does_not(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    combined = network(tokens, present)
    assert combined.shape == (2**B, D)
    assert not combined[0].any()
    assert (combined[1:] != 0).any(dim=1).all()


@ALL
def test_rows_do_not_see_each_other(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    order = torch.randperm(len(tokens))
    whole = network(tokens, present)
    torch.testing.assert_close(network(tokens[order], present[order]), whole[order])
    alone = torch.cat([network(tokens[i : i + 1], present[i : i + 1]) for i in range(len(tokens))])
    torch.testing.assert_close(alone, whole)
    assert network(tokens[:0], present[:0]).shape == (0, D)


@ALL
def test_a_present_token_matters(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    for block in range(B):
        other = tokens.clone()
        other[:, block] += torch.randn(D)
        changed = (network(other, present) != network(tokens, present)).any(dim=1)
        assert torch.equal(changed, present[:, block])


@ALL
def test_shares_are_of_the_present_and_sum_to_one(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    shares = network.shares(tokens, present)
    if name in ("max", "middle", "product", "gru", "lstm", "intra-attention"):
        assert shares is None
    else:
        assert not shares[~present].any()
        assert (shares[present] > 0).all()
        torch.testing.assert_close(shares.sum(dim=1), present.any(dim=1).float())


@ALL
def test_parts_sum_to_the_result_and_absent_ones_are_zero(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    parts = network.parts(tokens, present)
    if name in ("mean", "weighted", "gated", "intra-attention"):
        assert not parts[~present].any()
        torch.testing.assert_close(parts.sum(dim=1), network(tokens, present))
    else:
        assert parts is None


@ALL
def test_wrong_shapes_are_refused(name: str) -> None:
    network, (tokens, present) = made(name), every_subset()
    with pytest.raises(AssertionError, match="tokens are"):
        network(tokens[:, :, :-1], present)
    with pytest.raises(AssertionError, match="present is"):
        network(tokens, present[:, :-1])
    with pytest.raises(AssertionError, match="expected bool"):
        network(tokens, present.float())


# ---- each against a loop over what is there


def rows_of_present(tokens: torch.Tensor, present: torch.Tensor) -> Iterator[tuple[int, list[int], torch.Tensor]]:
    """Row, its blocks, and their tokens alone ``(k, D)``; rows without any are left out."""
    for row in range(len(tokens)):
        there = present[row].nonzero()[:, 0].tolist()
        if there:
            yield row, there, tokens[row, there]


def check(network: Combining, naive) -> None:  # type: ignore[no-untyped-def]
    """``naive(blocks, tokens (k, D)) -> (D,)``, row by row, equals the network on all rows at once."""
    tokens, present = every_subset()
    combined = network(tokens, present)
    for row, there, own in rows_of_present(tokens, present):
        torch.testing.assert_close(combined[row], naive(there, own))


@pytest.mark.parametrize(
    ("activation", "function"),
    [("none", lambda x: x), ("relu", lambda x: x.clamp_min(0)), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh)],
)
def test_sums(activation: str, function) -> None:  # type: ignore[no-untyped-def]
    check(Mean(B, D, activation=activation), lambda there, own: function(own).mean(dim=0))
    network = WeightedSum(B, D, activation=activation)
    nn.init.normal_(network.scores)

    def weighted(there: list[int], own: torch.Tensor) -> torch.Tensor:
        powers = [math.exp(network.scores[b].item()) for b in there]
        return sum(power / sum(powers) * function(token) for power, token in zip(powers, own, strict=True))

    check(network, weighted)


def test_maximum() -> None:
    check(Maximum(B, D), lambda there, own: own.max(dim=0).values)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_product(activation: str) -> None:
    network = Product(B, D, activation=activation)
    function = getattr(torch, activation)

    def naive(there: list[int], own: torch.Tensor) -> torch.Tensor:
        factors = [function(network.projections[b](token)) for b, token in zip(there, own, strict=True)]
        return network.out(torch.stack(factors).prod(dim=0))

    check(network, naive)


def test_middle() -> None:
    network = Middle(B, D, hidden=5)

    def naive(there: list[int], own: torch.Tensor) -> torch.Tensor:
        row = torch.zeros(B * D + B)
        for b, token in zip(there, own, strict=True):
            row[b * D : (b + 1) * D] = token
            row[B * D + b] = 1
        return network.layers(row)

    check(network, naive)


@pytest.mark.parametrize(("cell", "layer"), [("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_recurrent_reads_the_present_ones_in_order(cell: str, layer: type) -> None:
    """Against torch's own layers over the sequence without the absent ones."""
    network = Recurrent(B, D, cell=cell)
    sequence = layer(D, D, batch_first=True)
    sequence.load_state_dict({f"{name}_l0": value for name, value in network.cell.state_dict().items()})
    check(network, lambda there, own: network.out(sequence((own + network.names[there])[None])[0][0, -1]))


def test_gates() -> None:
    network = made("gated")

    def naive(there: list[int], own: torch.Tensor) -> torch.Tensor:
        seen = torch.zeros(B * D + B)
        for b, token in zip(there, own, strict=True):
            seen[b * D : (b + 1) * D] = token
            seen[B * D + b] = 1
        gates = network.gate(seen).view(B, D)[there].softmax(dim=0)
        values = [torch.tanh(network.projections[b](token)) for b, token in zip(there, own, strict=True)]
        return (gates * torch.stack(values)).sum(dim=0)

    check(network, naive)


def test_gates_of_two_blocks_are_the_papers() -> None:
    """``z * tanh(a) + (1 - z) * tanh(b)`` with ``z`` a sigmoid of both."""
    network = Gated(2, D)
    tokens = torch.randn(4, 2, D)
    seen = torch.cat([tokens.flatten(1), torch.ones(4, 2)], dim=1)
    first, second = network.gate(seen).view(4, 2, D).unbind(dim=1)
    z = torch.sigmoid(first - second)
    left, right = (torch.tanh(network.projections[b](tokens[:, b])) for b in range(2))
    torch.testing.assert_close(network(tokens, torch.ones(4, 2, dtype=torch.bool)), z * left + (1 - z) * right)


def naive_attention(attention: SelfAttention, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Without masks, head by head and token by token: ``(k, d) -> (k, d)``, and the mean attention ``(k, k)``."""
    length, size = tokens.shape[1], tokens.shape[1] // attention.heads
    made = attention.queries_keys_values(tokens)
    queries, keys, values = made[:, :length], made[:, length : 2 * length], made[:, 2 * length :]
    seen, looks = torch.zeros_like(tokens), torch.zeros(len(tokens), len(tokens))
    for head in range(attention.heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(len(tokens)):
            scores = torch.stack([queries[i, part] @ key[part] / math.sqrt(size) for key in keys])
            looks[i] += scores.softmax(dim=0) / attention.heads
            seen[i, part] = scores.softmax(dim=0) @ values[:, part]
    return attention.out(seen), looks


def test_attention_is_torchs_attention() -> None:
    attention, oracle = SelfAttention(D, 4), nn.MultiheadAttention(D, 4, batch_first=True)
    oracle.in_proj_weight.data.copy_(attention.queries_keys_values.weight)
    oracle.in_proj_bias.data.copy_(attention.queries_keys_values.bias)
    oracle.out_proj.load_state_dict(attention.out.state_dict())
    tokens, present = every_subset()
    seen, looks = attention(tokens[1:], present[1:])
    expected, shares = oracle(tokens[1:], tokens[1:], tokens[1:], key_padding_mask=~present[1:])
    torch.testing.assert_close(seen, expected)
    torch.testing.assert_close(looks.mean(dim=1), shares)


def test_attention_across_blocks() -> None:
    network = made("inter-attention")
    tokens, present = every_subset()
    shares = network.shares(tokens, present)

    def naive(there: list[int], own: torch.Tensor) -> torch.Tensor:
        return (own + naive_attention(network.attention, own + network.names[there])[0]).mean(dim=0)

    check(network, naive)
    for row, there, own in rows_of_present(tokens, present):
        looks = naive_attention(network.attention, own + network.names[there])[1]
        torch.testing.assert_close(shares[row, there], looks.mean(dim=0))


def test_attention_within_blocks() -> None:
    network = IntraModal(B, D, parts=4)

    def naive(there: list[int], own: torch.Tensor) -> torch.Tensor:
        made = []
        for b, token in zip(there, own, strict=True):
            pieces = token.view(4, D // 4) + network.places[b]
            made.append(token + naive_attention(network.attentions[b], pieces)[0].flatten())
        return torch.stack(made).mean(dim=0)

    check(network, naive)


def naive_transformer(network: Transformer, there: list[int], own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last state of the class token, and how it looks at the blocks in the last layer."""
    states = torch.stack([network.class_token, *(own + network.names[there])])
    for layer in network.layers:
        seen, looks = naive_attention(layer.attention, layer.before_attention(states))
        states = states + seen
        states = states + layer.forward_layers(layer.before_forward(states))
    return network.out(network.last(states[0])), looks[0, 1:] / looks[0, 1:].sum()


def test_transformer() -> None:
    network = Transformer(B, D, heads=2, layers=2)
    check(network, lambda there, own: naive_transformer(network, there, own)[0])
    tokens, present = every_subset()
    shares = network.shares(tokens, present)
    for row, there, own in rows_of_present(tokens, present):
        torch.testing.assert_close(shares[row, there], naive_transformer(network, there, own)[1])


# ---- options, towers


def test_options_are_checked() -> None:
    for wrong in (
        lambda: Mean(B, D, activation="cosine"),
        lambda: Recurrent(B, D, cell="rnn"),
        lambda: InterModal(B, D, heads=3),
        lambda: IntraModal(B, D, parts=5),
        lambda: Transformer(B, D, layers=0),
    ):
        with pytest.raises(UsageError):
            wrong()


def network_of(**changed: object) -> FusionNetwork:
    settings = {"combining": "mean", "width": D, "tower": "linear", "hidden": 6, "dropout": 0.0, "options": {}}
    return FusionNetwork({"a": 4, "b": 5}, **{**settings, **changed}).eval()  # type: ignore[arg-type]


def test_towers_make_tokens_of_mean_square_one() -> None:
    network, rows = network_of(), [torch.randn(3, 4), torch.randn(3, 5)]
    tokens = network.tokens(rows)
    for place, tower in enumerate(network.towers):
        for i, row in enumerate(rows[place]):
            made = tower(row)
            torch.testing.assert_close(tokens[i, place], made / made.norm() * math.sqrt(D))
    torch.testing.assert_close((tokens**2).mean(dim=2), torch.ones(3, 2))


@pytest.mark.parametrize("tower", ["linear", "mlp"])
def test_the_network_gives_unit_rows(tower: str) -> None:
    network = network_of(tower=tower)
    rows = [torch.randn(3, 4), torch.randn(3, 5)]
    present = torch.tensor([[True, True], [False, True], [False, False]])
    torch.testing.assert_close(network(rows, present).norm(dim=1), torch.tensor([1.0, 1.0, 0.0]))


def test_wrong_settings_name_themselves() -> None:
    for changed in ({"combining": "sum"}, {"tower": "deep"}, {"options": {"heads": 2}}):
        with pytest.raises(
            UsageError, match=str(next(iter(changed.values()))) if "options" not in changed else "heads"
        ):
            network_of(**changed)
