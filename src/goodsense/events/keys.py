"""Keys of events that bring none: what happened, and how often the same had happened before in its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from goodsense.events.event import Event, content_key, keyed
from goodsense.tables.occurrences import Occurrences

_BATCH = 2_000


def numbered(events: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, Event]]:
    """Give events of one source that have no key one of their own.

    It is the hash of what happened; the second equal event gets ``-1`` after it, the third ``-2``. So the same source
    read again gives the same keys, in whatever format, also when it has grown at its end, and true repeats stay apart.
    The counts are kept in a file, so that memory stays flat.
    """
    with Occurrences() as occurrences:
        left = iter(events)
        while batch := list(islice(left, _BATCH)):
            hashes = ["" if event.key else content_key(event) for _, event in batch]
            before = occurrences.count([key for key in hashes if key])
            for (number, event), key in zip(batch, hashes, strict=True):
                if not key:
                    yield number, event
                    continue
                times = before.get(key, 0)
                before[key] = times + 1
                yield number, keyed(event, f"{key}-{times}" if times else key)
