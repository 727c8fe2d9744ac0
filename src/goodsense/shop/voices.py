"""Reviews, questions and conversations in the truth: put in batch by durable batch, summed up, given out again."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Generic

from goodsense.catalog.product import content_hash
from goodsense.errors import PartialError, UsageError
from goodsense.feedback import (
    CONVERSATIONS,
    QUESTIONS,
    REVIEWS,
    Channel,
    Conversation,
    Manner,
    Question,
    Review,
    Scale,
    VoiceFeed,
    VoiceKind,
    dumps,
    read_voices,
    voices_of,
    write_voices,
)
from goodsense.feedback.voice import V, rewritten_json
from goodsense.progress import Progress, silent
from goodsense.shop.ingest import set_aside
from goodsense.shop.linking import Linker
from goodsense.shop.sources import Source
from goodsense.shop.truth import Applied, Truth
from goodsense.tables import Reject, Rejects
from goodsense.tables.pseudonyms import Pseudonyms
from goodsense.tables.times import zone_of
from goodsense.text import detect_language
from goodsense.text.personal import PersonalKind, find_personal, redact

BATCH = 2_000
KINDS: tuple[VoiceKind[Any], ...] = (REVIEWS, QUESTIONS, CONVERSATIONS)
_LANGUAGE_TEXT = 500  # characters that tell a language
_TOP = 5
_COLUMNS: dict[str, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    "reviews": ("product_id, user, rating", lambda voice: (voice.product, voice.user, voice.rating)),
    "questions": ("product_id", lambda voice: (voice.product,)),
    "conversations": ("user", lambda voice: (voice.user,)),
}


@dataclass(frozen=True)
class VoiceSource:
    """One file of reviews, questions or conversations and how to read it.

    ``mapping`` is that of :func:`goodsense.feedback.read_voices`; ``mapping_file`` describes any other records: exports
    of social media, mails, messages. ``timezone`` is that of times that name none, ``scale`` that of ratings,
    ``channel`` that of conversations.
    """

    path: Path
    mapping: dict[str, str] | None = None
    mapping_file: Path | None = None
    timezone: str = "UTC"
    scale: Scale | None = None
    channel: Channel = "chat"


@dataclass
class Summary:
    """Reviews, questions or conversations in numbers.

    ``products`` counts by product, ``ratings`` by whole stars, ``roles`` turns by who speaks; ``unlinked`` name no
    product, ``unknown`` one that is not in the catalog; ``personal`` counts personal data by kind.
    """

    count: int = 0
    users: int = 0
    products: Counter[str] = field(default_factory=Counter)
    ratings: Counter[int] = field(default_factory=Counter)
    mean_rating: float | None = None
    languages: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    turns: int = 0
    roles: Counter[str] = field(default_factory=Counter)
    unlinked: int = 0
    unknown: int = 0
    personal: Counter[PersonalKind] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary with the five products that are spoken of most."""
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}
        return {**plain, "products": len(self.products), "top": dict(self.products.most_common(_TOP))}


@dataclass
class VoiceReport:
    """What putting in did; ``ways`` says how products were found, ``summary`` what the sources said."""

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    values_left_out: int = 0
    redacted: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    rejects_path: str = ""
    ways: Counter[str] = field(default_factory=Counter)
    summary: Summary = field(default_factory=Summary)

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**vars(self), "ways": {way: n for way, n in self.ways.items() if n}, "summary": self.summary.to_json()}


class _Tally:
    """Sums voices up as they pass by; users are told apart by a hash each."""

    def __init__(self) -> None:
        self.summary = Summary()
        self._users: set[int] = set()
        self._stars = 0.0
        self._rated = 0

    def add(self, voice: Any, personal: Iterable[PersonalKind]) -> None:
        found = self.summary
        found.count += 1
        found.products.update(voice.products)
        found.languages[voice.language] += 1
        found.unlinked += not voice.products
        found.personal.update(personal)
        if voice.user:
            self._users.add(hash(voice.user))
        if isinstance(voice, Review) and voice.rating is not None:
            found.ratings[max(1, min(5, int(voice.rating + 0.5)))] += 1
            self._stars += voice.rating
            self._rated += 1
        elif isinstance(voice, Question):
            found.answered += bool(voice.answers)
        elif isinstance(voice, Conversation):
            found.turns += len(voice.turns)
            found.roles.update(turn.role for turn in voice.turns)

    def done(self, truth: Truth) -> Summary:
        found = self.summary
        found.users = len(self._users)
        found.mean_rating = round(self._stars / self._rated, 4) if self._rated else None
        sql = "SELECT id FROM products WHERE id IN (SELECT value FROM json_each(?))"
        left = iter(list(found.products))
        while batch := list(islice(left, 5_000)):
            known = {id for (id,) in truth.rows(sql, (json.dumps(batch),))}
            found.unknown += sum(found.products[id] for id in batch if id not in known)
        return found


