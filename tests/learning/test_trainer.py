"""The trainer that all networks share."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from goodsense.errors import GoodsenseError, UsageError  # noqa: E402
from goodsense.learning.networks import checked_device, moved, seeded, weights_of  # noqa: E402
from goodsense.learning.schedules import cosine  # noqa: E402
from goodsense.learning.stepping import Step, Watch, chosen_precision  # noqa: E402
from goodsense.learning.trainer import Schedule, train  # noqa: E402
from tests.learning.training import ROWS, SCHEDULE, TRUTH, accuracy, made, same, trained  # noqa: E402

CPU = torch.device("cpu")


def rising() -> Any:
    """A validation figure that only ever gets better."""
    numbers = iter(range(1_000))
    return lambda: float(next(numbers))


def line(outputs: int = 2) -> Any:
    with seeded(0):
        return torch.nn.Linear(6, outputs)


def saying(*figures: float) -> Any:
    """A validation figure that is told beforehand: of the untrained network first."""
    numbers = iter(figures)
    return lambda: next(numbers)


# ---- the loop


def test_it_learns_and_a_seed_repeats_it() -> None:
    one, two, other = made(), made(), made()
    history = trained(one)
    assert len(history.losses) == 7
    assert history.losses[-1] < 0.7 * history.losses[0]
    assert history.learned
    assert trained(two) == history
    assert same(one, two)
    trained(other, seed=1)
    assert not same(one, other)


def test_random_numbers_outside_go_on_as_if_nothing_had_happened() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(made(), validate=lambda: float(torch.rand(1)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("shape", ["one-cycle", "cosine"])
def test_it_does_what_a_plain_loop_does(shape: Any) -> None:
    """Full batches, no momentum of chance: the plain loop is torch's own, written out."""
    rows, truth = torch.from_numpy(ROWS), torch.from_numpy(TRUTH)
    entropy = torch.nn.functional.cross_entropy
    mine, plain = line(), line()
    schedule = Schedule(9, 40, 0.1, decay=0.02, warm_up=0.3, shape=shape, clip=0.2)
    found = train(mine, lambda epoch, rng: [rows], lambda x: entropy(mine(x), truth), schedule, steps=1, seed=0)

    optimiser = torch.optim.AdamW(plain.parameters(), lr=0.1, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=10, pct_start=0.3)
    losses, rates = [], []
    for step in range(9):
        if shape == "cosine":  # three steps up, six down
            optimiser.param_groups[0]["lr"] = 0.1 * (
                (step + 1) / 4 if step < 3 else 0.5 + 0.5 * math.cos(math.pi * (step - 3) / 6)
            )
            optimiser.param_groups[0]["betas"] = (0.9, 0.999)
        optimiser.zero_grad()
        loss = entropy(plain(rows), truth)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.2)
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        losses.append(loss.item())
        if shape == "one-cycle":
            cycle.step()
    assert found.rates == pytest.approx(rates)
    assert found.losses == pytest.approx(losses, rel=1e-6)
    for own, other in zip(mine.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-6)


@pytest.mark.parametrize(("steps", "warm_up"), [(1, 0.5), (2, 0.0), (10, 0.0), (10, 0.3), (10, 1.0), (1_000, 0.1)])
def test_the_cosine_rises_to_its_peak_and_falls_and_is_never_0(steps: int, warm_up: float) -> None:
    found = [cosine(step, steps, warm_up) for step in range(steps)]
    peak = int(np.argmax(found))
    assert found[peak] == 1.0
    assert peak == min(round(warm_up * steps), steps - 1)
    assert min(found) > 0
    assert np.all(np.diff(found[: peak + 1]) > 0)
    assert np.all(np.diff(found[peak:]) < 0)


