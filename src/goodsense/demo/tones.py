"""How toys sound, made by code: one function per voice, from a body and a random generator to samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Wave: TypeAlias = NDArray[np.float64]  # (n,)


@dataclass(frozen=True)
class Body:
    """What of an article colours its sound.

    Parameters
    ----------
    pitch
        1 for a toy of middling size, higher for smaller ones.
    bright
        How strong high partials are, around 1.
    ring
        How long it goes on sounding, around 1.
    pace
        How fast it does what it does, around 1.
    seconds
        How long the recording is.
    tune
        Which tune it plays, if it plays one.
    """

    pitch: float
    bright: float
    ring: float
    pace: float
    seconds: float
    tune: int = 0

    @property
    def count(self) -> int:
        return round(self.seconds * RATE)

    @property
    def times(self) -> Wave:
        return np.arange(self.count) / RATE


Voice: TypeAlias = Callable[[Body, np.random.Generator], Wave]


# ---- what voices are made of


def tone(hertz: Wave, partials: Sequence[float], *, bright: float = 1.0) -> Wave:
    """Partials over a gliding pitch ``(n,)``; those above the half of the rate are left out."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    found = np.zeros(len(hertz))
    for number, strength in enumerate(partials, start=1):
        heard = number * hertz < 0.45 * RATE
        found += strength * bright ** (number - 1) * np.sin(number * phase) * heard
    return found


def strike(
    count: int, hertz: float, modes: Sequence[tuple[float, float, float]], *, ring: float, bright: float
) -> Wave:
    """Something struck: ``modes`` are (ratio to ``hertz``, strength, seconds until it has faded to a third)."""
    times = np.arange(count) / RATE
    found = np.zeros(count)
    for number, (ratio, strength, fade) in enumerate(modes):
        if ratio * hertz < 0.45 * RATE:
            decay = np.exp(-times / (fade * ring))
            found += strength * bright**number * decay * np.sin(2 * np.pi * ratio * hertz * times)
    found *= np.minimum(1.0, times * RATE / 16)  # no click
    return found


