"""Which frames of a clip are taken, and what has to be decoded for them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goodsense.media.reading import ClipWish

_USUAL_RATE = 25.0


class Timeline:
    """The packets of a stream in decoding order: when each is shown, and which can be decoded alone.

    Parameters
    ----------
    unit
        Seconds of one tick.
    rate
        Frames per second as the header states them; 0 where it does not.
    aspect
        Width of a pixel over its height, likewise.
    """

    def __init__(self, unit: float, *, rate: float = 0.0, aspect: float = 1.0) -> None:
        self._unit = unit
        self.aspect = aspect if 0.25 <= aspect <= 4 else 1.0
        self._rate = rate if 0.01 <= rate <= 1000 else 0.0
        self._ticks: list[int] = []
        self._shown: list[bool] = []
        self._last_duration = 0
        self.keys: list[int] = []
        self.first = 0
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def rate(self) -> float:
        """Frames per second, on average."""
        return len(self) / self.seconds if self.seconds else 0.0

    def add(self, pts: int | None, dts: int | None, duration: int | None, *, is_key: bool, is_shown: bool) -> None:
        """Note the next packet."""
        tick = pts if pts is not None else dts
        if tick is None:
            tick = self._ticks[-1] + round(1 / ((self._rate or _USUAL_RATE) * self._unit)) if self._ticks else 0
        if is_key or not self._ticks:
            self.keys.append(len(self._ticks))
        self._ticks.append(tick)
        self._shown.append(is_shown)
        self._last_duration = max(0, duration or 0)

    def close(self) -> None:
        """Work out the first tick and the whole length."""
        shown = [tick for tick, is_shown in zip(self._ticks, self._shown, strict=True) if is_shown] or self._ticks
        if not shown:
            return
        self.first, last = min(shown), max(shown)
        usual = 1 / (self._rate or _USUAL_RATE)
        tail = self._last_duration * self._unit
        self.seconds = (last - self.first) * self._unit + (tail if 0 < tail <= 10 * usual + 1 else usual)

    def time_of(self, tick: int | None) -> float:
        """Seconds from the beginning; 0 for what has no time."""
        return max(0.0, (tick - self.first) * self._unit) if tick is not None else 0.0

    def times(self) -> NDArray[np.float64]:
        """When each packet is shown, in decoding order."""
        return (np.asarray(self._ticks, dtype=np.float64) - self.first) * self._unit


@dataclass(frozen=True, eq=False)
class Plan:
    """What to decode: runs of packets, first and last, each of which begins with a key frame.

    ``targets`` are ascending times; of each the frame is wanted that is shown then.
    """

    first: int
    runs: list[tuple[int, int]]
    targets: NDArray[np.float64]


def planned(timeline: Timeline, wish: ClipWish, *, most: int) -> Plan:
    """Choose times as wished, and the packets that their frames depend on, about ``most`` at most."""
    targets = _targets(timeline.seconds, wish)
    times, keys = timeline.times(), timeline.keys
    order = np.argsort(times, kind="stable")
    shown = order[np.maximum(np.searchsorted(times[order], targets + 1e-9, side="right") - 1, 0)]
    begins = [keys[bisect_right(keys, int(packet)) - 1] for packet in shown]
    groups = len(set(begins))
    reach = max(0, most // groups - 1)
    ends: dict[int, int] = {}
    for begin, packet in zip(begins, shown, strict=True):
        ends[begin] = max(ends.get(begin, begin), min(int(packet), begin + reach))
    return Plan(timeline.first, sorted(ends.items()), targets)


def _targets(seconds: float, wish: ClipWish) -> NDArray[np.float64]:
    """The middles of equal spans: of ``1 / fps`` seconds, or longer ones if there were too many."""
    count = max(1, round(seconds * wish.fps))
    span = 1 / wish.fps
    if count > wish.max_frames:
        count, span = wish.max_frames, seconds / wish.max_frames
    if count == 1:
        span = seconds
    return np.asarray((np.arange(count) + 0.5) * span, dtype=np.float64)
