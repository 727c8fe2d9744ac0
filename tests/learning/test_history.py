"""Histories of trainings: their verdicts, as JSON, as pictures, and for TensorBoard."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.errors import DataError
from goodsense.learning.events import VERSION, Scalar, crc32c, encoded, masked, write_events
from goodsense.learning.history import (
    History,
    best_epoch,
    curves_figure,
    load_history,
    loss_fell,
    save_curves,
    save_history,
    scalars_of,
    write_report,
)

HISTORY = History(
    losses=(2.0, 1.5, 1.25),
    rates=(0.01, 0.02, 0.001),
    validation=(0.4, 0.7, 0.6),
    untrained=0.1,
    best_epoch=2,
    stopped="patience",
    learned=True,
    epoch_seconds=(0.5, 0.25, 0.25),
)
BARE = replace(HISTORY, validation=(), untrained=None, best_epoch=3, stopped="epochs")


# ---- verdicts


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.5, 0.6], 1),
        ([0.5, 0.4], 0),
        ([0.5, 0.5], 1),
        ([0.1, 0.3, 0.3], 1),
        ([0.9, 0.3, 0.8], 0),
    ],
)
def test_the_best_epoch(figures: list[float], expected: int) -> None:
    assert best_epoch(figures) == expected


def test_a_loss_that_falls_is_told_from_one_that_only_wavers() -> None:
    rng = np.random.default_rng(0)
    noise = lambda: rng.normal(size=50).tolist()  # noqa: E731
    wavering = [loss_fell(noise(), noise(), epochs=2) for _ in range(400)]
    assert 0.1 < np.mean(wavering) < 0.22  # one standard error: 16 in a hundred
    falling = [loss_fell((np.array(noise()) + 1).tolist(), noise(), epochs=2) for _ in range(400)]
    assert np.mean(falling) > 0.99
    assert loss_fell([3.0, 2.0, 1.0, 0.5], [], epochs=1)
    assert not loss_fell([0.5, 1.0, 2.0, 3.0], [], epochs=1)
    assert loss_fell([1.0], [0.9], epochs=2)
    assert not loss_fell([1.0], [1.0 - 1e-9], epochs=2)
    assert not loss_fell([], [], epochs=3)


def test_the_summary_says_what_happened() -> None:
    assert HISTORY.seconds == 1.0
    assert HISTORY.best_figure == 0.7
    assert HISTORY.summary == (
        "3 epochs in 1.0 s (the validation figure got no better), loss 2 to 1.25, "
        "validation 0.7 at epoch 2, 0.1 untrained."
    )
    assert BARE.best_figure is None
    assert BARE.note == "loss 1.25"
    useless = replace(HISTORY, best_epoch=0, learned=False)
    assert useless.best_figure == 0.1
    assert useless.note == "nothing was learned, loss 1.25, validation 0.1 (epoch 0)"
    assert useless.summary.startswith("Nothing was learned: 3 epochs")


# ---- JSON


@pytest.mark.parametrize("history", [HISTORY, BARE, replace(BARE, losses=(), rates=(), best_epoch=0, learned=False)])
def test_json_comes_back(tmp_path: Path, history: History) -> None:
    save_history(history, tmp_path / "new" / "history.json")
    found = load_history(tmp_path / "new" / "history.json")
    assert found == history
    assert found.epoch_seconds == history.epoch_seconds


def test_losses_that_are_no_numbers_are_null(tmp_path: Path) -> None:
    save_history(replace(BARE, losses=(math.nan, 1.0, 0.5)), tmp_path / "h.json")
    assert json.loads((tmp_path / "h.json").read_text())["losses"] == [None, 1.0, 0.5]
    assert math.isnan(load_history(tmp_path / "h.json").losses[0])


@pytest.mark.parametrize("change", ["{", "[]", {"format": "x"}, {"stopped": "tired"}, {"losses": "x"}, {"rates": 1}])
def test_what_is_no_history_is_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "h.json"
    path.write_text(change if isinstance(change, str) else json.dumps(HISTORY.to_json() | change))
    with pytest.raises(DataError, match="is no history of a training"):
        load_history(path)


# ---- TensorBoard


def records(data: bytes) -> list[bytes]:
    """An independent reader of TFRecord: checksums bit by bit, by long division of the reflected polynomial."""

    def checksum(part: bytes) -> int:
        left = 0xFFFFFFFF
        for byte in part:
            for bit in range(8):
                out = (left ^ (byte >> bit)) & 1
                left = (left >> 1) ^ (0x82F63B78 * out)
        plain = left ^ 0xFFFFFFFF
        return (((plain >> 15) | (plain << 17) & 0xFFFFFFFF) + 0xA282EAD8) % 2**32

    found = []
    while data:
        (length,), (over_length,) = struct.unpack("<Q", data[:8]), struct.unpack("<I", data[8:12])
        assert over_length == checksum(data[:8])
        body, (over_body,) = data[12 : 12 + length], struct.unpack("<I", data[12 + length : 16 + length])
        assert len(body) == length
        assert over_body == checksum(body)
        found.append(body)
        data = data[16 + length :]
    return found


def event_class() -> Any:
    """The messages as tensorflow's event.proto and summary.proto declare them, read by protobuf itself."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")
    kinds = {"double": 1, "float": 2, "int64": 3, "string": 9, "message": 11}
    messages = {
        "Value": [("tag", 1, "string"), ("simple_value", 2, "float")],
        "Summary": [("value", 1, "Value")],
        "Event": [
            ("wall_time", 1, "double"),
            ("step", 2, "int64"),
            ("file_version", 3, "string"),
            ("summary", 5, "Summary"),
        ],
    }
    for name, own in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in own:
            added = message.field.add(name=field, number=number, label=3 if field == "value" else 1)
            added.type = kinds.get(kind, 11)
            if kind in messages:
                added.type_name = f".t.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_are_those_of_rfc_3720(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_a_mask_can_be_taken_off() -> None:
    """As tensorflow's ``crc32c::Unmask`` does it."""
    for checksum in (0, 1, 0xE3069283, 0xFFFFFFFF):
        turned = (masked(checksum) - 0xA282EAD8) % 2**32
        assert ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF == checksum


