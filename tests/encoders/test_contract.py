"""What every encoder keeps, whichever family it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import ENCODERS, encoder_options, load_encoder, make_encoder
from goodsense.errors import DataError, UsageError
from goodsense.types import Encoder, FittedEncoder, Modality
from tests.encoders import samples


@dataclass(frozen=True)
class Case:
    modality: Modality
    name: str
    values: Sequence[Any]
    empty: Any  # a value that says nothing
    changes: dict[str, Any] = field(default_factory=dict)  # every option, with a value other than its default

    def fitted(self, **options: Any) -> FittedEncoder:
        return make_encoder(self.modality, self.name, options).fit(self.values, seed=0)


CASES = [
    Case(
        "text",
        "lsa",
        samples.texts(),
        {"title": ""},
        {
            "dim": 24,
            "char_ngrams": [2, 4],
            "word_ngrams": 1,
            "field_weights": {"title": 1.0},
            "char_weight": 0.1,
            "whiten": 0.9,
        },
    ),
    Case(
        "image",
        "descriptors",
        samples.pictures(),
        None,
        {"dim": 64, "weights": {"gradients": 0.2}},
    ),
    Case("attributes", "columns", samples.attributes(), {}, {"scale": "minmax", "max_categories": 2}),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def encoder(case: Case) -> FittedEncoder:
    return case.fitted()


def test_it_is_an_encoder(case: Case, encoder: FittedEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, FittedEncoder)
    assert encoder.accepts == {case.modality}


def test_vectors_have_the_promised_shape(case: Case, encoder: FittedEncoder) -> None:
    found = encoder.encode(case.values)
    assert found.shape == (len(case.values), encoder.dim)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found.any(axis=1).all()


def test_no_values_give_no_rows(encoder: FittedEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert encoder.encode_query([]).shape == (0, encoder.dim)


def test_single_equals_batch(case: Case, encoder: FittedEncoder) -> None:
    batch = encoder.encode(case.values)
    single = np.concatenate([encoder.encode([value]) for value in case.values])
    np.testing.assert_allclose(single, batch, atol=2e-6)


def test_queries_live_in_the_same_space(case: Case, encoder: FittedEncoder) -> None:
    assert encoder.encode_query(case.values[:2]).shape == (2, encoder.dim)


def test_a_value_that_says_nothing_is_a_zero_row(case: Case, encoder: FittedEncoder) -> None:
    if case.empty is None:  # every picture shows something
        assert encoder.encode([np.zeros((5, 5, 3), dtype=np.uint8)]).any()
    else:
        assert not encoder.encode([case.empty]).any()


def test_two_fits_agree(case: Case, encoder: FittedEncoder) -> None:
    again = case.fitted()
    np.testing.assert_array_equal(again.encode(case.values), encoder.encode(case.values))
    assert again.fingerprint == encoder.fingerprint


def test_it_comes_back_from_disk(case: Case, encoder: FittedEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "model")
    loaded = load_encoder(case.modality, case.name, tmp_path / "model")
    assert loaded.fingerprint == encoder.fingerprint
    assert loaded.dim == encoder.dim
    np.testing.assert_array_equal(loaded.encode(case.values), encoder.encode(case.values))


def test_an_unfitted_encoder_comes_back_unfitted(case: Case, tmp_path: Path) -> None:
    fresh = make_encoder(case.modality, case.name, {})
    fresh.save(tmp_path)
    with pytest.raises(UsageError, match="not fitted"):
        load_encoder(case.modality, case.name, tmp_path).encode(case.values[:1])


def test_the_cases_change_every_option(case: Case) -> None:
    assert set(case.changes) == set(encoder_options(case.modality, case.name))


def test_the_fingerprint_changes_with_every_option(case: Case, encoder: FittedEncoder) -> None:
    prints = {encoder.fingerprint, make_encoder(case.modality, case.name, {}).fingerprint}
    prints |= {case.fitted(**{option: value}).fingerprint for option, value in case.changes.items()}
    assert len(prints) == 2 + len(case.changes)


def test_the_fingerprint_changes_with_what_was_fitted(case: Case, encoder: FittedEncoder) -> None:
    fewer = make_encoder(case.modality, case.name, {}).fit(case.values[:-5], seed=0)
    assert fewer.fingerprint != encoder.fingerprint


def test_damage_on_disk_is_noticed(case: Case, encoder: FittedEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    arrays = tmp_path / "encoder.safetensors"
    data = bytearray(arrays.read_bytes())
    data[-3] ^= 0x11
    arrays.write_bytes(bytes(data))
    with pytest.raises(DataError, match="changed after it was written"):
        load_encoder(case.modality, case.name, tmp_path)
    arrays.write_bytes(b"no arrays")
    with pytest.raises(DataError, match="cannot be read"):
        load_encoder(case.modality, case.name, tmp_path)


def test_a_directory_without_an_encoder_is_an_error(case: Case, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no readable encoder"):
        load_encoder(case.modality, case.name, tmp_path)


def test_another_kind_is_refused(tmp_path: Path) -> None:
    CASES[2].fitted().save(tmp_path)
    with pytest.raises(DataError, match="'columns' version 1; expected 'lsa'"):
        load_encoder("text", "lsa", tmp_path)


def test_unknown_names_and_options_say_what_exists() -> None:
    with pytest.raises(UsageError, match="no text encoder 'lsb'; there are lsa, minilm") as raised:
        make_encoder("text", "lsb", {})
    assert raised.value.fix == "Did you mean 'lsa'?"
    with pytest.raises(UsageError, match="no option 'dims'; it has dim, char_ngrams") as raised:
        make_encoder("text", "lsa", {"dims": 3})
    assert raised.value.fix == "Did you mean 'dim'?"
    with pytest.raises(UsageError, match="no encoder for 'audio'"):
        make_encoder("audio", "descriptors", {})


@pytest.mark.parametrize(
    ("modality", "name", "options"),
    [
        ("text", "lsa", {"dim": 0}),
        ("text", "lsa", {"char_ngrams": [4, 3]}),
        ("text", "lsa", {"word_ngrams": 0}),
        ("text", "lsa", {"field_weights": {"title": -1}}),
        ("text", "lsa", {"char_weight": float("nan")}),
        ("text", "lsa", {"whiten": 2}),
        ("image", "descriptors", {"dim": 3}),
        ("image", "descriptors", {"weights": {"colours": 1}}),
        ("image", "descriptors", {"weights": {"colour": -1}}),
        ("attributes", "columns", {"scale": "log"}),
        ("attributes", "columns", {"max_categories": 0}),
    ],
)
def test_impossible_options_are_refused(modality: Modality, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_encoder(modality, name, options)


def test_every_registered_encoder_has_options() -> None:
    for modality, name in ENCODERS:
        assert encoder_options(modality, name)
        assert "tokenizer" not in encoder_options(modality, name)