class _Plain(Rejects):
    """Hands rejects on with personal data taken out of them."""

    def __init__(self, target: Rejects) -> None:
        super().__init__(None, keep=0)
        self._target = target

    def add(self, reject: Reject) -> None:
        value, record = (rewritten_json(part, redact) for part in (reject.value, reject.record))
        self._target.add(replace(reject, value=value, record=record))


def ingest_voices(
    truth: Truth,
    kind: VoiceKind[V],
    sources: Sequence[VoiceSource],
    *,
    redacted: bool = False,
    pseudonymise: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> VoiceReport:
    """Add what files say, each once however often it is read.

    Each batch is durable once the progress has passed it. Rows and values that cannot be taken go to
    ``rejects-KIND.jsonl`` in the shop, and the rest goes on. With ``redacted`` personal data in texts is replaced
    before anything is written, with ``pseudonymise`` users get keyed hashes in place of their ids.

    Raises
    ------
    PartialError
        On Ctrl-C; the batches so far are kept.
    """
    started = time.perf_counter()
    path = truth.directory / f"rejects-{kind.name}.jsonl"
    sources = [replace(source, path=Path(set_aside(Source(source.path), path).path)) for source in sources]
    report, tally = VoiceReport(), _Tally()
    names = Pseudonyms.of_shop(truth.directory) if pseudonymise and not dry_run else None
    with Rejects(None if dry_run else path, strict=strict) as rejects, Linker(truth) as linker:
        kept = _Plain(rejects) if redacted else rejects
        try:
            for source in sources:
                feed = open_voices(kind, source, kept, names)
                intake = _Intake(truth, kind, linker, tally, report, redacted=redacted, dry_run=dry_run)
                intake.take(feed, kept, progress)
        except KeyboardInterrupt as interrupt:
            done = report.added + report.changed + report.unchanged
            raise PartialError(
                f"stopped after {report.read} {kind.name}; {done} are safely in.",
                fix="Run the same command again: what is in counts as unchanged.",
            ) from interrupt
        report.rejected, report.values_left_out = rejects.rows, rejects.fields
        report.rejects_path = str(path) if len(rejects) and not dry_run else ""
        report.ways = linker.ways
    report.summary = tally.done(truth)
    report.seconds = round(time.perf_counter() - started, 3)
    return report


def open_voices(
    kind: VoiceKind[V], source: VoiceSource, rejects: Rejects, names: Pseudonyms | None = None
) -> VoiceFeed[V]:
    """Recognise a source; ``names`` gives users their pseudonyms before ids are made of what they said.

    Raises
    ------
    UsageError
        If there is no such file, or a mapping file maps something else.
    """
    manner: Manner[V] = Manner(zone_of(source.timezone), source.scale, source.channel)
    if names is not None:
        manner = replace(manner, prepare=lambda voice: voice.renamed(names))
    if source.mapping_file is None:
        if kind.type is Review and not source.mapping:
            from goodsense.shop.page_reviews import read_page_reviews

            feed: Any = read_page_reviews(source.path, rejects=rejects, manner=manner)  # type: ignore[arg-type]
            if feed is not None:
                return feed  # type: ignore[no-any-return]
        return read_voices(kind, source.path, mapping=source.mapping, rejects=rejects, manner=manner)
    from goodsense.tables.mapped import mapped_rows
    from goodsense.tables.mapping import load_mapping

    mapping = load_mapping(source.mapping_file)
    if mapping.target != kind.name:
        raise UsageError(
            f"{source.mapping_file}: maps {mapping.target}, not {kind.name}.",
            fix=f'Write target = "{kind.name}" at its beginning.',
        )
    if not source.path.exists():
        raise UsageError(f"{source.path}: there is no such file.", fix="Check the path.")
    notes = [f"The rows are read by {source.mapping_file.name}."]

    def voices() -> Iterator[tuple[int, V]]:
        rows = mapped_rows(mapping, source.path, rejects, notes=notes)
        return voices_of(kind, rows, file=source.path, rejects=rejects, manner=manner, notes=notes)

    return VoiceFeed(source.path, voices, notes)


@dataclass
class _Intake(Generic[V]):
    """Takes the voices of one source in, batch by batch."""

    truth: Truth
    kind: VoiceKind[V]
    linker: Linker
    tally: _Tally
    report: VoiceReport
    redacted: bool
    dry_run: bool

    def take(self, feed: VoiceFeed[V], rejects: Rejects, progress: Progress) -> None:
        report, stage = self.report, f"{self.kind.name} {feed.source.name}"
        progress(stage, report.read, None)
        self.truth.start_seen()
        left = iter(feed)
        while batch := list(islice(left, BATCH)):
            voices = self._looked_at(self._unrepeated(batch, feed.source, rejects))
            applied = Applied(added=len(voices)) if self.dry_run else put(self.truth, self.kind, voices)
            rejects.flush()
            report.read += len(voices)
            report.added += applied.added
            report.changed += applied.changed
            report.unchanged += applied.unchanged
            progress(stage, report.read, None)
        progress(stage, report.read, report.read)
        report.notes += feed.notes

    def _unrepeated(self, batch: Sequence[tuple[int, V]], file: Path, rejects: Rejects) -> list[V]:
        """Reject an id that came before in this run: which of the two is meant cannot be known."""
        before = self.truth.note_seen([voice.id for _, voice in batch])
        kept = []
        for number, voice in batch:
            if voice.id in before:
                reason, fix = "this id came before in the same source", "Give each its own id, or leave the column out."
                rejects.add(Reject(str(file), number, "id", voice.id, reason, fix, voice.to_json()))
                continue
            before.add(voice.id)
            kept.append(voice)
        return kept

    def _looked_at(self, voices: Sequence[V]) -> list[V]:
        """With their languages and products, and without personal data if that is wanted."""
        found: list[V] = []
        for voice in self.linker.link([with_language(voice) for voice in voices]):
            personal = [span.kind for text in voice.texts for span in find_personal(text)]
            self.tally.add(voice, personal)
            self.report.redacted += bool(personal) and self.redacted
            found.append(voice.rewritten(redact) if personal and self.redacted else voice)
        return found


def with_language(voice: V) -> V:
    """The same with the language of its texts, if it names none."""
    if voice.language:
        return voice
    language = detect_language("\n".join(voice.texts)[:_LANGUAGE_TEXT])
    return replace(voice, language=language) if language else voice  # type: ignore[type-var]


def put(truth: Truth, kind: VoiceKind[V], voices: Sequence[V]) -> Applied:
    """Insert or replace by id. Unchanged ones are not touched; the rest is durable on return."""
    names, values = _COLUMNS[kind.name]
    docs = {voice.id: dumps(voice) for voice in voices}
    hashes = {id: content_hash(doc) for id, doc in docs.items()}
    with truth.batch() as db:
        stored = dict(
            db.execute(
                f"SELECT id, hash FROM {kind.name} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
                (json.dumps(list(docs)),),
            )
        )
        dirty = {voice.id: voice for voice in voices if stored.get(voice.id) != hashes[voice.id]}
        if not dirty:
            return Applied(unchanged=len(docs), seq=truth.seq)
        seq = truth.next_seq()
        holes = ", ".join("?" * (4 + names.count(",") + 1))
        db.executemany(
            f"INSERT OR REPLACE INTO {kind.name} (id, seq, hash, doc, {names}) VALUES ({holes})",  # noqa: S608
            [(id, seq, hashes[id], docs[id], *values(voice)) for id, voice in dirty.items()],
        )
    added = sum(id not in stored for id in dirty)
    return Applied(added, len(dirty) - added, len(docs) - len(dirty), seq)


def add_voices(truth: Truth, kind: VoiceKind[V], voices: Iterable[V]) -> Applied:
    """Add voices made in Python by their ids, languages and products filled in; durable on return."""
    total = Applied()
    left = iter(voices)
    with Linker(truth) as linker:
        while batch := list(islice(left, BATCH)):
            done = put(truth, kind, linker.link([with_language(voice) for voice in batch]))
            total = Applied(
                total.added + done.added, total.changed + done.changed, total.unchanged + done.unchanged, done.seq
            )
    return total


def stored_voices(truth: Truth, kind: VoiceKind[V], *, product: str | None = None) -> Iterator[V]:
    """Every review, question or conversation of a shop by id, or those of one product."""
    where, parameters = "", ()
    if product is not None:
        column = "product_id = ?" if kind.name != "conversations" else "instr(doc, ?) > 0"
        where, parameters = f" WHERE {column}", (product,)  # type: ignore[assignment]
    for (doc,) in truth.rows(f"SELECT doc FROM {kind.name}{where} ORDER BY id", parameters):  # noqa: S608
        voice = kind.type.from_json(json.loads(doc))
        if product is None or product in voice.products:
            yield voice


def summary(truth: Truth, kind: VoiceKind[V], *, progress: Progress = silent) -> Summary:
    """All reviews, questions or conversations of a shop in numbers."""
    tally = _Tally()
    for place, voice in enumerate(stored_voices(truth, kind), 1):
        tally.add(voice, [span.kind for text in voice.texts for span in find_personal(text)])
        if place % 1000 == 0:
            progress(f"look at {kind.name}", place, None)
    return tally.done(truth)


def export_voices(truth: Truth, kind: VoiceKind[V], path: Path, *, raw: bool = False) -> int:
    """Write all of them in the format that the file's name asks for; read back they are the same."""
    return write_voices(kind, stored_voices(truth, kind), path, raw=raw)