def test_an_event_file_is_read_by_protobuf_as_it_was_meant(tmp_path: Path) -> None:
    path = write_events(scalars_of(HISTORY, ended=1_000.0), tmp_path / "new")
    assert "tfevents" in path.name
    event = event_class()
    first, *rest = [event.FromString(record) for record in records(path.read_bytes())]
    assert (first.file_version, first.wall_time) == (VERSION, 999.0)
    assert all(len(each.summary.value) == 1 for each in rest)
    read = [(each.summary.value[0].tag, each.step, each.summary.value[0].simple_value, each.wall_time) for each in rest]
    curves = {tag: [(step, value) for name, step, value, _ in read if name == tag] for tag, *_ in read}
    assert curves == {
        "loss": [(1, 2.0), (2, 1.5), (3, 1.25)],
        "validation": [(step, pytest.approx(value)) for step, value in enumerate([0.1, 0.4, 0.7, 0.6])],
        "learning rate": [(1, pytest.approx(0.01)), (2, pytest.approx(0.02)), (3, pytest.approx(0.001))],
    }
    assert {step: at for _, step, _, at in read} == {0: 999.0, 1: 999.5, 2: 999.75, 3: 1_000.0}


@pytest.mark.parametrize("step", [0, 1, 127, 128, 300, 2**31, 2**53])
@pytest.mark.parametrize("value", [0.0, -1.5, math.inf, 1e-30])
def test_every_number_and_name_survives(step: int, value: float) -> None:
    found = event_class().FromString(encoded(Scalar("损失/" + "x" * 200, step, value, 1.7e9)))
    assert found.step == step
    assert found.summary.value[0].tag == "损失/" + "x" * 200
    assert found.summary.value[0].simple_value == np.float32(value)
    assert found.wall_time == 1.7e9


def test_event_files_do_not_overwrite_each_other(tmp_path: Path) -> None:
    scalars = scalars_of(BARE, ended=1_000.0)
    first, second = write_events(scalars, tmp_path), write_events(scalars, tmp_path)
    assert first != second
    assert first.read_bytes() == second.read_bytes()
    assert len(records(write_events([], tmp_path).read_bytes())) == 1


# ---- pictures


def test_the_picture_shows_the_numbers() -> None:
    loss, validation, rate = curves_figure(HISTORY, title="heads").axes
    assert loss.lines[0].get_xydata().tolist() == [[1, 2.0], [2, 1.5], [3, 1.25]]
    assert validation.lines[0].get_xydata().tolist() == [[0, 0.1], [1, 0.4], [2, 0.7], [3, 0.6]]
    assert rate.lines[0].get_ydata().tolist() == [0.01, 0.02, 0.001]
    assert [axes.lines[1].get_xdata() for axes in (loss, validation, rate)] == [[2, 2]] * 3
    assert validation.texts[0].get_text() == "best: 0.7, epoch 2"
    assert len(curves_figure(BARE, title="heads").axes) == 2


@pytest.mark.parametrize("history", [HISTORY, BARE, replace(BARE, losses=(), rates=(), epoch_seconds=())])
def test_the_same_history_gives_the_same_bytes(tmp_path: Path, history: History) -> None:
    for name in ("a.png", "b.png"):
        save_curves(history, tmp_path / name, title="训练 $x_1$")  # no font, no mathematics: no warning
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_useless_training_is_named_in_the_picture() -> None:
    figure = curves_figure(replace(HISTORY, learned=False), title="heads")
    assert figure.get_suptitle() == "heads: nothing was learned"


def test_a_report_is_three_files(tmp_path: Path) -> None:
    write_report(HISTORY, tmp_path / "report", title="heads")
    names = sorted(path.name.split(".")[0] for path in (tmp_path / "report").iterdir())
    assert names == ["curves", "events", "history"]