def band(count: int, low: float, high: float, rng: np.random.Generator) -> Wave:
    """Noise between two frequencies, of unit deviation."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    shape = 1 / (1 + (low / np.maximum(hertz, 1.0)) ** 6) / (1 + (hertz / high) ** 6)
    found = np.fft.irfft(spectrum * shape, count)
    unit: Wave = found / max(1e-9, float(found.std()))
    return unit


def placed(count: int, events: Sequence[tuple[float, Wave]]) -> Wave:
    """Sounds laid over each other, each at its second; what passes the end is cut off."""
    found = np.zeros(count)
    for second, wave in events:
        begin = round(second * RATE)
        if 0 <= begin < count:
            end = min(count, begin + len(wave))
            found[begin:end] += wave[: end - begin]
    return found


def beats(body: Body, every: float, rng: np.random.Generator, *, loose: float = 0.03) -> list[float]:
    """Seconds at which something happens again and again."""
    step = every / body.pace
    return [max(0.0, second + rng.normal(0, loose * step)) for second in np.arange(0.04, body.seconds - 0.06, step)]


# ---- the voices


def motor(body: Body, rng: np.random.Generator) -> Wave:
    """A small engine that revs up: a buzz with a tremble."""
    speed = (
        85 * body.pitch * body.pace * (1 + 0.5 * body.times / body.seconds + 0.02 * np.sin(2 * np.pi * 5 * body.times))
    )
    buzz = tone(speed, [1 / number**0.8 for number in range(1, 22)], bright=0.94 * body.bright)
    return buzz * (1 + 0.25 * np.sin(2 * np.pi * 18 * body.times)) + 0.2 * band(body.count, 900, 4_000, rng)


def engine(body: Body, rng: np.random.Generator) -> Wave:
    """A heavy machine: slow strokes with metal that clatters."""
    strokes = beats(body, 0.09, rng, loose=0.05)
    thud = 0.9 * strike(1_400, 62 * body.pitch, [(1, 1, 0.05), (2.1, 0.6, 0.03), (3.4, 0.3, 0.02)], ring=1, bright=1)
    clatter = strike(900, 1_350 * body.pitch, [(1, 0.2, 0.01), (1.73, 0.2, 0.01)], ring=body.ring, bright=body.bright)
    beaten = placed(body.count, [(s, rng.uniform(0.7, 1.0) * w) for s in strokes for w in (thud, clatter)])
    return beaten + 0.06 * band(body.count, 60, 500, rng)


def steam_whistle(body: Body, rng: np.random.Generator) -> Wave:
    """Two calls of a locomotive, three pipes at once, in steam."""
    pipes = [body.pitch * hertz for hertz in (520, 655, 780)]
    calls = []
    for second, length in ((0.05, 0.35), (0.5, body.seconds - 0.6)):
        count = round(length * RATE)
        times = np.arange(count) / RATE
        swell = np.minimum(1, times / 0.05) * np.minimum(1, (length - times) / 0.06)
        glide = 1 - 0.03 * np.exp(-times / 0.05)
        call = sum((tone(pipe * glide, [1, 0.5, 0.2], bright=body.bright) for pipe in pipes), np.zeros(count))
        calls.append((second, swell * (call + 0.25 * band(count, 1_500, 6_000, rng))))
    return placed(body.count, calls)


def splash(body: Body, rng: np.random.Generator) -> Wave:
    """Water: waves of hiss, and drops whose pitch rises."""
    swell = 0.4 + 0.6 * np.sin(np.pi * 1.4 * body.pace * body.times) ** 2
    water = 0.35 * swell * band(body.count, 500, 3_500, rng)
    drops = []
    for second in beats(body, 0.11, rng, loose=0.5):
        times = np.arange(1_600) / RATE
        rising = body.pitch * rng.uniform(500, 1_100) * (1 + 6 * times)
        drops.append((second, rng.uniform(0.4, 1.0) * tone(rising, [1]) * np.exp(-times / 0.025)))
    return water + placed(body.count, drops)


def growl(body: Body, rng: np.random.Generator) -> Wave:
    """A growler in a plush belly: one low falling moan."""
    times = body.times
    length = body.seconds - 0.1
    pitch = 130 * body.pitch * (1 - 0.35 * np.clip(times / length, 0, 1)) * (1 + 0.015 * np.sin(2 * np.pi * 27 * times))
    moan = tone(pitch, [0.5, 1, 0.8, 0.5, 0.25, 0.12], bright=body.bright)
    return moan * np.sin(np.pi * np.clip(times / length, 0, 1)) ** 0.6 + 0.04 * band(body.count, 150, 900, rng)


def roar(body: Body, rng: np.random.Generator) -> Wave:
    """A roar: rough, rising and falling, mostly breath."""
    times = body.times
    shape = np.sin(np.pi * np.clip(times / (body.seconds - 0.05), 0, 1)) ** 0.8
    pitch = 95 * body.pitch * (1 + 0.9 * shape)
    rough = 1 + 0.7 * np.sign(np.sin(2 * np.pi * 43 * body.pace * times))
    throat = tone(pitch, [1 / number**0.5 for number in range(1, 26)], bright=0.97)
    return shape * rough * (0.5 * throat + 1.6 * band(body.count, 250, 2_200, rng))


def rattle(body: Body, rng: np.random.Generator) -> Wave:
    """Beads in a shell, shaken to and fro."""
    grains = []
    for shake in beats(body, 0.2, rng, loose=0.06):
        for second in shake + np.abs(rng.normal(0, 0.03, 14)):
            bead = strike(400, rng.uniform(2_300, 3_600) * body.pitch, [(1, 1, 0.004), (1.6, 0.6, 0.003)],
                          ring=body.ring, bright=body.bright)  # fmt: skip
            grains.append((float(second), rng.uniform(0.3, 1.0) * bead))
    return placed(body.count, grains)


def squeak(body: Body, rng: np.random.Generator) -> Wave:
    """A rubber squeaker, pressed and let go."""
    events = []
    for second in beats(body, 0.42, rng, loose=0.04):
        count = round(0.24 / body.pace * RATE)
        share = np.arange(count) / count
        pitch = body.pitch * (880 + 620 * np.sin(np.pi * share) ** 2)
        reed = tone(pitch, [1, 0.7, 0.6, 0.35, 0.25, 0.15], bright=body.bright)
        events.append((second, np.sin(np.pi * share) ** 0.5 * (reed + 0.08 * band(count, 2_000, 6_000, rng))))
    return placed(body.count, events)


def clacks(body: Body, rng: np.random.Generator) -> Wave:
    """Blocks that fall on each other."""
    events = []
    for second in beats(body, 0.17, rng, loose=0.3):
        hertz = body.pitch * rng.uniform(700, 1_250)
        modes = [(1, 1.0, 0.012), (2.6, 0.6, 0.007), (4.9, 0.35, 0.004)]
        knock = strike(1_500, hertz, modes, ring=body.ring, bright=body.bright)
        knock[:160] += 0.5 * band(160, 1_000, 5_000, rng) * np.exp(-np.arange(160) / 40)
        events.append((second, rng.uniform(0.5, 1.0) * knock))
    return placed(body.count, events)


_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def _melody(body: Body, every: float) -> list[tuple[float, float]]:
    """Seconds and ratios of the notes of the article's own tune."""
    rng = np.random.default_rng(body.tune)
    place, notes = int(rng.integers(2, 6)), []
    for second in beats(body, every, rng, loose=0.0):
        notes.append((second, 2 ** (_SCALE[place] / 12)))
        place = int(np.clip(place + rng.choice([-2, -1, 1, 2]), 0, len(_SCALE) - 1))
    return notes


