"""Archives as an attacker makes them: forty and more kinds, each to be refused with nothing written anywhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goodsense.errors import GoodsenseError
from goodsense.media.archives import ArchiveLimits, is_archive, unpack

LIMITS = ArchiveLimits(
    entries=100,
    total_bytes=20 << 20,
    single_bytes=8 << 20,
    ratio=100,
    ratio_from_bytes=1 << 20,
    depth=8,
    name_bytes=100,
)
_ZEROS = bytes(1 << 20)
_LYING = {
    "climbs": "../out.txt",
    "climbs deep": "a/b/../../../out.txt",
    "climbs by backslash": "..\\..\\out.txt",
    "climbs in the middle": "a/../../out.txt",
    "is absolute": "/tmp/out.txt",
    "is absolute by backslash": "\\out.txt",
    "names a share": "\\\\host\\share\\out.txt",
    "has a drive letter": "C:\\out.txt",
    "has a drive letter, relative": "c:out.txt",
    "has a line end": "a\nb.txt",
    "has an escape": "a\x1b[2Jb.txt",
    "is overlong": "a" * 101,
    "is overlong in Chinese": "货" * 40,
    "is too deep": "/".join("abcdefghi") + "/x",
    "is the folder itself": "./",
    "is empty of steps": "././.",
}


def attacks() -> Iterator[tuple[str, bytes]]:
    """(what it tries, the archive's bytes)."""
    for what, name in _LYING.items():
        if not name.endswith("/"):
            yield f"zip: name {what}", make_zip({name: b"x"})
        yield f"tar: name {what}", make_tar([(name, b"x", {})])
    yield from _zip_attacks()
    yield from _tar_attacks()
    yield from _bombs()
    yield from _broken()


def _zip_attacks() -> Iterator[tuple[str, bytes]]:
    yield "zip: NUL in a name", make_zip({"aXb.txt": b"x"}).replace(b"aXb.txt", b"a\0b.txt")
    yield "zip: symbolic link", make_zip({"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    yield "zip: device", make_zip({"device": b""}, mode=stat.S_IFCHR | 0o666)
    yield "zip: pipe", make_zip({"pipe": b""}, mode=stat.S_IFIFO | 0o666)
    yield "zip: socket", make_zip({"socket": b""}, mode=stat.S_IFSOCK | 0o666)
    yield "zip: the same name twice", _zip_of([("a.txt", b"1"), ("a.txt", b"2")])
    yield "zip: names differ by case", _zip_of([("a.txt", b"1"), ("A.TXT", b"2")])
    yield "zip: folders differ by case", _zip_of([("Data/a.txt", b"1"), ("data/b.txt", b"2")])
    yield "zip: names differ by Unicode form", _zip_of([("caf\u00e9.txt", b"1"), ("cafe\u0301.txt", b"2")])
    yield "zip: a file is a folder too", _zip_of([("a", b"1"), ("a/b", b"2")])
    yield "zip: a folder is a file too", _zip_of([("a/b", b"1"), ("a", b"2")])
    yield "zip: names that fall together", _zip_of([("a//b", b"1"), ("a/./b", b"2")])
    yield "zip: encrypted", _with_flag(make_zip({"a.txt": b"x"}), 0x1)
    yield "zip: unknown method", _with_method(make_zip({"a.txt": b"x" * 50}), 97)
    yield "zip: bzip2 within", _zip_of([("a.txt", _ZEROS * 4)], method=zipfile.ZIP_BZIP2)
    yield "zip: lzma within", _zip_of([("a.txt", _ZEROS)], method=zipfile.ZIP_LZMA)
    yield "zip: claims less than it has", _with_size(make_zip({"a.txt": b"x" * 5_000}), 10)
    yield "zip: claims more than it has", _with_size(make_zip({"a.txt": b"x" * 50}), 5_000)
    yield "zip: wrong checksum", make_zip({"a.txt": b"hello"}).replace(struct.pack("<I", zlib.crc32(b"hello")), b"abcd")
    yield "zip: local name differs", _zip_with_other_local_name()
    yield "zip: too many entries", _zip_of([(f"{number}.txt", b"") for number in range(101)])
    yield "zip: a directory without end", _zip_of_many()
    yield "zip: entries overlap", _overlapping()
    yield "zip: one entry, many names", _shared_entry()
    yield "zip: a folder with content", _zip_folder_with_content()


def _tar_attacks() -> Iterator[tuple[str, bytes]]:
    kinds = {
        "symbolic link": tarfile.SYMTYPE,
        "hard link": tarfile.LNKTYPE,
        "character device": tarfile.CHRTYPE,
        "block device": tarfile.BLKTYPE,
        "pipe": tarfile.FIFOTYPE,
        "unknown kind": b"Z",
        "sparse file": tarfile.GNUTYPE_SPARSE,
    }
    for what, kind in kinds.items():
        yield f"tar: {what}", make_tar([("a", b"", {"type": kind, "linkname": "/etc/passwd"})])
    link = {"type": tarfile.SYMTYPE, "linkname": "/tmp"}
    yield "tar: link, then a file through it", make_tar([("d", b"", link), ("d/out.txt", b"x", {})])
    yield "tar: the same name twice", make_tar([("a", b"1", {}), ("a", b"2", {})])
    yield "tar: names differ by case", make_tar([("a", b"1", {}), ("A", b"2", {})])
    yield "tar: pax name climbs", make_tar([("a", b"x", {"pax_headers": {"path": "../out.txt"}})])
    yield "tar: pax name with NUL", make_tar([("a", b"x", {"pax_headers": {"path": "a\0b"}})])
    yield "tar: pax size lies", make_tar([("a", b"x", {"pax_headers": {"size": "99999"}})])
    yield "tar: pax size is no number", make_tar([("a", b"x", {"pax_headers": {"size": "many"}})])
    yield "tar: pax size is negative", make_tar([("a", b"x", {"pax_headers": {"size": "-5"}})])
    yield "tar: pax record lies about its length", _tar_header(b"x", b"999 path=a\n") + make_tar([("a", b"x", {})])
    yield "tar: pax sparse", make_tar([("a", b"x", {"pax_headers": {"GNU.sparse.major": "1"}})])
    yield "tar: a long name of 2 GiB", _tar_header(b"L", b"", size=2 << 30)
    yield "tar: a pax header of 2 GiB", _tar_header(b"x", b"", size=2 << 30)
    yield "tar: many long headers", gzip.compress(_tar_header(b"g", bytes(1 << 20)) * 70, 1)
    yield "tar: too many entries", make_tar([(f"{number}", b"", {}) for number in range(101)])
    yield "tar: cut off in a file", make_tar([("a", b"x" * 5_000, {})])[:2_000]
    yield "tar: cut off in a header", make_tar([("a", b"x" * 500, {}), ("b", b"", {})])[:1_300]


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "zip: bomb by ratio", make_zip({"a": _ZEROS * 4})
    yield "zip: bomb by size", _zip_of([("a", os.urandom(9 << 20))], method=zipfile.ZIP_STORED)
    yield "zip: bomb by sum", _zip_of([(f"{n}", os.urandom(7 << 20)) for n in range(3)], method=zipfile.ZIP_STORED)
    bomb = make_tar([("a", _ZEROS * 7, {})])
    yield "tar.gz: bomb", gzip.compress(bomb)
    yield "tar.bz2: bomb", bz2.compress(bomb)
    yield "tar.xz: bomb", lzma.compress(bomb, preset=0)
    yield "tar: bomb by size", make_tar([("a", os.urandom(9 << 20), {})])
    pieces = (make_tar([(f"{number}", _ZEROS, {})])[: 512 + len(_ZEROS)] for number in range(30))
    yield "tar.gz: zeros in many members", b"".join(gzip.compress(piece, 1) for piece in pieces)
    yield "tar.xz: a dictionary of 4 GiB", _with_dictionary(lzma.compress(make_tar([("a", b"x", {})])))


def _broken() -> Iterator[tuple[str, bytes]]:
    yield "empty file", b""
    yield "no archive", b"id,title\n1,kettle\n"
    yield "zip: only its beginning", make_zip({"a": b"x" * 100})[:40]
    yield "zip: no central directory", b"PK\x03\x04" + bytes(100)
    yield "zip: directory beyond the file", b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 5, 5, 1 << 30, 0, 0)
    yield "tar.gz: cut off", gzip.compress(make_tar([("a", os.urandom(9_000), {})]))[:5_000]
    yield "tar.gz: damaged", _damaged(gzip.compress(make_tar([("a", os.urandom(9_000), {})])))
    yield "gzip that is no tar", gzip.compress(b"id,title\n" * 500)
    yield "gzip with an endless name", b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (2 << 20)


# ---- making them


def make_zip(files: dict[str, bytes], *, mode: int = 0) -> bytes:
    """A zip; with ``mode`` all entries carry it as their Unix mode."""
    return _zip_of(list(files.items()), mode=mode)


def _zip_of(files: list[tuple[str, bytes]], *, mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    import warnings

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same name twice is meant
        for name, data in files:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            info.compress_type = method
            info.create_system, info.external_attr = 3, (mode or stat.S_IFREG | 0o644) << 16
            made.writestr(info, data)
    return target.getvalue()


def make_tar(files: list[tuple[str, bytes, dict[str, Any]]], *, format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of (name, content, fields of its header)."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as made:
        for name, data, fields in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            made.addfile(info, io.BytesIO(data))
    return target.getvalue()


def _tar_header(kind: bytes, data: bytes, *, size: int | None = None) -> bytes:
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(data) if size is None else size
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def _patched(data: bytes, local: int, central: int, form: str, value: int) -> bytes:
    """Change a field in the local and the central header of a zip's only entry."""
    changed = bytearray(data)
    struct.pack_into(form, changed, local, value)
    struct.pack_into(form, changed, data.index(b"PK\x01\x02") + central, value)
    return bytes(changed)


def _with_flag(data: bytes, flag: int) -> bytes:
    return _patched(data, 6, 8, "<H", flag)


def _with_method(data: bytes, method: int) -> bytes:
    return _patched(data, 8, 10, "<H", method)


def _with_size(data: bytes, size: int) -> bytes:
    return _patched(data, 22, 24, "<I", size)


def _zip_with_other_local_name() -> bytes:
    data = bytearray(make_zip({"a.txt": b"x"}))
    data[30:35] = b"b.txt"
    return bytes(data)


def _zip_folder_with_content() -> bytes:
    return make_zip({"folder_": b"x"}).replace(b"folder_", b"folder/")


def _zip_of_many() -> bytes:
    record = b"PK\x01\x02" + bytes(42)
    directory = record * 200_000
    return b"PK\x03\x04" + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, len(directory), 4, 0)


def _overlapping() -> bytes:
    """Two entries; the first one's packed bytes claim to reach into the second one (as in a quoted overlap bomb)."""
    data = bytearray(_zip_of([("a", b"x" * 10), ("b", b"y" * 10)], method=zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, 18, 60)
    struct.pack_into("<II", data, at + 20, 60, 60)
    return bytes(data)


def _shared_entry() -> bytes:
    """Many central records that all point to one local entry."""
    one = make_zip({"a": _ZEROS[:100_000]})
    at = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    record = one[at:end]
    directory = b"".join(record[:46] + bytes([97 + number]) + record[47:] for number in range(20))
    return one[:at] + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 20, 20, len(directory), at, 0)


def _with_dictionary(data: bytes) -> bytes:
    """An xz whose only block claims the largest dictionary there is (file format 1.1, 3.1 and 5.3.1)."""
    length = (data[12] + 1) * 4
    block = bytearray(data[12 : 12 + length - 4])
    block[block.index(b"\x21\x01") + 2] = 40
    return data[:12] + block + zlib.crc32(block).to_bytes(4, "little") + data[12 + length :]


def _damaged(data: bytes) -> bytes:
    return data[:2_000] + b"damage!" + data[2_007:]


# ---- counting


def run_archive_attacks(work: Path) -> dict[str, Any]:
    """Try every attack; whatever is written outside, left behind, slow or badly said is a failure."""
    failures: list[str] = []
    slowest, count = 0.0, 0
    for what, data in attacks():
        count += 1
        place = work / f"case-{count}"
        place.mkdir()
        archive = place / "archive"
        archive.write_bytes(data)
        before = _everything(work)
        started = time.perf_counter()
        problem = _attempt(archive, place / "target")
        slowest = max(slowest, time.perf_counter() - started)
        if _everything(work) != before:
            problem = problem or f"left {sorted(_everything(work) - before)[:3]}"
        if problem:
            failures.append(f"{what}: {problem}")
    return {"cases": count, "refused": count - len(failures), "failures": failures, "slowest": round(slowest, 3)}


def run_archive_mutations(work: Path, count: int, seed: int) -> dict[str, Any]:
    """Unpack sound archives that were damaged at random: they unpack inside their folder, or are refused cleanly."""
    rng = random.Random(seed)
    files = [
        ("a/商品.csv", "id,title\n1,茶壶\n".encode() * 40),
        ("b.json", b"{}"),
        ("c/d/e.bin", bytes(rng.randbytes(3_000))),
    ]
    tar = make_tar([(name, data, {}) for name, data in files])
    bases = [make_zip(dict(files)), tar, gzip.compress(tar), bz2.compress(tar), lzma.compress(tar)]
    failures: list[str] = []
    unpacked, slowest = 0, 0.0
    for number in range(count):
        data = bytearray(rng.choice(bases))
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((1, 1, 4))] = rng.randbytes(rng.choice((0, 1, 4)))
        place = work / f"mutation-{seed}-{number}"
        place.mkdir()
        (place / "archive").write_bytes(data)
        started = time.perf_counter()
        problem = _attempt(place / "archive", place / "target")
        slowest = max(slowest, time.perf_counter() - started)
        if problem == "was unpacked":
            unpacked, problem = unpacked + 1, ""
        if problem or {path.name for path in place.iterdir()} - {"archive", "target"}:
            failures.append(f"{number}: {problem or 'left something behind'}")
    return {"cases": count, "unpacked": unpacked, "failures": failures, "slowest": round(slowest, 3), "seed": seed}


def _everything(work: Path) -> set[str]:
    return {str(path) for path in work.rglob("*")} | {str(path) for path in Path("/tmp").glob("out.txt")}


def _attempt(archive: Path, target: Path) -> str:
    try:
        is_archive(archive)
        unpack(archive, target, limits=LIMITS)
    except GoodsenseError as error:
        clear = str(archive) in error.message and error.fix
        return "" if clear else f"says only: {error}"
    except BaseException as error:  # whatever it is, it must not get out
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return f"raised {type(error).__name__}: {error}"
    return "was unpacked"
