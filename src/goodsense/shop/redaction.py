"""Taking personal data out of what is stored, for good."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from goodsense.catalog.product import content_hash
from goodsense.feedback import VoiceKind, dumps
from goodsense.progress import Progress, silent
from goodsense.shop.truth import Truth
from goodsense.shop.voices import KINDS
from goodsense.text.personal import PersonalKind, find_personal, redact

_BATCH = 2_000


@dataclass
class Redaction:
    """Personal data by table and kind, and in how many reviews, questions and conversations it stands.

    ``applied`` says whether it was replaced; ``leftovers`` are files beside the truth that may hold originals too.
    """

    found: dict[str, Counter[PersonalKind]] = field(default_factory=dict)
    touched: int = 0
    applied: bool = False
    leftovers: list[str] = field(default_factory=list)

    @property
    def by_kind(self) -> Counter[PersonalKind]:
        """All tables together."""
        return sum(self.found.values(), Counter[PersonalKind]())

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        return {**vars(self), "found": {table: dict(counts) for table, counts in self.found.items()}}


def personal_data(truth: Truth, *, progress: Progress = silent) -> Counter[PersonalKind]:
    """How often personal data stands in reviews, questions and conversations, by kind."""
    return redact_voices(truth, apply=False, progress=progress).by_kind


def redact_voices(truth: Truth, *, apply: bool, progress: Progress = silent) -> Redaction:
    """Count personal data in all reviews, questions and conversations; with ``apply`` replace it.

    Each batch is durable; what was replaced cannot be brought back: it is overwritten in the file, and the journal is
    emptied. Run again after a stop, it goes on.
    """
    report = Redaction(applied=apply)
    if apply:
        list(truth.rows("PRAGMA secure_delete = ON"))
    for kind in KINDS:
        report.found[kind.name] = Counter()
        last = ""
        done = 0
        while True:
            read, last = _redact_batch(truth, kind, last, report)
            done += read
            if not read:
                break
            progress(f"{'redact' if apply else 'look at'} {kind.name}", done, None)
    if apply:
        list(truth.rows("PRAGMA wal_checkpoint(TRUNCATE)"))
        report.leftovers = sorted(str(path) for path in truth.directory.glob("rejects*.jsonl"))
    return report


def _redact_batch(truth: Truth, kind: VoiceKind[Any], last: str, report: Redaction) -> tuple[int, str]:
    """The next rows by id; how many there were, and the id to go on from."""
    sql = f"SELECT id, doc FROM {kind.name} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  (one of three names)
    if not report.applied:
        rows = list(truth.rows(sql, (last, _BATCH)))
        _changes(kind, rows, report)
    else:
        with truth.batch() as db:
            rows = db.execute(sql, (last, _BATCH)).fetchall()
            changes = _changes(kind, rows, report)
            if changes:
                seq = truth.next_seq()
                db.executemany(
                    f"UPDATE {kind.name} SET seq = ?, hash = ?, doc = ? WHERE id = ?",  # noqa: S608
                    [(seq, content_hash(doc), doc, id) for id, doc in changes.items()],
                )
    return len(rows), rows[-1][0] if rows else last


def _changes(kind: VoiceKind[Any], rows: list[tuple[str, str]], report: Redaction) -> dict[str, str]:
    changes = {}
    for id, doc in rows:
        voice = kind.type.from_json(json.loads(doc))
        personal = [span.kind for text in voice.texts for span in find_personal(text)]
        if personal:
            report.found[kind.name].update(personal)
            report.touched += 1
            if report.applied:
                changes[id] = dumps(voice.rewritten(redact))
    return changes