def music_box(body: Body, rng: np.random.Generator) -> Wave:
    """Plucked steel teeth: a high and slow tune with long overtones."""
    modes = [(1, 1.0, 0.5), (2.0, 0.25, 0.3), (5.8, 0.25, 0.08), (10.2, 0.1, 0.03)]
    return placed(
        body.count,
        [
            (second, strike(12_000, 880 * body.pitch * ratio, modes, ring=body.ring, bright=body.bright))
            for second, ratio in _melody(body, 0.24)
        ],
    )


def piano(body: Body, rng: np.random.Generator) -> Wave:
    """Hammered rods: a tune with a knock on every note."""
    modes = [(1, 1.0, 0.28), (2.01, 0.6, 0.2), (3.04, 0.35, 0.12), (4.1, 0.2, 0.08), (5.3, 0.12, 0.05)]
    events = []
    for second, ratio in _melody(body, 0.3):
        note = strike(9_000, 262 * body.pitch * ratio, modes, ring=body.ring, bright=body.bright)
        note[:240] += 0.25 * band(240, 200, 1_500, rng) * np.exp(-np.arange(240) / 60)
        events.append((second, note))
    return placed(body.count, events)


def strings(body: Body, rng: np.random.Generator) -> Wave:
    """Six strings, strummed; Karplus and Strong, "Digital Synthesis of Plucked-String and Drum Timbres" (1983)."""
    events = []
    for stroke in beats(body, 0.55, rng, loose=0.02):
        for number, semitones in enumerate((0, 7, 12, 16, 19, 24)):
            hertz = 110 * body.pitch * 2 ** (semitones / 12)
            events.append((stroke + 0.018 * number, _plucked(hertz, 9_000, body, rng)))
    return placed(body.count, events)


