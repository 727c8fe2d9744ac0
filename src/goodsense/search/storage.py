"""Arrays and strings on disk, opened without reading them.

Arrays live in safetensors files and come back as read-only views of the mapped file, so any number of processes
share one copy and opening costs the header alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError

Array = NDArray[Any]

_DTYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "U16": np.uint16,
    "U32": np.uint32,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays into one safetensors file."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def load_arrays(path: Path) -> dict[str, Array]:
    """Map a safetensors file; every array is a read-only view of it.

    Raises
    ------
    DataError
        If the file is absent, cut short, or no safetensors file.
    """
    try:
        mapped = np.memmap(path, dtype=np.uint8, mode="r")
        body = 8 + int(mapped[:8].view("<u8")[0])
        if body > len(mapped):
            raise ValueError(f"the header claims {body} bytes of {len(mapped)}")
        header = json.loads(mapped[8:body].tobytes())
        header.pop("__metadata__", None)
        plain = np.asarray(mapped)
        return {name: _view(plain[body:], entry) for name, entry in header.items()}
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.", fix="Build again.") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} is no readable safetensors file: {error}.", fix="Build again.") from error


def _view(body: Array, entry: Mapping[str, Any]) -> Array:
    start, end = entry["data_offsets"]
    if end > len(body):
        raise ValueError(f"an array ends at byte {end} of {len(body)}")
    return body[start:end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])


def save_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a small JSON object."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DataError
        If the file is absent or holds no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.", fix="Build again.") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}.", fix="Build again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds {type(value).__name__}; expected a JSON object.", fix="Build again.")
    return value


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of several slices, one after the other: ``[2, 7], [3, 2] -> [2, 3, 4, 7, 8]``."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


class StringColumn(Sequence[str]):
    """Strings as one block of UTF-8 bytes and where each begins; a string is decoded when it is asked for."""

    __slots__ = ("_bounds", "_bytes", "data", "offsets")

    def __init__(self, offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        if len(offsets) < 1 or int(offsets[-1]) > len(data):
            raise DataError(f"string offsets end beyond their {len(data)} bytes.", fix="Build again.")
        self.offsets = offsets
        self.data = data
        self._bounds, self._bytes = offsets.data, data.data  # several times faster to index

    @classmethod
    def of(cls, strings: Iterable[str]) -> StringColumn:
        encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=offsets[1:])
        return cls(offsets, np.frombuffer(b"".join(encoded), dtype=np.uint8))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], prefix: str) -> StringColumn:
        return cls(arrays[f"{prefix}.offsets"], arrays[f"{prefix}.bytes"])

    @classmethod
    def load(cls, path: Path) -> StringColumn:
        """Map what :meth:`save` wrote."""
        return cls.from_arrays(load_arrays(path), "text")

    def save(self, path: Path) -> None:
        """Write the column into a file of its own."""
        save_arrays(path, self.arrays("text"))

    def arrays(self, prefix: str) -> dict[str, Array]:
        """What :meth:`from_arrays` takes back."""
        return {f"{prefix}.offsets": self.offsets, f"{prefix}.bytes": self.data}

    def find(self, string: str) -> int:
        """Where a string stands in a sorted column; -1 if it does not. UTF-8 sorts as code points do."""
        wanted = string.encode("utf-8", "surrogatepass")
        at = self._first_from(wanted, 0, len(self))
        return at if self._holds(at, wanted) else -1

    def find_sorted(self, strings: Iterable[str]) -> list[int]:
        """:meth:`find` of strings that come in code point order: each search begins where the last one ended."""
        bounds, data, n = self._bounds, self._bytes, len(self)
        found = []
        low = 0
        for string in strings:
            wanted = string.encode("utf-8", "surrogatepass")
            step, high = 1, low
            while high < n and bytes(data[bounds[high] : bounds[high + 1]]) < wanted:
                low, high, step = high + 1, high + step, step * 2
            low = self._first_from(wanted, low, min(high, n))
            found.append(low if self._holds(low, wanted) else -1)
        return found

    def _first_from(self, wanted: bytes, low: int, high: int) -> int:
        """The first place from ``low`` on, before ``high``, whose string is not below ``wanted``; else ``high``."""
        bounds, data = self._bounds, self._bytes
        while low < high:
            middle = (low + high) // 2
            if bytes(data[bounds[middle] : bounds[middle + 1]]) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _holds(self, at: int, wanted: bytes) -> bool:
        return at < len(self) and bytes(self._bytes[self._bounds[at] : self._bounds[at + 1]]) == wanted

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"string {index} of {len(self)}")
        at = index % len(self)
        return str(self._bytes[self._bounds[at] : self._bounds[at + 1]], "utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def tolist(self) -> list[str]:
        data, bounds = self.data.tobytes(), self.offsets.tolist()
        return [data[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(bounds)]


class Vocabulary(Sequence[str]):
    """Words and their numbers: a sorted part that is searched where it lies, and words that came later.

    Opening costs nothing however many words there are; a look-up in the sorted part takes about 17 comparisons for
    100 thousand words.
    """

    __slots__ = ("_late", "late", "sorted")

    def __init__(self, ordered: StringColumn, late: tuple[str, ...] = ()) -> None:
        self.sorted = ordered
        self.late = late
        self._late = {word: len(ordered) + i for i, word in enumerate(late)}

    @classmethod
    def of(cls, words: Iterable[str]) -> Vocabulary:
        """The distinct words in code point order."""
        return cls(StringColumn.of(sorted(set(words))))

    def extended(self, words: Iterable[str]) -> tuple[Vocabulary, dict[str, int]]:
        """A vocabulary that has these words too, and their numbers.

        Known words keep their numbers; others get the next ones, in the order given.
        """
        wanted = dict.fromkeys(words)
        ordered = sorted(wanted)
        known = dict(zip(ordered, self.sorted.find_sorted(ordered), strict=True))
        late = dict(self._late)
        for word in wanted:
            if known[word] < 0:
                known[word] = late.setdefault(word, len(self.sorted) + len(late))
        grown = Vocabulary(self.sorted, tuple(late)) if len(late) > len(self.late) else self
        return grown, known

    def find(self, word: str) -> int:
        """The number of a word; -1 if it has none."""
        at = self.sorted.find(word)
        return at if at >= 0 else self._late.get(word, -1)

    def __len__(self) -> int:
        return len(self.sorted) + len(self.late)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        return self.sorted[at] if at < len(self.sorted) else self.late[at - len(self.sorted)]

    def tolist(self) -> list[str]:
        return [*self.sorted.tolist(), *self.late]
