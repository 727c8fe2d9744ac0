"""What shoppers did, in the truth: put in batch by durable batch, counted, and given out again."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from goodsense.errors import DataError, PartialError
from goodsense.events import Event, EventFeed, Reading, numbered, read_events, write_events
from goodsense.events.event import STOCK
from goodsense.events.writer import COLUMNS, format_of
from goodsense.progress import Progress, silent
from goodsense.shop.behaviour_figures import Behaviour, behaviour
from goodsense.shop.ingest import set_aside
from goodsense.shop.sources import Source
from goodsense.shop.stock import put_stock, stored_stock
from goodsense.shop.truth import Applied, Truth
from goodsense.tables import Reject, Rejects
from goodsense.tables.pseudonyms import Pseudonyms
from goodsense.tables.times import EARLIEST, zone_of

BATCH = 5_000
REJECTS = "rejects-events.jsonl"
_KINDS = 10  # of records without an action that are told one by one
_CONTENT = (  # as in an event's content
    "user, item, type, weight, rating, quantity, query, duration, time, session, ranking, position, value, context"
)
_FIELDS = (  # as in an event
    "user, item, type, weight, rating, quantity, query, duration, time, session, split, key, "
    "ranking, position, value, context"
)
_CHANGED_ID = "Give ids that no other event has, or name the column that has them: --map event_id=COLUMN."
Refuse: TypeAlias = Callable[[int, Event], None]


@dataclass(frozen=True)
class EventSource:
    """One file of events and how to read it.

    ``mapping`` and ``format`` are those of :func:`goodsense.events.read_events`; ``mapping_file`` describes any other
    logs or records. ``timezone`` is that of times that name none, ``type`` that of events that name none.
    """

    path: Path
    format: str = "auto"
    mapping: dict[str, str] | None = None
    mapping_file: Path | None = None
    timezone: str = "UTC"
    type: str = ""


@dataclass
class EventReport:
    """What putting events in did: ``read`` to ``seconds`` are about this run, ``shop`` about all events there are now.

    ``readings`` are those of the rows read that tell of stock; one that is not the latest of its SKU and place counts
    as unchanged. In a dry run ``shop`` is about the events of the sources alone.
    """

    read: int = 0
    readings: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    values_left_out: int = 0
    seconds: float = 0.0
    format: str = ""
    notes: list[str] = field(default_factory=list)
    rejects_path: str = ""
    shop: Behaviour = field(default_factory=Behaviour)

    def to_json(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name != "shop"}
        return {**plain, **vars(self.shop), "density": self.shop.density}


def ingest_events(
    truth: Truth,
    sources: Sequence[EventSource],
    *,
    strict: bool = False,
    dry_run: bool = False,
    pseudonymise: bool = False,
    progress: Progress = silent,
) -> EventReport:
    """Add the events of files; those that are in already stay as they are, only a new split is taken over.

    Each batch is durable once the progress has passed it. Rows that cannot be taken go to ``rejects-events.jsonl`` in
    the shop, and the rest goes on.

    Raises
    ------
    PartialError
        On Ctrl-C; the batches so far are kept.
    """
    started = time.perf_counter()
    report = EventReport()
    path = truth.directory / REJECTS
    sources = [replace(source, path=Path(set_aside(Source(source.path), path).path)) for source in sources]
    known = Pseudonyms.used_in(truth.directory)
    if known and not pseudonymise:
        report.notes.append(
            "Users of this shop have pseudonyms; these are kept as given (--pseudonymise gives them one)."
        )
    with TemporaryDirectory() as nowhere, Rejects(None if dry_run else path, strict=strict) as rejects:
        scratch = Truth.create(Path(nowhere)) if dry_run else None
        keeper = Path(nowhere) if dry_run and not known else truth.directory
        names = Pseudonyms.of_shop(keeper) if pseudonymise else None
        try:
            for source in sources:
                feed = open_source(source, rejects, names)
                report.format = feed.format
                _add_feed(truth, feed, report, rejects, scratch=scratch, progress=progress)
            report.shop = behaviour(truth if scratch is None else scratch, catalog=truth)
        except KeyboardInterrupt as interrupt:
            done = report.added + report.changed + report.unchanged
            raise PartialError(
                f"stopped after {report.read} rows; {done} events are safely in.",
                fix="Run the same command again: what is in counts as unchanged.",
            ) from interrupt
        finally:
            if scratch is not None:
                scratch.close()
        report.rejected, report.values_left_out = rejects.rows, rejects.fields
        report.rejects_path = str(path) if len(rejects) and not dry_run else ""
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def open_source(source: EventSource, rejects: Rejects, names: Pseudonyms | None = None) -> EventFeed:
    """Recognise a source of events; ``names`` gives users their pseudonyms."""
    reading = Reading(zone_of(source.timezone), source.type, names)
    if source.mapping_file is not None:
        from goodsense.events.mapped import read_mapped_events

        return read_mapped_events(source.path, source.mapping_file, rejects=rejects, reading=reading)
    return read_events(source.path, format=source.format, mapping=source.mapping, rejects=rejects, reading=reading)


def _add_feed(
    truth: Truth,
    feed: EventFeed,
    report: EventReport,
    rejects: Rejects,
    *,
    scratch: Truth | None,
    progress: Progress,
) -> None:
    stage = f"events {feed.source.name}"
    progress(stage, report.read, None)

    def refuse(number: int, event: Event) -> None:
        reason = "another event has this id already, and says something else"
        rejects.add(Reject(str(feed.source), number, "event_id", event.key, reason, _CHANGED_ID, event.to_json()))

    events = iter(feed)
    while batch := list(islice(events, BATCH)):
        added, changed, unchanged = put(truth, batch, refuse, scratch=scratch)
        rejects.flush()
        report.read += len(batch)
        report.readings += sum(event.type == STOCK for _, event in batch)
        report.added += added
        report.changed += changed
        report.unchanged += unchanged
        progress(stage, report.read, None)
    progress(stage, report.read, report.read)
    report.notes += feed.notes
    if feed.passed:
        kinds = ", ".join(f"{count:,} {name}" for name, count in feed.passed.most_common(_KINDS))
        report.notes.append(f"Records that tell of no action with a product are left out: {kinds}.")


def put(
    truth: Truth, batch: Sequence[tuple[int, Event]], refuse: Refuse, *, scratch: Truth | None = None
) -> tuple[int, int, int]:
    """Add one batch of events that have keys, durable on return; how many are new, changed, and as they were.

    An event changes when it has a new split, stock when a later reading comes. With ``scratch`` the shop is only looked
    at, and what is new goes there.
    """
    target = truth if scratch is None else scratch  # a shop without products is false
    readings = [event for _, event in batch if event.type == STOCK]
    if readings:
        batch = [one for one in batch if one[1].type != STOCK]
    keys = [event.key for _, event in batch]
    new: dict[str, Event] = {}
    labelled: dict[str, Event] = {}
    unchanged = 0
    with target.batch() as db:
        known = _stored(target, keys)
        if scratch is not None:
            known = {**known, **_stored(truth, keys)}
        for number, event in batch:
            before = known.get(event.key)
            if before is None:
                new[event.key] = known[event.key] = event
            elif before.content != event.content:
                refuse(number, event)
            elif event.split and event.split != before.split:
                labelled[event.key] = known[event.key] = event
            else:
                unchanged += 1
        if new or labelled:
            seq = target.next_seq()
            _insert(db, seq, new.values())
            db.executemany(
                "UPDATE events SET split = ?, seq = ? WHERE key = ?",
                [(event.split, seq, key) for key, event in labelled.items()],
            )
        added, changed, same = (
            put_stock(target, db, readings, also=None if scratch is None else truth) if readings else (0, 0, 0)
        )
    return len(new) + added, len(labelled) + changed, unchanged + same


def _insert(db: sqlite3.Connection, seq: int, events: Iterable[Event]) -> None:
    try:
        db.executemany(
            f"INSERT INTO events (key, seq, {_CONTENT}, split) VALUES ({', '.join('?' * 17)})",  # noqa: S608  (constants)
            [(event.key, seq, *event.content, event.split) for event in events],
        )
    except UnicodeEncodeError as error:
        raise DataError(f"an event holds what is no text ({error.reason}).", fix="Take it out.") from error


def _stored(truth: Truth, keys: Sequence[str]) -> dict[str, Event]:
    rows = truth.rows(
        f"SELECT {_FIELDS} FROM events WHERE key IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(keys)),),
    )
    return {event.key: event for event in map(_event, rows)}


def _event(row: tuple[Any, ...]) -> Event:
    """An event out of its stored fields."""
    fields = (*row[:-1], json.loads(row[-1]) if row[-1] else {})
    return Event(*fields)


def add_events(truth: Truth, events: Iterable[Event]) -> Applied:
    """Add events made in Python, those without a key numbered as one source; ``changed`` have a new split.

    Raises
    ------
    DataError
        If an event has the key of another one that says something else.
    """

    def refuse(number: int, event: Event) -> None:
        raise DataError(f"another event has the key {event.key!r} already, and says something else.", fix=_CHANGED_ID)

    total = (0, 0, 0)
    left = numbered(enumerate(events, 1))
    while batch := list(islice(left, BATCH)):
        added, changed, unchanged = put(truth, batch, refuse)
        total = (total[0] + added, total[1] + changed, total[2] + unchanged)
    return Applied(*total, seq=truth.seq)


def stored_events(truth: Truth) -> Iterator[Event]:
    """Every event, by user and time."""
    rows = truth.rows(f"SELECT {_FIELDS} FROM events ORDER BY user, time, key")  # noqa: S608  (a constant)
    return map(_event, rows)


def export_events(truth: Truth, path: Path) -> int:
    """Write every event out, in the format that the file's name asks for; read back they are the same events.

    What is known of stock comes after them, as readings.
    """
    form = format_of(path)
    told = "weight rating quantity query duration timestamp session ranking position value context split".split()
    *says, first = next(
        truth.rows(
            "SELECT max(weight IS NOT NULL), max(rating IS NOT NULL), max(quantity IS NOT NULL), max(query <> ''), "
            "max(duration IS NOT NULL), max(time >= ?), max(session <> ''), max(ranking <> ''), "
            "max(position IS NOT NULL), max(value IS NOT NULL), max(context <> ''), max(split <> ''), min(time) "
            "FROM events",
            (EARLIEST,),
        )
    )
    stock = list(truth.rows("SELECT 1 FROM stock LIMIT 1"))
    empty = {name for name, some in zip(told, says, strict=True) if not some}
    if stock:
        empty -= {"quantity", "timestamp", "context"}
    if first is None or first >= EARLIEST:
        empty.add("history_order")
    return write_events(
        chain(stored_events(truth), stored_stock(truth)),
        path,
        format=form,
        columns=[name for name in COLUMNS if name not in empty],
    )
