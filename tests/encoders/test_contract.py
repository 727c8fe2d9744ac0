"""What every encoder keeps, whichever family it is of."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.encoders import ENCODERS, encoder_options, load_encoder, make_encoder
from goodsense.errors import DataError, UsageError
from goodsense.types import Encoder, FittedEncoder, MediaEncoder, Modality
from tests.encoders.case import Case
from tests.encoders.cases import CASES


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.id)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    if found.prepare is not None:
        found.prepare()
    return found


@pytest.fixture(scope="module")
def encoder(case: Case) -> FittedEncoder:
    return case.fitted()


def test_it_is_an_encoder(case: Case, encoder: FittedEncoder) -> None:
    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, FittedEncoder)
    assert case.modality in encoder.accepts or case.modality in ("reviews", "behaviour")


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
    np.testing.assert_allclose(single, batch, atol=case.tolerance)


def test_queries_live_in_the_same_space(case: Case, encoder: FittedEncoder) -> None:
    assert encoder.encode_query(case.values[:2]).shape == (2, encoder.dim)


def test_the_two_halves_make_the_whole(case: Case, encoder: FittedEncoder) -> None:
    if not isinstance(encoder, MediaEncoder):
        return
    describe = pickle.loads(pickle.dumps(encoder.describe))  # as it goes to worker processes
    whole = encoder.project([describe(value) for value in case.values])
    np.testing.assert_allclose(whole, encoder.encode(case.values), atol=case.tolerance)
    assert encoder.project([]).shape == (0, encoder.dim)
    assert encoder.wish is not None


def test_descriptions_from_before_the_fit_become_those_after_it(case: Case, encoder: FittedEncoder) -> None:
    if not isinstance(encoder, MediaEncoder):
        return
    values = case.values[:3]
    before, after = case.made().describe, encoder.describe  # type: ignore[attr-defined]
    found = encoder.redescribed([before(value) for value in values])
    for one, value in zip(found, values, strict=True):
        np.testing.assert_array_equal(one, after(value))


def test_a_value_that_says_nothing_is_a_zero_row(case: Case, encoder: FittedEncoder) -> None:
    if case.empty is not None:
        assert not encoder.encode([case.empty]).any()
        mixed = encoder.encode([case.values[0], case.empty, case.values[1]])
        assert mixed.any(axis=1).tolist() == [True, False, True]


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
    if not case.fits:
        return
    case.made().save(tmp_path)
    with pytest.raises(UsageError, match="not fitted"):
        load_encoder(case.modality, case.name, tmp_path).encode(case.values[:1])


def test_the_cases_change_every_option(case: Case) -> None:
    assert set(case.changes) == set(encoder_options(case.modality, case.name))
    assert not [option for option, value in case.changes.items() if case.options.get(option) == value]


def test_the_fingerprint_changes_with_every_option(case: Case, encoder: FittedEncoder) -> None:
    prints = {encoder.fingerprint} | ({case.made().fingerprint} if case.fits else set())
    prints |= {case.made(**{option: value}).fingerprint for option, value in case.changes.items()}
    assert len(prints) == 1 + case.fits + len(case.changes)


def test_the_fingerprint_changes_with_what_was_fitted(case: Case, encoder: FittedEncoder) -> None:
    if case.fits:
        assert case.fitted(count=len(case.values) - 5).fingerprint != encoder.fingerprint


def test_damage_on_disk_is_noticed(case: Case, encoder: FittedEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    arrays = tmp_path / "encoder.safetensors"
    if not case.fits:
        return
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
    next(case for case in CASES if case.name == "columns").fitted().save(tmp_path)
    with pytest.raises(DataError, match="'columns' version 1; expected 'lsa'"):
        load_encoder("text", "lsa", tmp_path)


def test_unknown_names_and_options_say_what_exists() -> None:
    with pytest.raises(UsageError, match="no text encoder 'lsb'; there are lsa, sketch") as raised:
        make_encoder("text", "lsb", {})
    assert raised.value.fix == "Did you mean 'lsa'?"
    with pytest.raises(UsageError, match="no option 'dims'; it has dim, char_ngrams") as raised:
        make_encoder("text", "lsa", {"dims": 3})
    assert raised.value.fix == "Did you mean 'dim'?"
    with pytest.raises(UsageError, match="no audio encoder 'descriptors'"):
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
