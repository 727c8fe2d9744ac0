"""Pseudonyms are stable within a shop, differ between shops, and their secret is private."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

import pytest

from goodsense.errors import DataError, StorageError
from goodsense.tables.pseudonyms import KEY_FILE, Pseudonyms


def test_the_same_user_gets_the_same_name_in_one_shop_only(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    here, again, there = (Pseudonyms.of_shop(tmp_path / name) for name in "aab")
    for user in ("4200017", "王小明", "a@b.cn"):
        assert here(user) == again(user) != there(user)
        assert user not in here(user)
    assert here("42") != here("43")


def test_it_is_keyed_blake2b() -> None:
    secret = bytes(range(32))
    assert Pseudonyms(secret)("小明") == "user-" + blake2b("小明".encode(), key=secret, digest_size=16).hexdigest()


def test_a_pseudonym_stays_as_it_is(tmp_path: Path) -> None:
    names = Pseudonyms.of_shop(tmp_path)
    assert names(names("42")) == names("42")


def test_the_secret_is_readable_by_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    assert not Pseudonyms.used_in(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: Pseudonyms.of_shop(tmp_path)("42"), range(8)))
    assert len(set(names)) == 1
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert Pseudonyms.used_in(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"abc", b"\xff" * 64, b"0" * 63 + b"g"])
def test_a_damaged_secret_is_an_error_not_a_new_one(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(damage)
    with pytest.raises(DataError, match=r"pseudonyms\.key"):
        Pseudonyms.of_shop(tmp_path)
    assert (tmp_path / KEY_FILE).read_bytes() == damage


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"pseudonyms\.key"):
        Pseudonyms.of_shop(tmp_path / "nowhere")