def _plucked(hertz: float, count: int, body: Body, rng: np.random.Generator) -> Wave:
    """A burst of noise that runs round a string, loses its edges, and fades."""
    period = max(2, round(RATE / hertz))
    turn = rng.uniform(-1, 1, period)
    keep = 0.994 ** (1 / max(0.2, body.ring))
    turns = []
    for _ in range(-(-count // period)):
        turns.append(turn)
        turn = keep * 0.5 * (turn + np.roll(turn, 1))
    found: Wave = np.concatenate(turns)[:count]
    return found


def drum(body: Body, rng: np.random.Generator) -> Wave:
    """A skin over a barrel: the modes of a round membrane, and the slap of the hand."""
    modes = [(1, 1.0, 0.12), (1.59, 0.6, 0.08), (2.14, 0.4, 0.06), (2.3, 0.3, 0.05), (2.92, 0.2, 0.04)]
    events = []
    for place, second in enumerate(beats(body, 0.23, rng, loose=0.02)):
        hit = strike(5_000, 125 * body.pitch, modes, ring=body.ring, bright=body.bright)
        hit[:320] += 0.6 * band(320, 300, 3_000, rng) * np.exp(-np.arange(320) / 70)
        events.append((second, (1.0 if place % 4 == 0 else rng.uniform(0.45, 0.7)) * hit))
    return placed(body.count, events)


def bell(body: Body, rng: np.random.Generator) -> Wave:
    """A bicycle's bell: two strokes on a bright shell that beats."""
    modes = [(1, 0.6, 0.5), (1.006, 0.6, 0.5), (2.76, 0.8, 0.25), (5.4, 0.5, 0.1)]
    events = [
        (second, strike(16_000, 1_150 * body.pitch, modes, ring=body.ring, bright=body.bright))
        for pair in beats(body, 0.62, rng, loose=0.02)
        for second in (pair, pair + 0.11)
    ]
    return placed(body.count, events)


def humming(body: Body, rng: np.random.Generator) -> Wave:
    """A spinning top: a chord of reeds that swells with every turn."""
    slowing = 1 - 0.12 * body.times / body.seconds
    reeds = [tone(hertz * body.pitch * slowing, [1, 0.35, 0.12], bright=body.bright) for hertz in (294, 370, 441)]
    turns = 0.7 + 0.3 * np.sin(2 * np.pi * 6.5 * body.pace * np.cumsum(slowing) / RATE)
    return turns * sum(reeds, np.zeros(body.count)) + 0.1 * band(body.count, 300, 1_500, rng)


def kettle(body: Body, rng: np.random.Generator) -> Wave:
    """A kettle that comes to the boil: a thin whistle that rises out of the hiss."""
    share = body.times / body.seconds
    pitch = body.pitch * (1_500 + 500 * np.minimum(1, 1.6 * share)) * (1 + 0.01 * np.sin(2 * np.pi * 9 * body.times))
    whistle = np.clip(2 * share - 0.2, 0, 1) * tone(pitch, [1, 0.15], bright=body.bright)
    return whistle + (0.35 - 0.15 * share) * band(body.count, 2_000, 6_500, rng)


def beeps(body: Body, rng: np.random.Generator) -> Wave:
    """A robot that talks in square tones."""
    events = []
    for second in beats(body, 0.13, rng, loose=0.0):
        count = round(0.1 / body.pace * RATE)
        hertz = body.pitch * 440 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12, 15]) / 12)
        square = tone(np.full(count, hertz), [1, 0, 1 / 3, 0, 1 / 5, 0, 1 / 7], bright=body.bright)
        events.append((second, square * np.minimum(1, np.minimum(np.arange(count), count - np.arange(count)) / 80)))
    return placed(body.count, events)


VOICES: Mapping[str, Voice] = {
    "car": motor,
    "digger": engine,
    "train": steam_whistle,
    "boat": splash,
    "bear": growl,
    "dinosaur": roar,
    "rabbit": rattle,
    "duck": squeak,
    "blocks": clacks,
    "doll": music_box,
    "piano": piano,
    "guitar": strings,
    "drum": drum,
    "bicycle": bell,
    "top": humming,
    "teapot": kettle,
    "robot": beeps,
}
