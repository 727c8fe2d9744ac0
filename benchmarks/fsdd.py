"""Spoken digits (fsdd): a network that has never heard the speaker, and the official split.

Reads ``fsdd/fsdd.csv`` and its recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, parser, read_csv, report_path, spread
from goodsense.encoders.logmel_cnn import LogMelCnnEncoder
from goodsense.media.reading import read_medium

PROTOCOL = (
    "fsdd: recordings of 4 speakers at 8 kHz; logmel-cnn is trained on the other speakers and judged by its own "
    "outputs on the one left out; its settings are chosen among the candidates for every speaker anew, on another of "
    "the training speakers, left out in turn; the official split (index 0-4 of every speaker and digit is test, so "
    "speakers straddle) takes the settings that most of the four runs chose"
)
GEOMETRY: Mapping[str, Any] = {"rate": 8_000, "seconds": 1.0, "bands": 40, "frames": 64}
CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "voices": {"augment": "voices", "width": 16, "epochs": 20},
    "sounds": {"augment": "sounds", "width": 16, "epochs": 20},
}
LONGER = 2  # times the epochs, once the settings are chosen
LABEL = "digit"


class Recordings:
    """Described recordings, their digits and their speakers."""

    def __init__(self, folder: Path, rows: Sequence[dict[str, str]]) -> None:
        encoder = LogMelCnnEncoder(**GEOMETRY)
        sounds = (read_medium((folder / row["audio"]).read_bytes(), encoder.wish) for row in rows)
        self.pictures = [encoder.describe(sound) for sound in sounds]  # type: ignore[arg-type]
        self.digits = np.array([row["digit"] for row in rows])
        self.speakers = np.array([row["speaker"] for row in rows])
        self.test = np.array([row["split"] == "test" for row in rows])

    def trained(
        self, train: np.ndarray[Any, Any], settings: Mapping[str, Any], *, seed: int, longer: int = 1
    ) -> LogMelCnnEncoder:
        options = {**GEOMETRY, **settings, "epochs": settings["epochs"] * longer}
        rows = np.flatnonzero(train)
        labels = [{LABEL: str(self.digits[row])} for row in rows]
        return LogMelCnnEncoder(**options).fit_described([self.pictures[row] for row in rows], labels=labels, seed=seed)

    def accuracy(self, encoder: LogMelCnnEncoder, test: np.ndarray[Any, Any]) -> float:
        rows = np.flatnonzero(test)
        scores = encoder.scores([self.pictures[row] for row in rows])[LABEL]
        names = np.array(sorted(set(self.digits)))
        return float((names[scores.argmax(axis=1)] == self.digits[rows]).mean())


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, help="recordings to use, spread over the file")
    made.add_argument("--seed", type=int, default=0)
    options = made.parse_args()
    settings = {
        "limit": options.limit,
        "geometry": dict(GEOMETRY),
        "candidates": {k: dict(v) for k, v in CANDIDATES.items()},
    }
    settings["epochs after the choice"] = f"{LONGER} times"
    bench = Bench("fsdd", PROTOCOL, seeds={"network": options.seed}, settings=settings)
    folder = options.data / "fsdd"
    rows = spread(read_csv(folder / "fsdd.csv"), options.limit)
    with bench.stage("decode and describe"):
        recordings = Recordings(folder, rows)
    chosen = speakers_left_out(bench, recordings, options.seed)
    official(bench, recordings, max(set(chosen), key=chosen.count), options.seed)
    bench.write(report_path(options, bench.name, whole=options.limit is None))


def speakers_left_out(bench: Bench, recordings: Recordings, seed: int) -> list[str]:
    names = sorted(set(recordings.speakers.tolist()))
    found, chosen = {}, []
    for number, speaker in enumerate(names):
        others = recordings.speakers != speaker
        listener = names[(number + 1) % len(names)]  # judges the candidates
        with bench.stage("choose settings on another speaker"):
            tried = {
                name: recordings.accuracy(
                    recordings.trained(others & (recordings.speakers != listener), settings, seed=seed),
                    recordings.speakers == listener,
                )
                for name, settings in CANDIDATES.items()
            }
        chosen.append(max(tried, key=lambda name: tried[name]))
        with bench.stage("train for a new speaker"):
            encoder = recordings.trained(others, CANDIDATES[chosen[-1]], seed=seed, longer=LONGER)
        found[speaker] = recordings.accuracy(encoder, ~others)
        bench.details[speaker] = {"accuracy": found[speaker], "chosen": chosen[-1], f"on {listener}": tried}
    bench.figure("one speaker left out: accuracy", float(np.mean(list(found.values()))), target=0.78)
    bench.figure("one speaker left out: worst speaker", min(found.values()))
    return chosen


def official(bench: Bench, recordings: Recordings, name: str, seed: int) -> None:
    with bench.stage("official split"):
        encoder = recordings.trained(~recordings.test, CANDIDATES[name], seed=seed, longer=LONGER)
        bench.figure("official split: accuracy", recordings.accuracy(encoder, recordings.test), target=0.99)
    bench.details["official split"] = {"settings": name, "test": int(recordings.test.sum())}


if __name__ == "__main__":
    main()