def test_an_epoch_without_batches_changes_nothing() -> None:
    network = made()
    found = train(network, lambda epoch, rng: [], lambda batch: batch, SCHEDULE, steps=0, seed=0)
    assert same(network, made())
    assert not found.learned
    assert len(found.losses) == 7
    assert all(math.isnan(loss) for loss in found.losses)


def test_progress_tells_loss_and_figure_and_ends_with_the_verdict() -> None:
    told: list[tuple[Any, ...]] = []

    def progress(stage: str, done: int, total: int | None, *, note: str = "") -> None:
        told.append((stage, done, total, note))

    history = trained(made(), validate=rising(), progress=progress, stage="heads")
    assert [call[:3] for call in told] == [("heads", done, 28) for done in range(1, 29)]
    assert told[4][3].startswith("loss 0.")
    assert told[4][3].endswith("validation 1")
    assert told[-1][3] == history.note
    told.clear()
    trained(made(), validate=saying(1, 0, 0), schedule=replace(SCHEDULE, patience=1), progress=progress)
    assert told[-1][1:3] == (28, 28)  # stopped early, and still told as done
    assert told[-1][3].startswith("nothing was learned")


# ---- validation


def test_validation_does_not_disturb_the_training() -> None:
    plain, watched = made(), made()
    history = trained(plain)
    figures = rising()
    found = trained(watched, validate=lambda: figures() + 0 * float(torch.rand(1)))  # it may draw random numbers
    assert found.losses == history.losses
    assert same(plain, watched)
    assert found.untrained == 0
    assert found.validation == tuple(range(1, 8))
    assert found.best_epoch == 7


def test_validation_runs_in_evaluation_mode_in_float32_without_gradients() -> None:
    network = made()

    def validate() -> float:
        seen = network(torch.from_numpy(ROWS))
        assert not network.training
        assert not seen.requires_grad
        assert seen.dtype == torch.float32
        return 1.0

    trained(network, validate=validate, precision="bf16")
    assert not network.training


def test_the_best_weights_come_back_and_patience_ends_it() -> None:
    stopped, whole = made(), made()
    history = trained(stopped, validate=saying(0.1, 0.2, 0.5, 0.4, 0.3, 0.2), schedule=replace(SCHEDULE, patience=3))
    assert (history.stopped, history.best_epoch, history.best_figure) == ("patience", 2, 0.5)
    assert len(history.losses) == 5
    assert history.learned
    full = trained(whole, validate=saying(0.1, 0.2, 0.5, 0.4, 0.3, 0.2, 0.5, 0.1))  # of two best the first
    assert (full.stopped, full.best_epoch) == ("epochs", 2)
    assert same(stopped, whole)
    assert not same(stopped, made())


def test_patience_begins_anew_with_every_better_figure() -> None:
    figures = saying(0.5, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3)
    found = trained(made(), validate=figures, schedule=replace(SCHEDULE, patience=2))
    assert len(found.losses) == 7
    assert found.best_epoch == 0  # never as good as the network as it came


# ---- nothing was learned


def test_a_network_that_training_only_spoils_is_as_it_came_and_said_not_to_have_learned() -> None:
    network = made()
    history = trained(network, validate=saying(0.9, *[0.5] * 7))
    assert (history.best_epoch, history.best_figure, history.learned) == (0, 0.9, False)
    assert same(network, made())
    assert "Nothing was learned" in history.summary
    assert "another learning rate" in history.summary


def test_a_rate_of_0_learns_nothing_whether_validated_or_not() -> None:
    """Dropout and the running means change the losses by chance; the figure stays."""
    still = replace(SCHEDULE, rate=1e-30, decay=0.0)
    network = line()
    rows, truth = torch.from_numpy(ROWS), torch.from_numpy(TRUTH)

    def loss(batch: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(rows[batch]), truth[batch])

    def batches(epoch: int, rng: np.random.Generator) -> Any:
        return torch.from_numpy(rng.permutation(40).reshape(4, 10))

    for validate in (None, lambda: 0.5):
        assert not train(network, batches, loss, still, steps=4, seed=0, validate=validate).learned
    assert train(network, batches, loss, SCHEDULE, steps=4, seed=0).learned


