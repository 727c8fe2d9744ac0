"""Archives unpack whole or not at all, and only inside."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.media.archives import ArchiveLimits, is_archive, unpack

from .archive_attacks import LIMITS, make_tar, make_zip, run_archive_attacks, run_archive_mutations

FILES = {"feed/商品.csv": "id,title\n1,茶壶\n".encode(), "feed/pictures/a b.jpg": bytes(5_000), "empty": b""}
PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_unpack(tmp_path: Path, packing: str, format: int) -> None:
    long = {f"{'l' * 60}/{'货' * 20}/{'m' * 80}.txt": b"long"} if format != tarfile.USTAR_FORMAT else {}
    files = {**FILES, **long}
    archive = tmp_path / f"feed.tar{packing}"
    archive.write_bytes(PACKERS[packing](make_tar([(name, data, {}) for name, data in files.items()], format=format)))
    assert is_archive(archive)
    found = unpack(archive, tmp_path / "out")
    assert found == sorted(tmp_path / "out" / name for name in files)
    assert content(tmp_path / "out") == files


def test_zips_unpack_into_a_new_or_an_empty_folder(tmp_path: Path) -> None:
    archive = tmp_path / "feed.zip"
    archive.write_bytes(make_zip(FILES))
    assert is_archive(archive)
    (tmp_path / "empty").mkdir()
    for target in ("new", "empty", "not/there/yet"):
        assert len(unpack(archive, tmp_path / target)) == 3
        assert content(tmp_path / target) == FILES
    assert not list(tmp_path.rglob(".unpacking*"))


def test_folders_and_modes_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    archive = tmp_path / "feed.tar"
    folder = ("d", b"", {"type": tarfile.DIRTYPE, "mode": 0})
    archive.write_bytes(make_tar([folder, folder, ("d/run.sh", b"x", {"mode": 0o6777})]))
    (script,) = unpack(archive, tmp_path / "out")
    assert script.stat().st_mode & 0o7111 == 0


def test_names_of_chinese_windows_are_read(tmp_path: Path) -> None:
    archive = tmp_path / "feed.zip"
    sample = make_zip({"AABB/CC.csv": b"1"})
    archive.write_bytes(sample.replace(b"AABB", "商品".encode("gb18030")).replace(b"CC", "表".encode("gb18030")))
    assert [path.relative_to(tmp_path / "out").as_posix() for path in unpack(archive, tmp_path / "out")] == [
        "商品/表.csv"
    ]


def test_archives_within_stay_packed(tmp_path: Path) -> None:
    archive = tmp_path / "outer.zip"
    archive.write_bytes(make_zip({"inner.zip": make_zip({"../out": b"x"})}))
    (inner,) = unpack(archive, tmp_path / "out")
    assert is_archive(inner)


def test_what_is_there_stays(tmp_path: Path) -> None:
    archive = tmp_path / "feed.zip"
    archive.write_bytes(make_zip(FILES))
    full, link = tmp_path / "full", tmp_path / "link"
    full.mkdir()
    (full / "mine").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / "elsewhere")
    for target in (full, link, full / "mine"):
        with pytest.raises(UsageError, match="is not an empty folder"):
            unpack(archive, target)
    assert content(full) == {"mine": b"mine"}
    with pytest.raises(UsageError, match="cannot be opened"):
        unpack(tmp_path / "nothing.zip", tmp_path / "out")


def test_tables_are_no_archives(tmp_path: Path) -> None:
    table = tmp_path / "feed.csv.gz"
    table.write_bytes(gzip.compress(b"id,title\n" * 400))
    assert not is_archive(table)
    assert not is_archive(tmp_path)
    with pytest.raises(DataError, match="is no zip and no tar"):
        unpack(table, tmp_path / "out")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (ArchiveLimits(entries=2), "more than 2 entries"),
        (ArchiveLimits(total_bytes=4_000), "unpacks to more than 4,000 bytes"),
        (ArchiveLimits(single_bytes=4_000), "a b.jpg' is larger than 4,000 bytes"),
        (ArchiveLimits(ratio=2, ratio_from_bytes=2_000), "decompression bomb"),
        (ArchiveLimits(depth=2), "more than 2 folders deep"),
        (ArchiveLimits(name_bytes=6), "longer than 6 bytes"),
    ],
)
def test_every_limit_holds_and_says_so(tmp_path: Path, limits: ArchiveLimits, said: str) -> None:
    for name, data in (
        ("a.zip", make_zip(FILES)),
        ("a.tgz", gzip.compress(make_tar([(*f, {}) for f in FILES.items()]))),
    ):
        archive = tmp_path / name
        archive.write_bytes(data)
        with pytest.raises(DataError, match=said) as caught:
            unpack(archive, tmp_path / "new" / "out", limits=limits)
        assert "nothing was unpacked" in caught.value.message
        assert not (tmp_path / "new").exists()


def test_attacks_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    result = run_archive_attacks(tmp_path)
    assert result["failures"] == []
    assert result["cases"] >= 40
    assert result["slowest"] < 5


def test_sound_archives_pass_the_same_limits(tmp_path: Path) -> None:
    """The attacks above are not refused because everything is."""
    (tmp_path / "a.zip").write_bytes(make_zip(FILES))
    assert content_of(tmp_path / "a.zip", tmp_path / "out") == FILES
    assert zipfile.is_zipfile(tmp_path / "a.zip")


def content_of(archive: Path, target: Path) -> dict[str, bytes]:
    unpack(archive, target, limits=LIMITS)
    return content(target)


def test_damaged_archives_unpack_or_are_refused(tmp_path: Path) -> None:
    result = run_archive_mutations(tmp_path, 300, seed=5)
    assert result["failures"] == []
    assert 5 <= result["unpacked"] <= 295
