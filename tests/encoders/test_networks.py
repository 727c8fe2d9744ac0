"""What networks learn from labels."""

from __future__ import annotations

from goodsense.encoders.networks import Targets


def test_targets_are_fields_with_classes_worth_learning() -> None:
    labels = [{"id": str(i), "kind": "ab"[i % 2], "name": f"n{i}", "rare": "x" if i < 1 else ""} for i in range(12)]
    labels[3] = {"id": "3", "kind": "once"}
    found = Targets.of(labels)
    assert dict(found.sizes) == {"kind": 2}
    assert found.codes["kind"].tolist() == [0, 1, 0, -1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert not Targets.of(labels, fields=["name", "absent"])
    assert not Targets.of([])