def test_equal_figures_count_as_learned_where_the_loss_fell() -> None:
    """A validation set that is too easy says nothing against the training."""
    network = made()
    history = trained(network, validate=lambda: 1.0)
    assert history.learned
    assert history.best_epoch == 1
    assert not same(network, made())


def test_a_single_epoch_is_judged_by_its_halves() -> None:
    network, once = line(), Schedule(1, 40, 0.05)
    rows, truth = torch.from_numpy(ROWS), torch.from_numpy(TRUTH)

    def found(steps: int) -> bool:
        def loss(batch: Any) -> Any:
            return torch.nn.functional.cross_entropy(network(batch), truth)

        return train(network, lambda epoch, rng: [rows] * steps, loss, once, steps=steps, seed=0).learned

    assert found(30)
    assert not found(1)  # one step shows nothing


# ---- numbers that are not finite


def test_a_loss_that_is_not_finite_ends_it_and_says_where() -> None:
    calls = iter(range(1_000))
    with pytest.raises(GoodsenseError) as caught:
        trained(made(), altered=lambda value: value * (math.nan if next(calls) == 10 else 1.0), stage="heads")
    said = str(caught.value)
    assert "heads: epoch 3 of 7, step 3 of 4, learning rate 0.0" in said
    assert "the loss is nan; the last finite loss was 0." in said
    assert "Lower the learning rate" in said


def test_a_first_loss_that_is_not_finite_blames_the_inputs() -> None:
    with pytest.raises(GoodsenseError, match=r"epoch 1 of 7, step 1 .* is inf; no loss before was finite") as it:
        trained(made(), altered=lambda value: value + math.inf)
    assert it.value.fix.startswith("Look for values that are NaN")


def test_a_gradient_that_is_not_finite_ends_it_while_the_loss_is_fine() -> None:
    with pytest.raises(GoodsenseError, match=r"step 1 of 4, .* the gradient is nan"):
        trained(made(), altered=lambda value: value + 0 * torch.sqrt(value - value))


def test_a_network_that_runs_away_is_caught() -> None:
    network = line(1)
    wild = Schedule(500, 40, 1e18, warm_up=0.0, clip=math.inf)
    rows = torch.from_numpy(ROWS)
    with pytest.raises(GoodsenseError, match=r"the (loss|gradient) is (nan|inf)"):
        train(network, lambda epoch, rng: [rows] * 20, lambda x: network(x).pow(2).mean().exp(), wild, steps=20, seed=0)


def test_a_validation_figure_that_is_not_finite_ends_it() -> None:
    with pytest.raises(GoodsenseError, match="validation figure after 2 epochs is nan"):
        trained(made(), validate=saying(0.1, 0.2, math.nan))


def test_numbers_that_are_read_late_are_blamed_on_the_right_step() -> None:
    """As on a GPU, where they are looked at a few steps at a time."""
    watch = Watch("heads: epoch 1 of 1", 9, every=4)
    for number in range(3):
        watch.saw(Step(torch.tensor(1.0 / (number != 1 or math.nan)), torch.tensor(1.0), 0.5, excused=False))
    assert watch.losses == []
    with pytest.raises(GoodsenseError, match=r"step 2 of 9, learning rate 0.5: the loss is nan; the last .* was 1\."):
        watch.read()


# ---- precision and devices


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns_much_the_same_and_keeps_float32_weights(precision: Any) -> None:
    plain, mixed, seen = made(), made(), set()

    def altered(value: Any) -> Any:
        seen.add(torch.is_autocast_enabled("cpu"))
        return value

    expected = trained(plain)
    found = trained(mixed, precision=precision, altered=altered)
    assert seen == {True}
    assert found.losses == pytest.approx(expected.losses, rel=0.05)
    assert found.losses != expected.losses
    assert {value.dtype for value in weights_of(mixed).values()} == {np.dtype("f4"), np.dtype("i8")}


