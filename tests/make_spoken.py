"""Makes the spoken queries of the demo: ``python -m tests.make_spoken`` (needs the extra ``test``).

The voices are those of espeak-ng, chosen so that the built-in recogniser understands them; the recordings are kept
small: 16 kHz, 8 bits, packed without loss.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.espeak import resampled, speak

FOLDER = Path(__file__).parents[1] / "src" / "goodsense" / "demo" / "spoken"
RATE = 16_000
QUERIES = (  # words, voice, words per minute
    ("red wooden train", "en-us", 150),
    ("yellow rubber duck", "en-us", 130),
    ("brown plush bear", "en-us", 150),
    ("blue toy car", "en-us", 130),
    ("green dinosaur", "en-us+m7", 140),
    ("wooden building blocks", "en-us", 150),
    ("pink birthday cake", "en-us+m3", 150),
    ("white toy piano", "en-us", 140),
    ("metal robot", "en-us", 130),
    ("wooden castle", "en-us", 130),
)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    names = {}
    for words, voice, speed in QUERIES:
        name = f"{words.replace(' ', '-')}.flac"
        (FOLDER / name).write_bytes(recording(words, voice, speed))
        names[name] = words
    (FOLDER / "spoken.json").write_text(json.dumps(names, indent=1) + "\n", "utf-8")


def recording(words: str, voice: str, speed: int) -> bytes:
    """A query as FLAC."""
    samples, rate = speak(words, voice=voice, speed=speed)
    heard = resampled(samples, rate, RATE)
    loud = np.flatnonzero(np.abs(heard) > 0.01)
    kept = heard[max(0, loud[0] - 800) : loud[-1] + 800]
    data = io.BytesIO()
    soundfile.write(data, 0.8 * kept / np.abs(kept).max(), RATE, format="FLAC", subtype="PCM_S8")
    return data.getvalue()


if __name__ == "__main__":
    main()
