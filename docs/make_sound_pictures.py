"""Draw docs/images/preprocessing-sound.png and docs/images/augment-sound.png, on sounds made here.

Run: ``python docs/make_sound_pictures.py``. The pictures are the same on every run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from goodsense.media import augment_sound as augment
from goodsense.media.sound_noise import nlms_denoise, subtract_noise, wiener_denoise
from goodsense.media.sound_pitch import pitch, shift_pitch, stretch
from goodsense.media.sound_segments import Span, fixed_segments, silence_segments, voice_activity
from goodsense.media.sound_spectra import decibels, framed, mel_bank, power_spectra
from goodsense.media.sound_steps import mono, normalise_loudness, resample, trim_silence
from goodsense.types import Sound

IMAGES = Path(__file__).parent / "images"
RATE = 16_000
INK, FAINT, WAVE, MARK = "#262a33", "#6e7480", "#3b6ea5", "#d9822b"
BANDS = 64


def note(hertz: float, seconds: float) -> np.ndarray[Any, Any]:
    """A plucked string."""
    times = np.arange(round(seconds * RATE)) / RATE
    waves = [np.sin(2 * np.pi * hertz * n * times) * np.exp(-times * (2 + n)) / n for n in range(1, 9)]
    return 0.3 * np.sum(waves, axis=0) * np.minimum(1, times * 200)


def melody(*, pause: float = 0.25, around: float = 0.4) -> Sound:
    """Four notes of a music box with pauses between them."""
    parts = [np.zeros(round(around * RATE))]
    for hertz in (523.25, 659.26, 783.99, 1046.5):
        parts += [note(hertz, 0.45), np.zeros(round(pause * RATE))]
    return of(np.concatenate([*parts, np.zeros(round(around * RATE))]))


def voice(seconds: float = 1.0) -> np.ndarray[Any, Any]:
    """A vowel that glides down."""
    times = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(190 - 50 * times / seconds) / RATE
    formants = ((700, 1.0), (1_200, 0.6), (2_600, 0.25))
    waves = [
        np.sin(n * phase) * sum(a * np.exp(-((n * 165 - f) ** 2) / (2 * 160**2)) for f, a in formants)
        for n in range(1, 24)
    ]
    whole = np.sum(waves, axis=0)
    return 0.4 * whole / np.abs(whole).max() * np.hanning(len(whole)) ** 0.3


def noise(count: int, deviation: float, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(0, deviation, count)


def of(samples: np.ndarray[Any, Any]) -> Sound:
    return Sound(np.asarray(samples, np.float32).reshape(len(samples), -1), RATE)


@dataclass(frozen=True)
class Panel:
    """A sound as a wave or as a spectrogram, with spans or a pitch marked."""

    sound: Sound
    wave: bool = False
    spans: tuple[Span, ...] = ()
    hertz: tuple[Any, Any] | None = None


def steps() -> list[tuple[str, Panel, Panel]]:
    """(step, before, after) in the order of the page."""
    plain = melody()
    count = len(plain.samples)
    noisy = of(plain.samples[:, 0] + noise(count, 0.03))
    soft = of(plain.samples * 0.12)
    spoken = of(np.concatenate([np.zeros(8_000), voice(), np.zeros(6_000), voice(0.7), np.zeros(8_000)]))
    spoken = of(spoken.samples[:, 0] + noise(len(spoken.samples), 0.01))
    hum = noise(count, 0.12, seed=3)
    room = np.convolve(hum, [0.5, 0.0, -0.3, 0.2, 0.1])[:count]
    track = pitch(spoken)
    stereo = of(np.stack([plain.samples[:, 0], np.roll(plain.samples[:, 0], 6_000) * 0.6], axis=1))
    pieces = fixed_segments(plain, 0.8)
    tiles = tuple(Span(0.8 * at + 0.02, 0.8 * (at + 1) - 0.02) for at in range(len(pieces)))
    tracked = (track.times[track.voiced], track.hertz[track.voiced])
    return [
        ("mono(sound)", Panel(stereo, wave=True), Panel(mono(stereo), wave=True)),
        ("resample(sound, 8_000)", Panel(plain), Panel(resample(plain, 8_000))),
        ("normalise_loudness(sound, -16)", Panel(soft, wave=True), Panel(normalise_loudness(soft, -16), wave=True)),
        ("trim_silence(sound)", Panel(plain, wave=True), Panel(trim_silence(plain), wave=True)),
        ("fixed_segments(sound, 0.8)", Panel(plain, wave=True), Panel(plain, wave=True, spans=tiles)),
        (
            "silence_segments(sound, silence=0.2)",
            Panel(plain, wave=True),
            Panel(plain, wave=True, spans=silence_segments(plain, silence=0.2)),
        ),
        ("voice_activity(sound)", Panel(spoken), Panel(spoken, spans=voice_activity(spoken))),
        ("pitch(sound)", Panel(spoken), Panel(spoken, hertz=tracked)),
        ("shift_pitch(sound, 5)", Panel(plain), Panel(shift_pitch(plain, 5))),
        ("stretch(sound, 1.5)", Panel(plain), Panel(stretch(plain, 1.5))),
        ("subtract_noise(sound)", Panel(noisy), Panel(subtract_noise(noisy))),
        ("wiener_denoise(sound)", Panel(noisy), Panel(wiener_denoise(noisy))),
        (
            "nlms_denoise(sound, second_microphone)",
            Panel(of(plain.samples[:, 0] + room)),
            Panel(nlms_denoise(of(plain.samples[:, 0] + room), of(hum), taps=16)),
        ),
    ]


def log_mel(sound: Sound) -> np.ndarray[Any, Any]:
    """``(BANDS, t)`` decibels, up to 8 kHz whatever the rate."""
    samples = (resample(sound, RATE) if sound.rate != RATE else sound).samples.mean(axis=1)
    power = power_spectra(framed(np.ascontiguousarray(samples), 512, 160))
    return decibels(power @ mel_bank(RATE, 512, BANDS)).T


def draw(axes: Any, panel: Panel, *, seconds: float, loudest: float = 1.0) -> None:
    """One panel; all of a row share their time."""
    sound = panel.sound
    if panel.wave:
        times = np.arange(len(sound.samples)) / sound.rate
        for channel, samples in enumerate(sound.samples.T):
            axes.plot(times, samples - 2 * loudest * channel, color=WAVE, linewidth=0.5)
        axes.set_ylim(loudest * (0.9 - 2 * sound.samples.shape[1]), 1.1 * loudest)
    else:
        show(axes, log_mel(sound), sound.seconds)
    for span in panel.spans:
        axes.axvspan(span.start, span.stop, color=MARK, alpha=0.3, linewidth=0)
    if panel.hertz is not None:
        edges = 2_595 * np.log10(1 + np.array([50.0, 0.49 * RATE]) / 700)
        heights = (2_595 * np.log10(1 + panel.hertz[1] / 700) - edges[0]) / (edges[1] - edges[0]) * BANDS
        axes.plot(panel.hertz[0], heights, ".", color=MARK, markersize=4)
    axes.set_xlim(0, seconds)
    bare(axes)


def show(axes: Any, mel: np.ndarray[Any, Any], seconds: float) -> None:
    axes.imshow(mel, origin="lower", aspect="auto", extent=(0, seconds, 0, BANDS), cmap="magma", vmin=-90, vmax=-25)


def bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#cdd0d6")


def preprocessing_sheet(path: Path) -> None:
    from matplotlib import pyplot as plt

    shown = steps()
    rows = -(-len(shown) // 2)
    figure, axes = plt.subplots(rows, 4, figsize=(12, 1.75 * rows), gridspec_kw={"wspace": 0.08, "hspace": 0.42})
    for number in range(2 * rows):
        row, column = divmod(number, 2)
        pair = axes[row, 2 * column : 2 * column + 2]
        if number >= len(shown):
            for empty in pair:
                empty.axis("off")
            continue
        title, before, after = shown[number]
        longest = max(before.sound.seconds, after.sound.seconds)
        loudest = max(float(np.abs(panel.sound.samples).max()) for panel in (before, after))
        for one, panel in zip(pair, (before, after), strict=True):
            draw(one, panel, seconds=longest, loudest=loudest)
        pair[0].set_title(title, loc="left", fontsize=10, color=INK, family="monospace")
    save(figure, path)


def augmentations() -> list[tuple[str, Callable[[Any, np.random.Generator], Any]]]:
    rain = of(noise(RATE, 0.2, seed=5) * (np.random.default_rng(6).random(RATE) < 0.02))
    return [
        ("Noise('white', (5, 15))", augment.Noise("white", (5, 15))),
        ("Noise('pink', (5, 15))", augment.Noise("pink", (5, 15))),
        ("RecordedNoise((rain,), (5, 10))", augment.RecordedNoise((rain,), (5, 10))),
        ("ChangeGain((-20, 0))", augment.ChangeGain((-20, 0))),
        ("ShiftPitch((-4, 4))", augment.ShiftPitch((-4, 4))),
        ("StretchTime((0.7, 1.4))", augment.StretchTime((0.7, 1.4))),
        ("ShiftTime()", augment.ShiftTime()),
        ("MaskSpectrum()", augment.MaskSpectrum()),
    ]


def augment_sheet(path: Path, draws: int = 4) -> None:
    """Every step on one sound: as it was, and as some seeds change it."""
    from matplotlib import pyplot as plt

    plain, shown = melody(), augmentations()
    figure, axes = plt.subplots(
        len(shown), draws + 1, figsize=(12, 1.45 * len(shown)), gridspec_kw={"wspace": 0.06, "hspace": 0.4}
    )
    longest = plain.seconds * 1.3
    for row, (title, step) in zip(axes, shown, strict=True):
        draw(row[0], Panel(plain), seconds=longest)
        for seed, one in enumerate(row[1:]):
            rng = np.random.default_rng(seed)
            if isinstance(step, augment.MaskSpectrum):
                show(one, step(log_mel(plain), rng), plain.seconds)
                one.set_xlim(0, longest)
                bare(one)
            else:
                draw(one, Panel(step(plain, rng)), seconds=longest)
        row[0].set_title("before", loc="left", fontsize=9, color=FAINT)
        row[1].set_title(title, loc="left", fontsize=10, color=INK, family="monospace")
    save(figure, path)


def save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure.savefig(path, dpi=80, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    mpl.use("Agg")
    IMAGES.mkdir(parents=True, exist_ok=True)
    preprocessing_sheet(IMAGES / "preprocessing-sound.png")
    augment_sheet(IMAGES / "augment-sound.png")


if __name__ == "__main__":
    main()