def test_gradients_that_overflow_in_fp16_leave_steps_out_until_the_scale_is_small_enough() -> None:
    """65,536 times a thousand times a share of the loss is more than fp16 has numbers for; a few halvings later not."""
    network = line()
    rows, truth = torch.from_numpy(ROWS), torch.from_numpy(TRUTH)

    def loss(batch: Any) -> Any:
        return 1_000 * torch.nn.functional.cross_entropy(network(batch), truth)

    schedule = Schedule(30, 40, 0.05)
    history = train(network, lambda epoch, rng: [rows], loss, schedule, steps=1, seed=0, precision="fp16")
    moves = next(epoch for epoch in range(30) if history.losses[epoch + 1] != history.losses[epoch])
    assert 2 <= moves <= 12
    assert history.rates[: moves + 1] == (history.rates[0],) * (moves + 1)  # nor did the rate go on
    assert history.rates[moves + 1] > history.rates[0]
    assert history.learned


def test_gradients_that_overflow_at_every_scale_end_it() -> None:
    with pytest.raises(GoodsenseError, match=r"the gradient is (nan|inf)") as caught:
        trained(made(), altered=lambda value: value + 0 * torch.sqrt(value - value), precision="fp16")
    assert "try float32" in caught.value.fix


def test_the_cpu_has_float32_without_a_wish() -> None:
    assert chosen_precision(None, CPU) == "float32"
    assert chosen_precision("bf16", CPU) == "bf16"


def test_batches_go_to_the_device_in_whatever_they_come() -> None:
    """The device 'meta' holds shapes without numbers, so it shows on any machine what was moved."""
    from collections import namedtuple

    pair = namedtuple("pair", "left right")
    one = torch.ones(2)
    found = moved({"a": [one, "word"], "b": pair(one, 3), "c": (one, None), "d": np.ones(2)}, torch.device("meta"))
    assert [v.device.type for v in (found["a"][0], found["b"].left, found["c"][0])] == ["meta"] * 3
    assert found["a"][1] == "word"
    assert isinstance(found["b"], pair)
    assert found["b"].right == 3
    assert isinstance(found["d"], np.ndarray)


@pytest.mark.parametrize("device", ["cuda:77", "a chair"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(UsageError, match=f"the device '{device}' cannot be used") as caught:
        trained(made(), device=device)
    assert "device='cpu'" in caught.value.fix
    assert checked_device("cpu") == CPU


@pytest.mark.parametrize("options", [{"shape": "square"}, {"patience": 0}])
def test_impossible_schedules_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Schedule(1, 1, 0.1, **options)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="'fp8'; expected one of float32, bf16, fp16"):
        trained(made(), precision="fp8")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", [None, "fp16", "float32"])
def test_a_gpu_learns_the_same(precision: Any) -> None:
    here, there = line(), line()
    rows, truth = torch.from_numpy(ROWS), torch.from_numpy(TRUTH)

    def run(network: Any, **options: Any) -> Any:
        def loss(batch: Any) -> Any:
            return torch.nn.functional.cross_entropy(network(batch["rows"]), batch["truth"])

        batch = {"rows": rows, "truth": truth}
        return train(network, lambda epoch, rng: [batch] * 40, loss, SCHEDULE, steps=40, seed=0, **options)

    expected, found = run(here), run(there, device="cuda", precision=precision)
    assert next(there.parameters()).is_cuda
    assert found.losses == pytest.approx(expected.losses, rel=1e-4 if precision == "float32" else 0.05)


def test_accuracy_is_a_validation_figure() -> None:
    network = made()
    history = trained(network, validate=accuracy(network))
    assert history.best_figure == accuracy(network)()
    assert history.best_figure == max(history.validation)
