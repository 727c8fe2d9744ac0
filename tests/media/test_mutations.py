from __future__ import annotations

import pytest

from .mutations import run_mutations
from .pictures import FORMATS


@pytest.mark.parametrize("format_name", FORMATS)
def test_damaged_files_decode_or_are_refused(format_name: str) -> None:
    result = run_mutations(format_name, 200, seed=1)
    assert result["failures"] == []
    assert result["decoded"] + result["refused"] == 200
    assert min(result["decoded"], result["refused"]) >= 5  # the damage reaches both outcomes


def test_a_seed_names_its_mutations() -> None:
    first, again = (run_mutations("gif", 40, seed=3) for _ in range(2))
    assert first | {"slowest": 0} == again | {"slowest": 0}


@pytest.mark.torture
@pytest.mark.parametrize("format_name", FORMATS)
def test_ten_thousand_damaged_files(format_name: str) -> None:
    assert run_mutations(format_name, 10_000, seed=0)["failures"] == []
