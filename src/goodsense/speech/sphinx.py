"""English speech to text by PocketSphinx, with a catalog's own words and phrases.

Huggins-Daines et al., "PocketSphinx: A free, real-time continuous speech recognition system for hand-held devices"
(2006). Its package carries an acoustic model, a dictionary and a general language model. The dictionary and the
language model are replaced by those of the catalog: a shopper asks for what a shop has.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import missing_extra
from goodsense.speech.dictionary import Dictionary, write_dictionary
from goodsense.speech.ngrams import NGrams, ngrams_of
from goodsense.speech.transcript import SpokenWord, Transcript
from goodsense.speech.words import written_words
from goodsense.types import Sound

EXTRA = "speech"
RATE = 16_000
FRAMES = 100  # per second
SHORTEST = 0.15  # seconds in which nothing can be said
QUIET = 1e-4  # loudest sample of what counts as silence
PEAK = 0.7
ROOM = 0.25  # seconds before and after, for the decoder needs to hear where speech begins and ends
FAINT = 60.0  # deviation of the noise in it, of 32,767
# Wider beams than the package's own: a catalog's model is small, and brand names are found late.
BIASED: Mapping[str, Any] = {
    "beam": 1e-64,
    "wbeam": 1e-40,
    "pbeam": 1e-64,
    "maxhmmpf": -1,
    "wip": 0.1,
    "topn": 8,
}
# From where to where it becomes speech: the share of what sounds that words cover, how sure the words are, how well
# they fit (log likelihood per frame over that of the best sounds), and how long a letter takes (seconds).
COVERED, SURE, FIT, PACE = (0.6, 0.85), (0.15, 0.45), (-7.0, -5.2), (0.2, 0.14)
PASSED = 0.25  # how sure it must be to be taken for speech
DIGIT = 4  # letters that a digit stands for when it is said
SLOW = (0.4, 0.2)  # seconds that a word may last, and that each of its letters adds
HEARD = 30.0  # decibels under the loudest frame


class SphinxRecogniser:
    """English words from a sound; with phrases, those of a catalog only.

    Parameters
    ----------
    phrases
        Titles, brands, categories, values of attributes: what shoppers may say some words of. Phrases in Chinese
        characters are passed over. Without any English word, the package's general model is used.
    limit
        At most so many words, the most frequent.

    Raises
    ------
    DependencyError
        If pocketsphinx is not installed.
    """

    def __init__(self, phrases: Iterable[str] = (), *, limit: int = 20_000) -> None:
        self._sphinx = _package()
        model = ngrams_of(map(written_words, phrases), limit=limit)
        self._decoder = self._biased(model) if model.words else self._made()

    def transcribe(self, sound: Sound) -> Transcript:
        """What is said in a sound; nothing, if it is too short or silent, or rather a noise or a melody than speech."""
        found = self.hear(sound)
        return found if found.confidence >= PASSED else Transcript("", language="en")

    def hear(self, sound: Sound) -> Transcript:
        """The words that a sound resembles most, whatever it is; below :data:`PASSED` it is rather no speech."""
        samples = prepared(sound)
        if len(samples) < SHORTEST * RATE:
            return Transcript("", language="en")
        samples = roomy(samples)
        decoder = self._decoder
        decoder.start_utt()
        try:
            decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
        finally:
            decoder.end_utt()
        heard = [segment for segment in (decoder.seg() or ()) if segment.word[0] not in "<["]
        words = tuple(_spoken(segment, len(samples) / RATE - 2 * ROOM) for segment in heard)
        sureness = _sureness([segment for segment in heard if not _is_slow(segment)], samples)
        confidence = sureness * float(np.mean([word.confidence for word in words])) if words else 0.0
        return Transcript(" ".join(word.text for word in words), words, confidence, "en")

    def _biased(self, model: NGrams) -> Any:
        """A decoder that knows the words of a model and nothing else."""
        dictionary = Dictionary.from_file(_folder(self._sphinx) / "cmudict-en-us.dict")
        with tempfile.TemporaryDirectory(prefix="goodsense-speech-") as name:
            words, grammar = Path(name) / "words.dict", Path(name) / "phrases.arpa"
            write_dictionary({word: dictionary.ways(word) for word in model.words}, words)
            grammar.write_text(model.arpa(), "ascii")
            return self._made(lm=str(grammar), dict=str(words), **BIASED)

    def _made(self, **settings: Any) -> Any:
        return self._sphinx.Decoder(loglevel="FATAL", cmn="batch", **settings)


def prepared(sound: Sound) -> NDArray[np.int16]:
    """One channel at 16 kHz, its loudest sample brought to one height, as whole numbers; empty for silence."""
    samples = np.nan_to_num(sound.samples.mean(axis=1, dtype=np.float64)) if sound.samples.size else np.zeros(0)
    if len(samples) and sound.rate != RATE:
        from scipy.signal import resample_poly

        shared = math.gcd(sound.rate, RATE)
        samples = resample_poly(samples, RATE // shared, sound.rate // shared)
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest < QUIET:
        return np.zeros(0, dtype=np.int16)
    found: NDArray[np.int16] = np.round(samples * (PEAK * 32_767 / loudest)).astype(np.int16)
    return found


def roomy(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """The same with faint noise over it and a little room before and after."""
    quiet = np.zeros(round(ROOM * RATE))
    whole = np.concatenate([quiet, samples, quiet])
    whole += FAINT * np.random.default_rng(0).standard_normal(len(whole))
    found: NDArray[np.int16] = np.round(np.clip(whole, -32_768, 32_767)).astype(np.int16)
    return found


def _spoken(segment: Any, seconds: float) -> SpokenWord:
    """A word with its times in the sound itself, before room was made around it."""
    start, stop = (
        min(seconds, max(0.0, round(frame / FRAMES - ROOM, 3)))
        for frame in (segment.start_frame, segment.end_frame + 1)
    )
    return SpokenWord(segment.word.partition("(")[0], start, stop, min(1.0, max(0.0, float(segment.prob))))


def _is_slow(segment: Any) -> bool:
    """Whether a word is drawn out as only noises are."""
    return _frames(segment) > (SLOW[0] + SLOW[1] * _letters(segment)) * FRAMES


def _letters(segment: Any) -> int:
    """How much there is to say."""
    return sum(DIGIT if letter.isdigit() else 1 for letter in segment.word.partition("(")[0])


def _frames(segment: Any) -> int:
    return int(segment.end_frame - segment.start_frame + 1)


def _sureness(words: list[Any], samples: NDArray[np.int16]) -> float:
    """How surely it is speech, from 0 to 1: the least of four signs.

    The decoder may choose noises in place of words, so words cover little of what is no speech; where they do cover it,
    many words fit alike, so none is sure; or they fit badly, or are drawn out. The acoustic score of a word is its
    likelihood over that of the best sounds, whichever they are, frame by frame.
    """
    frames = sum(map(_frames, words))
    if not frames:
        return 0.0
    loud = _loud(samples)
    covered = np.zeros(len(loud), dtype=np.bool_)
    for word in words:
        covered[word.start_frame : word.end_frame + 1] = True
    signs = (
        (float((covered & loud).sum() / max(1, loud.sum())), COVERED),
        (sum(_frames(word) * float(word.prob) for word in words) / frames, SURE),
        (sum(math.log(max(float(word.ascore), 1e-320)) for word in words) / frames, FIT),
        (frames / FRAMES / sum(map(_letters, words)), PACE),
    )
    return min(min(1.0, max(0.0, (value - low) / (high - low))) for value, (low, high) in signs)


def _loud(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Whether each frame is heard, ``(frames,)``."""
    hop = RATE // FRAMES
    power = (samples[: len(samples) // hop * hop].astype(np.float64).reshape(-1, hop) ** 2).mean(axis=1)
    found: NDArray[np.bool_] = power > power.max(initial=0.0) * 10 ** (-HEARD / 10)
    return found


def _folder(sphinx: Any) -> Path:
    return Path(sphinx.get_model_path()) / "en-us"


def _package() -> Any:
    try:
        import pocketsphinx
    except ImportError as error:
        raise missing_extra("pocketsphinx", EXTRA, needed_for="speech to text") from error
    return pocketsphinx
