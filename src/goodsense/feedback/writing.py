"""Reviews, questions and conversations written out as tables that read back to equal ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from goodsense.errors import UsageError
from goodsense.feedback.reading import VoiceKind
from goodsense.feedback.voice import V
from goodsense.tables import write_lines, write_table

WRITTEN = ("jsonl", "csv", "tsv")


def format_of(path: Path) -> str:
    """The format that a file's name asks for; ``.gz`` after it means packed.

    Raises
    ------
    UsageError
        If its ending is none of :data:`WRITTEN`.
    """
    ending = Path(path.name.lower().removesuffix(".gz")).suffix.removeprefix(".")
    if ending not in WRITTEN:
        known = ", ".join(f".{name}" for name in WRITTEN)
        raise UsageError(f"{path}: nothing is written as {ending or 'a file without ending'!r}.", fix=f"Use {known}.")
    return ending


def write_voices(kind: VoiceKind[V], voices: Iterable[V], path: Path, *, raw: bool = False) -> int:
    """Write reviews, questions or conversations in the format that the file's name asks for; return how many.

    Parameters
    ----------
    voices
        Read once, as a stream.
    raw
        Leave cells that a spreadsheet would run as formulas as they are.

    Raises
    ------
    UsageError
        If the name asks for no known format.
    DataError
        If the file cannot be written.
    """
    wanted = format_of(path)
    if wanted == "jsonl":
        return write_lines(path, (json.dumps(voice.to_json(), ensure_ascii=False) for voice in voices))
    columns = tuple(name for name in kind.type.__slots__)  # type: ignore[attr-defined]
    return write_table(path, columns, _rows(voices), delimiter="\t" if wanted == "tsv" else ",", raw=raw)


def _rows(voices: Iterable[V]) -> Iterator[dict[str, str]]:
    for voice in voices:
        yield {name: _cell(value) for name, value in voice.to_json().items()}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
