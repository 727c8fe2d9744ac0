"""Reviews, questions and conversations out of tables of any kind, and out of rows that somebody else has read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic

from goodsense.errors import DataError, UsageError
from goodsense.feedback.building import Cells, Habits, build_conversation, build_question, build_review
from goodsense.feedback.columns import (
    CONVERSATION_ALIASES,
    QUESTION_ALIASES,
    REVIEW_ALIASES,
    Aliases,
    VoiceColumns,
    voice_columns,
)
from goodsense.feedback.conversation import Channel, Conversation
from goodsense.feedback.conversions import STARS, Scale, plain_number
from goodsense.feedback.question import Question
from goodsense.feedback.review import Review
from goodsense.feedback.voice import V, content_key
from goodsense.tables import Rejects, Row, Sniffed, read_header, read_rows, sniff
from goodsense.tables.gathering import gathered
from goodsense.tables.mapping import GroupSpec
from goodsense.tables.occurrences import Occurrences
from goodsense.text.personal import redact

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet")
_LOOKED_AT = 100_000  # rows of a file that tell the scale of its ratings
_FIRST = 1000  # rows of a stream that do
_BATCH = 2_000
_SURPRISES = 200  # rows with new columns that are believed


@dataclass(frozen=True)
class VoiceKind(Generic[V]):
    """Reviews, questions or conversations: how they are read.

    ``rows_of`` names the prefix of columns that tell one answer or turn per row; ``into`` is the list that they become.
    """

    name: str
    type: type[V]
    aliases: Aliases = field(repr=False)
    build: Callable[[Cells, Habits], V | None] = field(repr=False)
    rows_of: str = ""
    into: str = ""

    @property
    def many(self) -> frozenset[str]:
        """The fields that may take several columns."""
        return frozenset(name for name in self.aliases if name.rpartition(".")[2] in ("image", "video", "audio"))


REVIEWS = VoiceKind("reviews", Review, REVIEW_ALIASES, build_review)
QUESTIONS = VoiceKind("questions", Question, QUESTION_ALIASES, build_question, "answer.", "answers")
CONVERSATIONS = VoiceKind("conversations", Conversation, CONVERSATION_ALIASES, build_conversation, "turn.", "turns")


@dataclass(frozen=True, eq=False)
class VoiceFeed(Generic[V]):
    """A source of reviews, questions or conversations, to be streamed.

    Iterating reads the source from its beginning and gives ``(row number, voice)``, each with its id; ``notes`` say
    what was sniffed and which column became which field, and may grow while it is read.
    """

    source: Path
    open: Callable[[], Iterator[tuple[int, V]]] = field(repr=False)
    said: list[str] = field(default_factory=list, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.said))

    def __iter__(self) -> Iterator[tuple[int, V]]:
        return self.open()


@dataclass(frozen=True)
class Manner(Generic[V]):
    """How a source is to be read where it does not say so itself.

    Parameters
    ----------
    zone
        The zone of times that name none.
    scale
        The scale of ratings; told by the first rows if it is not given.
    channel
        The way that conversations came.
    prepare
        Applied to each before it gets its id, such as giving pseudonyms to users.
    """

    zone: tzinfo = UTC
    scale: Scale | None = None
    channel: Channel = "chat"
    prepare: Callable[[V], V] = lambda voice: voice


def read_voices(
    kind: VoiceKind[V],
    source: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    rejects: Rejects,
    manner: Manner[V] | None = None,
) -> VoiceFeed[V]:
    """Recognise a table and stream what it holds.

    Parameters
    ----------
    kind
        :data:`REVIEWS`, :data:`QUESTIONS` or :data:`CONVERSATIONS`.
    source
        CSV, TSV, JSON Lines, a JSON array or Parquet; gzip is seen by content.
    mapping
        Field to column, over the built-in names; fields may be ``extra.NAME`` too.
    rejects
        Where rows and values go that cannot be taken.

    Raises
    ------
    UsageError
        If there is no such file, field or column.
    DataError
        If the file as a whole cannot be read or has no column of its kind.
    """
    source = Path(source)
    if rejects.path is not None and rejects.path.exists() and source.exists() and rejects.path.samefile(source):
        raise UsageError(
            f"{source}: this is the file that rejects are written to.", fix="Rename it, then feed it in again."
        )
    sniffed = _checked(kind, source, sniff(source))
    header = read_header(source, sniffed)
    known = _GrowingColumns(kind, mapping, header.names).known
    _check_speaking(kind, source, header.names, known)
    notes = [*sniffed.notes, *header.notes, *known.notes]

    def rows(kept: Rejects) -> Iterator[tuple[Row, VoiceColumns]]:
        columns = _GrowingColumns(kind, mapping, header.names)
        return ((row, columns.of(row)) for row in read_rows(source, sniffed, kept))

    def voices() -> Iterator[tuple[int, V]]:
        habits = manner or Manner()
        if habits.scale is None and "rating" in known.fields:
            with suppress(DataError):  # said when the rows are read for good
                habits = replace(habits, scale=_scale_of(rows(Rejects.to_memory(keep=0)), notes))
        return _voices(kind, rows(rejects), str(source), rejects, habits, notes)

    return VoiceFeed(source, voices, notes)


def voices_of(
    kind: VoiceKind[V],
    rows: Iterable[Row],
    *,
    file: Path | str,
    rejects: Rejects,
    manner: Manner[V] | None = None,
    notes: list[str] | None = None,
) -> Iterator[tuple[int, V]]:
    """What rows tell that somebody else has read; their keys are names of fields or any of their known names."""
    columns = _GrowingColumns(kind, None, ())
    paired = ((row, columns.of(row)) for row in rows)
    return _voices(kind, paired, str(file), rejects, manner or Manner(), [] if notes is None else notes)


class _GrowingColumns(Generic[V]):
    """The columns of rows of which the first do not name all; after so many surprises no more are learnt."""

    def __init__(self, kind: VoiceKind[V], mapping: Mapping[str, str] | None, header: Sequence[str]) -> None:
        self._kind, self._mapping = kind, mapping
        self._header = dict.fromkeys(header)
        self._surprises = 0
        self.known = voice_columns(header, mapping, kind.aliases, kind.many)

    def of(self, row: Row) -> VoiceColumns:
        """The columns of all rows so far, this one included."""
        if self._surprises < _SURPRISES and not row.values.keys() <= self._header.keys():
            self._surprises += 1
            self._header |= dict.fromkeys(row.values)
            self.known = voice_columns(tuple(self._header), self._mapping, self._kind.aliases, self._kind.many)
        return self.known


def reviews_of(rows: Iterable[Row], *, file: Path | str, rejects: Rejects) -> Iterator[tuple[int, Review]]:
    """Reviews of rows that somebody else has read."""
    return voices_of(REVIEWS, rows, file=file, rejects=rejects)


def questions_of(rows: Iterable[Row], *, file: Path | str, rejects: Rejects) -> Iterator[tuple[int, Question]]:
    """Questions of rows that somebody else has read."""
    return voices_of(QUESTIONS, rows, file=file, rejects=rejects)


def conversations_of(rows: Iterable[Row], *, file: Path | str, rejects: Rejects) -> Iterator[tuple[int, Conversation]]:
    """Conversations of rows that somebody else has read."""
    return voices_of(CONVERSATIONS, rows, file=file, rejects=rejects)


def _checked(kind: VoiceKind[V], source: Path, sniffed: Sniffed) -> Sniffed:
    if sniffed.format not in FORMATS:
        what = "a folder" if sniffed.format == "folder" else sniffed.format
        raise DataError(
            f"{source}: this is {what}, not a table of {kind.name}.",
            fix="Give CSV, TSV, JSON Lines, JSON or Parquet files, or describe other ones in a mapping file: --mapping",
        )
    return sniffed


def _check_speaking(kind: VoiceKind[V], source: Path, header: Sequence[str], columns: VoiceColumns) -> None:
    """A table without a single column that says something is the wrong file, not a file of wrong rows."""
    needed = {
        "reviews": ("text", "rating", "title", "followup", "image", "video", "audio", "media"),
        "questions": ("text",),
        "conversations": ("turns", "turn.text", "turn.audio", "turn.media", "reply"),
    }[kind.name]
    if header and not any(name in columns.fields for name in needed):
        shown = ", ".join(repr(name[:60]) for name in islice(header, 30))
        raise DataError(
            f"{source}: no column holds {kind.name}; the columns are: {shown}.",
            fix=f"Name it: --map {needed[0]}=COLUMN",
        )


def _voices(
    kind: VoiceKind[V],
    rows: Iterable[tuple[Row, VoiceColumns]],
    file: str,
    rejects: Rejects,
    manner: Manner[V],
    notes: list[str],
) -> Iterator[tuple[int, V]]:
    left = iter(rows)
    first = list(islice(left, _FIRST))
    scale = manner.scale or _scale_of(first, notes)
    habits = Habits(manner.zone, scale, manner.channel)
    names: dict[str, Sequence[str]] = {}
    plain = _canonical(chain(first, left), names)
    if kind.rows_of:
        listed = any(kind.into in columns.fields for _, columns in first)
        plain = _joined(kind, plain, file, rejects, listed=listed)

    def built() -> Iterator[tuple[int, V]]:
        for row in plain:
            voice = kind.build(Cells(row, file=file, columns=names, rejects=rejects), habits)
            if voice is not None:
                yield row.number, manner.prepare(voice)

    return _numbered(built())


def _canonical(rows: Iterable[tuple[Row, VoiceColumns]], names: dict[str, Sequence[str]]) -> Iterator[Row]:
    """Rows under the names of fields, without empty cells; fields of several columns hold a list."""
    for row, columns in rows:
        names.update(columns.fields)
        values: dict[str, Any] = {}
        for name, wanted in columns.fields.items():
            found = [value for column in wanted if (value := row.values.get(column)) is not None and value != ""]
            if found:
                values[name] = found if name.rpartition(".")[2] in ("image", "video", "audio") else found[0]
        for column, name in columns.extra.items():
            value = row.values.get(column)
            if value is not None and value != "":
                values[f"extra.{name}"] = value
        yield Row(row.number, values)


def _joined(kind: VoiceKind[V], rows: Iterator[Row], file: str, rejects: Rejects, *, listed: bool) -> Iterator[Row]:
    """Rows that hold their lists, or rows with one turn or answer each, which are joined by their id."""
    if listed:
        return (_spread(kind, row) for row in rows)
    group = GroupSpec("group", kind.into, ("one",))
    return (_in_time(kind, row) for row in gathered(group, (_with_part(kind, row) for row in rows), file, rejects))


def _spread(kind: VoiceKind[V], row: Row) -> Row:
    """A row that holds the list; a part beside it, such as an official answer, joins it."""
    part = _part(kind, row)
    if not part or kind.into in row.values or kind.into == "turns":
        return row
    return Row(row.number, {**row.values, kind.into: [part]})


def _part(kind: VoiceKind[V], row: Row) -> dict[str, Any]:
    prefix = kind.rows_of
    return {name.removeprefix(prefix): value for name, value in row.values.items() if name.startswith(prefix)}


def _with_part(kind: VoiceKind[V], row: Row) -> Row:
    values = {name: value for name, value in row.values.items() if not name.startswith(kind.rows_of)}
    key = values.get("id")
    if key is None:  # an answer belongs to its question; a turn without a conversation stands alone
        asked = [str(values.get(name, "")) for name in ("product", "user", "time", "text")]
        key = json.dumps(asked if kind.into == "answers" else [row.number], ensure_ascii=False)
    return Row(row.number, {**values, "group": str(key), "one": _part(kind, row)})


def _in_time(kind: VoiceKind[V], row: Row) -> Row:
    """A gathered row without what gathering needed; its turns shall stand in the order of their times."""
    values = {name: value for name, value in row.values.items() if name not in ("group", kind.into)}
    items = [item["one"] for item in row.values.get(kind.into, ()) if item.get("one")]
    return Row(row.number, {**values, kind.into: items, "by_time": True})


def _scale_of(rows: Iterable[tuple[Row, VoiceColumns]], notes: list[str]) -> Scale:
    """The scale that ratings show: stars, points of ten, percent, or yes and no.

    Files are often sorted by rating, so many are looked at, and more as long as all are the same.
    """
    found: set[float] = set()
    for place, (row, columns) in enumerate(rows):
        if "rating_given" in columns.fields or (place >= _LOOKED_AT and len(found) != 1):
            break
        if "rating" in columns.fields:
            number = plain_number(row.values.get(columns.fields["rating"][0]))
            found |= set() if number is None else {number}
    low, high = (min(found), max(found)) if found else (1.0, 5.0)
    if high <= 1 and low == 0:
        scale = Scale(0.0, 1.0)
    elif high <= 5 or high > 100:
        return STARS
    else:
        scale = Scale(0.0 if low < 1 or high > 10 else 1.0, 10.0 if high <= 10 else 100.0)
    notes.append(f"Ratings are read as going from {scale.low:g} to {scale.high:g}; else name their scale: --scale 1-7.")
    return scale


def _numbered(voices: Iterable[tuple[int, V]]) -> Iterator[tuple[int, V]]:
    """Give those that have no id one of their own: the hash of what was said, and how often the same came before.

    The second equal one gets ``-1`` after it, the third ``-2``. So the same source read again gives the same ids, also
    when it has grown at its end, and true repeats stay apart.
    """
    with Occurrences() as occurrences:
        left = iter(voices)
        while batch := list(islice(left, _BATCH)):
            hashes = ["" if voice.id else content_key(voice, redact) for _, voice in batch]
            before = occurrences.count([key for key in hashes if key])
            for (number, voice), key in zip(batch, hashes, strict=True):
                if not key:
                    yield number, voice
                    continue
                times = before.get(key, 0)
                before[key] = times + 1
                yield number, replace(voice, id=f"{key}-{times}" if times else key)  # type: ignore[type-var]
