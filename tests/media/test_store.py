from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.errors import DataError, StorageError, UsageError
from goodsense.media import MediaStore, resolve_media_path, sniff_media

from .pictures import FORMATS, drawn, encoded


def test_bytes_come_back_under_their_hash(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    name = store.put(b"kettle")
    assert name == sha256(b"kettle").hexdigest()
    assert store.path(name) == tmp_path / "media" / name[:2] / name[2:]
    assert store.read(name) == store.read(name, verify=True) == b"kettle"
    assert store.has(name)
    assert not store.has("0" * 64)
    assert list(store) == [name]


def test_putting_again_changes_nothing(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    name = store.put(b"")
    before = store.path(name).stat()
    assert store.put(b"") == name
    after = store.path(name).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_many_writers_of_one_medium(tmp_path: Path) -> None:
    store, data = MediaStore(tmp_path), os.urandom(200_000)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: store.put(data), range(24)))
    assert len(names) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [next(iter(names))[2:]]
    assert store.read(names.pop(), verify=True) == data


def test_damage_is_seen_when_asked_and_half_files_are_replaced(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    name = store.put(b"kettle")
    store.path(name).write_bytes(b"kettlE")
    assert store.read(name) == b"kettlE"
    with pytest.raises(DataError, match=name):
        store.read(name, verify=True)
    store.path(name).write_bytes(b"ket")
    assert store.put(b"kettle") == name
    assert store.read(name, verify=True) == b"kettle"


def test_temporary_files_are_no_media(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    name = store.put(b"kettle")
    (store.path(name).parent / ".writing-abc").write_bytes(b"ket")
    assert list(store) == [name]
    assert list(MediaStore(tmp_path / "absent")) == []


def test_absent_media_and_unwritable_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0" * 62):
        MediaStore(tmp_path).read("0" * 64)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be written"):
        MediaStore(tmp_path / "file").put(b"kettle")


@pytest.mark.parametrize("name", ["", "abc", "A" * 64, "g" * 64, "0" * 63, "0" * 65, "../" + "0" * 61, "0" * 64 + "\n"])
def test_names_are_hashes(tmp_path: Path, name: str) -> None:
    store = MediaStore(tmp_path)
    for ask in (store.path, store.has, store.read):
        with pytest.raises(UsageError, match="SHA-256"):
            ask(name)


# --- paths from feeds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri", ["a.jpg", "images/a.jpg", "./images//a.jpg", "images\\a.jpg", "图片/杯.png", "a..b.jpg"]
)
def test_paths_below_the_root(tmp_path: Path, uri: str) -> None:
    steps = [step for step in uri.replace("\\", "/").split("/") if step not in ("", ".")]
    assert resolve_media_path(tmp_path, uri) == tmp_path.resolve().joinpath(*steps)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "empty"),
        (".", "empty"),
        ("../a.jpg", "climbs"),
        ("images/../../a.jpg", "climbs"),
        ("images\\..\\..\\a.jpg", "climbs"),
        ("/etc/passwd", "absolute"),
        ("\\\\server\\share", "absolute"),
        ("C:\\a.jpg", "drive letter"),
        ("c:a.jpg", "drive letter"),
        ("file:///etc/passwd", "scheme"),
        ("FILE:a.jpg", "scheme"),
        ("https://example.com/a.jpg", "scheme"),
        ("a\0.jpg", "NUL"),
        ("a" * 5000, "longer than 255"),
        ("杯" * 86, "longer than 255"),
        ("a\ud800.jpg", "resolve"),
    ],
)
def test_paths_that_lead_outside_are_refused(tmp_path: Path, uri: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        resolve_media_path(tmp_path, uri)
    assert caught.value.fix


def test_links_must_end_inside(tmp_path: Path) -> None:
    root, outside = tmp_path / "feed", tmp_path / "secret"
    root.mkdir()
    outside.mkdir()
    (outside / "key").write_text("x")
    (root / "inside").write_text("x")
    (root / "good").symlink_to(root / "inside")
    (root / "bad").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")
    assert resolve_media_path(root, "good") == (root / "inside").resolve()
    for uri in ("bad/key", "bad", "loop"):
        with pytest.raises(DataError):
            resolve_media_path(root, uri)
    (tmp_path / "feed2").mkdir()
    (root / "sibling").symlink_to(tmp_path / "feed2")
    with pytest.raises(DataError, match="link"):
        resolve_media_path(root, "sibling")


@given(st.text(st.sampled_from("a./\\:~\0 ")))
def test_no_path_leads_outside(uri: str) -> None:
    root = Path("/srv/feed")
    try:
        found = resolve_media_path(root, uri)
    except DataError:
        return
    assert found.is_relative_to(root)
    assert found != root


# --- formats --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
def test_pictures_are_known_by_their_bytes(format_name: str) -> None:
    assert sniff_media(encoded(drawn(), format_name)[:64]) == format_name


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"RIFF\x00\x00\x00\x00ODD!", None),
        (b"\x00\x00\x00\x18ftypmp42", "mp4"),
        (b"\x00\x00\x00\x18ftypavif", "avif"),
        (b"\x00\x00\x00\x18ftypheic", "heic"),
        (b"\x00\x00\x00\x18ftypM4A ", "m4a"),
        (b"\x1aE\xdf\xa3", "webm"),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\xff", None),
        (b"", None),
        (b"plain text", None),
    ],
)
def test_media_are_known_by_their_magic(head: bytes, expected: str | None) -> None:
    assert sniff_media(head) == expected


@given(st.binary(max_size=64))
def test_any_head_has_an_answer(head: bytes) -> None:
    assert sniff_media(head) is None or isinstance(sniff_media(head), str)
