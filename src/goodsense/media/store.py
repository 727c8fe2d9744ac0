"""Media on disk, named by what they are: the SHA-256 of their bytes."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from goodsense.errors import DataError, StorageError, UsageError

_NAME = re.compile(r"[0-9a-f]{64}")
_DRIVE_OR_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LONGEST_STEP = 255  # bytes; the limit of common file systems


class MediaStore:
    """A directory of media, each at ``ab/cdef...``: the first two and the other 62 digits of its SHA-256.

    Equal bytes are kept once. A file appears under its name only when all of it is on disk, so readers and other
    writers never meet half a file, and whatever was interrupted leaves nothing but a temporary file.

    Parameters
    ----------
    root
        The directory; made at the first :meth:`put`.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its SHA-256 in hexadecimal; putting it again changes nothing.

        Raises
        ------
        StorageError
            If the directory cannot be written.
        """
        name = sha256(data).hexdigest()
        target = self.path(name)
        try:
            if not (target.is_file() and target.stat().st_size == len(data)):
                _write_atomically(target, data)
        except OSError as error:
            raise StorageError(
                f"{target}: cannot be written ({error.strerror or error}).", fix="Free space or mend the permissions."
            ) from error
        return name

    def adopt(self, file: Path, name: str) -> None:
        """Keep a file whose SHA-256 is known; it is linked rather than copied where the disk allows.

        Raises
        ------
        StorageError
            If the directory cannot be written.
        """
        target = self.path(name)
        try:
            if target.is_file() and target.stat().st_size == file.stat().st_size:
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        except OSError:
            self.put(file.read_bytes())

    def path(self, name: str) -> Path:
        """Where the bytes of that SHA-256 are or would be.

        Raises
        ------
        UsageError
            If ``name`` is not 64 lower-case hexadecimal digits.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(
                f"media name {name!r:.80}; expected a SHA-256 as 64 lower-case hexadecimal digits.",
                fix="Use what MediaStore.put returned.",
            )
        return self.root / name[:2] / name[2:]

    def has(self, name: str) -> bool:
        """Whether the bytes of that SHA-256 are here."""
        return self.path(name).is_file()

    def read(self, name: str, *, verify: bool = False) -> bytes:
        """Return the bytes of that SHA-256; ``verify`` hashes them again.

        Raises
        ------
        DataError
            If they are not here, or not the bytes that the name promises.
        """
        path = self.path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: no readable medium of that SHA-256 ({error.strerror or error}).",
                fix="Ingest the product's media again.",
            ) from error
        if verify and (found := sha256(data).hexdigest()) != name:
            raise DataError(
                f"{path}: found bytes of SHA-256 {found}; expected {name}.",
                fix="Delete the damaged file and ingest the product's media again.",
            )
        return data

    def __iter__(self) -> Iterator[str]:
        """The names of all media, ascending."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(
                folder.name + file.name for file in folder.iterdir() if _NAME.fullmatch(folder.name + file.name)
            )


def _write_atomically(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def resolve_media_path(root: Path, uri: str) -> Path:
    """Return the file that a feed's relative ``uri`` names below ``root``.

    Feeds come from others: a reference must not reach any file outside the directory that was opened for them.
    Backslashes count as separators, symbolic links are followed and must end inside.

    Raises
    ------
    DataError
        If the uri is empty, absolute, has a drive letter or a scheme (``file:``, ``http:``), holds ``..`` or NUL or a
        part that no file system takes, or leads outside through a link; or if the path cannot be resolved.
    """
    reason = _refusal(uri)
    if reason is None:
        try:
            base = Path(root).resolve()
            found = base.joinpath(*_steps(uri)).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            reason = f"cannot be resolved ({error})"
        else:
            if found != base and found.is_relative_to(base):
                return found
            reason = "leads outside through a link" if found != base else "names the directory itself"
    raise DataError(
        f"media path {uri!r:.200}: {reason}; expected a file below {root}.",
        fix="Write media paths relative to the feed, or name their directory with --media.",
    )


def _steps(uri: str) -> list[str]:
    return [step for step in uri.replace("\\", "/").split("/") if step not in ("", ".")]


def _refusal(uri: str) -> str | None:
    if "\0" in uri:
        return "holds a NUL character"
    if not _steps(uri):
        return "is empty"
    if uri.startswith(("/", "\\")):
        return "is absolute"
    if _DRIVE_OR_SCHEME.match(uri):
        return "has a drive letter or a scheme"
    if ".." in _steps(uri):
        return "climbs with '..'"
    if any(len(step.encode(errors="replace")) > _LONGEST_STEP for step in _steps(uri)):
        return f"has a part longer than {_LONGEST_STEP} bytes"
    return None
