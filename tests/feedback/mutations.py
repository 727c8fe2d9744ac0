"""Seeded damage to small valid files of reviews, questions and conversations.

``run_mutations(format_name, count, seed)`` reads ``count`` damaged files and fails at the first that breaks the rule:
voices and rejects come out, or one error that names the file.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from goodsense.errors import GoodsenseError
from goodsense.feedback import VoiceKind, dumps, read_voices
from goodsense.tables import Rejects
from tests.catalog.mutations import SECONDS, mutate
from tests.feedback.voices import VALID

FORMATS = tuple(VALID)


def run_mutations(format_name: str, count: int, seed: int) -> dict[str, float]:
    """Read ``count`` damaged files; count what came of them, and tell the ``slowest`` one in seconds.

    Raises
    ------
    AssertionError
        With seed and case, at the first file that breaks the rule.
    """
    told: Counter[str] = Counter()
    slowest = 0.0
    kind, valid = VALID[format_name]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "damaged.dat"
        for case in range(count):
            rng = random.Random(f"{format_name}/{seed}/{case}")
            change, damaged = mutate(valid.encode(), rng, packed=False)
            path.write_bytes(damaged)
            start = time.process_time()
            told.update(_read(kind, path, f"{format_name}, seed {seed}, case {case} ({change})"))
            slowest = max(slowest, time.process_time() - start)
    return {**told, "slowest": round(slowest, 3)}


def _read(kind: VoiceKind[Any], path: Path, case: str) -> Counter[str]:
    told: Counter[str] = Counter(cases=1)
    rejects = Rejects.to_memory()
    problem = None
    start = time.process_time()
    try:
        for number, voice in read_voices(kind, path, rejects=rejects):
            assert number >= 1
            assert voice.id
            assert voice.texts or voice.to_json()
            assert dumps(kind.type.from_json(voice.to_json())) == dumps(voice)
            told["voices"] += 1
    except GoodsenseError as error:
        problem = error
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    if problem is not None:
        told["errors"] += 1
        assert path.name in problem.message, f"{case}: the error does not name the file: {problem}"
    took = time.process_time() - start
    assert took < SECONDS, f"{case}: took {took:.1f} s"
    for reject in rejects.first:
        assert reject.reason, case
        assert reject.fix, case
        assert reject.file == str(path), case
    told["rejects"] += len(rejects)
    return told
