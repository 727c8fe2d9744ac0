"""Many URLs at once: hosts beside each other, the URLs of one host one after the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Full, Queue

from goodsense.errors import FetchError
from goodsense.media.addresses import parse_url
from goodsense.media.fetched import Fetched
from goodsense.progress import Progress

_WORKERS = 16  # hosts at a time
_WAITING = 64  # answers that nobody has taken yet
_LEAVE_S = 5.0  # how long workers that were stopped are waited for


def fetch_together(
    urls: Sequence[str],
    fetch: Callable[[str], Fetched],
    interrupt: Callable[[], None],
    stopped: threading.Event,
    *,
    progress: Progress,
    stage: str,
) -> Iterator[tuple[str, Fetched | FetchError]]:
    """Answers as they come, each URL once.

    Whatever ends the iteration early, Ctrl-C included, ends the work too; then ``stopped`` is cleared again.
    """
    hosts, refused = _by_host(list(dict.fromkeys(urls)))
    total, done = len(refused) + sum(map(len, hosts)), 0
    progress(stage, done, total)
    answers: Queue[tuple[str, Fetched | FetchError | BaseException]] = Queue(_WAITING)
    lock = threading.Lock()
    workers = [
        threading.Thread(target=_work, args=(hosts, lock, fetch, answers, stopped), daemon=True)
        for _ in range(min(_WORKERS, len(hosts)))
    ]
    try:
        for worker in workers:
            worker.start()
        for url, error in refused:
            done += 1
            progress(stage, done, total)
            yield url, error
        while done < total:
            url, found = answers.get()
            if isinstance(found, BaseException) and not isinstance(found, FetchError):
                raise found
            done += 1
            progress(stage, done, total)
            yield url, found
    finally:
        if done < total:
            interrupt()
            for worker in workers:
                worker.join(_LEAVE_S)
            stopped.clear()


def _by_host(urls: Sequence[str]) -> tuple[deque[deque[str]], list[tuple[str, FetchError]]]:
    hosts: dict[str, deque[str]] = {}
    refused: list[tuple[str, FetchError]] = []
    for url in urls:
        try:
            hosts.setdefault(parse_url(url).host, deque()).append(url)
        except FetchError as error:
            refused.append((url, error))
    return deque(hosts.values()), refused


def _work(
    hosts: deque[deque[str]],
    lock: threading.Lock,
    fetch: Callable[[str], Fetched],
    answers: Queue[tuple[str, Fetched | FetchError | BaseException]],
    stopped: threading.Event,
) -> None:
    while True:
        with lock:
            if not hosts:
                return
            mine = hosts.popleft()
        for url in mine:
            found: Fetched | BaseException
            try:
                found = fetch(url)
            except BaseException as error:  # raised again where the answers are taken
                found = error
            if not _handed_over(answers, (url, found), stopped):
                return


def _handed_over(
    answers: Queue[tuple[str, Fetched | FetchError | BaseException]],
    answer: tuple[str, Fetched | BaseException],
    stopped: threading.Event,
) -> bool:
    while not stopped.is_set():
        try:
            answers.put(answer, timeout=0.1)
        except Full:
            continue
        return True
    return False
