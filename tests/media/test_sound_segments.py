from __future__ import annotations

import numpy as np
import pytest

from goodsense.media.sound_segments import Span, cut, fixed_segments, silence_segments, voice_activity
from tests.media import sounds


def test_fixed_segments_tile_the_sound() -> None:
    sound = sounds.noise(2.5)
    found = fixed_segments(sound, 1.0)
    assert [piece.seconds for piece in found] == [1, 1, 1]
    whole = np.concatenate([piece.samples for piece in found])
    np.testing.assert_array_equal(whole[:40_000], sound.samples)
    assert not whole[40_000:].any()
    assert len(fixed_segments(sound, 1.0, pad=False)) == 2
    assert [piece.seconds for piece in fixed_segments(sound, 3.0)] == [3.0]
    assert fixed_segments(sounds.of(np.zeros(0)), 1.0) == ()


def test_fixed_segments_may_overlap() -> None:
    found = fixed_segments(sounds.of(np.arange(16_000) / 16_000), 0.5, hop=0.25)
    assert [round(float(piece.samples[0, 0]), 2) for piece in found] == [0, 0.25, 0.5]
    with pytest.raises(ValueError, match="seconds is 0"):
        fixed_segments(sounds.noise(), 0)


def test_silences_part_segments() -> None:
    sound = sounds.joined(
        sounds.silence(0.3), sounds.tone(440, 0.5), sounds.silence(0.1), sounds.tone(440, 0.2),
        sounds.silence(0.6), sounds.noise(0.4), sounds.silence(0.3),
    )  # fmt: skip
    found = silence_segments(sound, silence=0.3, keep=0.0)
    assert [(round(span.start, 1), round(span.stop, 1)) for span in found] == [(0.3, 1.1), (1.7, 2.1)]
    assert cut(sound, found[1]).seconds == pytest.approx(0.4, abs=0.021)
    wider = silence_segments(sound, silence=0.3, keep=0.1)
    assert wider[0].start == pytest.approx(found[0].start - 0.1)
    assert wider[1].stop == pytest.approx(found[1].stop + 0.1)
    assert len(silence_segments(sound, silence=0.05)) == 3
    assert silence_segments(sounds.silence()) == ()


def test_a_knock_is_too_short_for_a_segment() -> None:
    sound = sounds.joined(sounds.silence(0.5), sounds.tone(440, 0.02), sounds.silence(0.5))
    assert silence_segments(sound, shortest=0.1) == ()


@pytest.mark.parametrize("noise", [0.0005, 0.02])
def test_voice_is_found_in_noise(noise: float) -> None:
    voice = sounds.joined(sounds.silence(1.0), sounds.harmonic(140, 1.0), sounds.silence(1.5))
    sound = sounds.of(voice.samples + sounds.noise(3.5, deviation=noise).samples)
    found = voice_activity(sound)
    assert len(found) == 1
    assert found[0].start == pytest.approx(1.0, abs=0.1)
    assert found[0].stop == pytest.approx(2.0, abs=0.15)


def test_noise_and_silence_are_no_voice() -> None:
    assert voice_activity(sounds.noise(2)) == ()
    assert voice_activity(sounds.silence(2)) == ()
    louder = sounds.joined(sounds.noise(1, deviation=0.01), sounds.noise(1, deviation=0.2, seed=1))
    assert voice_activity(louder) == ()


def test_voice_throughout_is_one_span() -> None:
    (found,) = voice_activity(sounds.harmonic(200, 1.5))
    assert found.start == 0
    assert found.seconds == pytest.approx(1.5, abs=0.1)
    assert Span(1, 3).seconds == 2
