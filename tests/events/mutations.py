"""Seeded damage to small valid files of events: events and rejects come out, or one error that names the file."""

from __future__ import annotations

import gzip
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from goodsense.errors import GoodsenseError
from goodsense.events import numbered, read_events, write_events
from goodsense.tables import Rejects
from tests.catalog.mutations import SECONDS, mutate
from tests.events.samples import rich, shoppers

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "csv.gz", "inter", "chinese", "ga4", "metarank")
_CHINESE = "用户ID,商品ID,行为类型,评分,数量,搜索词,停留时长,时间\n" + "".join(
    f'用户{n % 5},商品{n % 7},{kind},{n % 5 + 1}星,"1,{n:03}","红色,玩具",{n}秒,'
    f"2024年6月{n % 28 + 1}日 下午{n % 11 + 1}:30\n"
    for n, kind in enumerate(("浏览", "点击", "加购", "收藏", "购买") * 6)
)
_INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(
    f"{n % 9}\t{n % 13}\t{n % 5 + 1}\t{880_000_000 + n * 1000}\n" for n in range(60)
)
_GA4 = "".join(
    f'{{"event_name": "{name}", "event_timestamp": "{1_604_215_200 + n}000000", "user_pseudo_id": "u{n % 3}", '
    f'"event_params": [{{"key": "ga_session_id", "value": {{"int_value": "7"}}}}], "geo": {{"country": "日本"}}, '
    f'"items": [{{"item_id": "A", "item_list_id": "l", "price": 9.5, "quantity": "2"}}, {{"item_id": "B{n}"}}]}}\n'
    for n, name in enumerate(("view_item_list", "select_item", "purchase", "page_view") * 5)
)
_METARANK = "".join(
    f'{{"event": "ranking", "id": "r{n}", "timestamp": "{1_604_215_200 + n}000", "user": "u1", '
    f'"items": [{{"id": "a"}}, {{"id": "b"}}], "fields": [{{"name": "query", "value": "猫"}}]}}\n'
    f'{{"event": "interaction", "id": "i{n}", "timestamp": "{1_604_215_209 + n}000", "user": "u1", "type": "click", '
    f'"item": "a", "ranking": "r{n}"}}\n'
    for n in range(10)
)
_TEXTS = {"chinese": _CHINESE, "inter": _INTER, "ga4": _GA4, "metarank": _METARANK}


def write_valid(format_name: str, path: Path) -> None:
    """A valid file of one format, with a few odd values in it."""
    if format_name in _TEXTS:
        path.write_text(_TEXTS[format_name], "utf-8")
        return
    events = [event for _, event in numbered(enumerate([*rich(20), *shoppers(5, 5, 20)]))]
    plain = format_name.removesuffix(".gz")
    write_events(events, path, format="jsonl" if plain == "json" else plain)
    if plain == "json":
        path.write_text("[" + ",\n".join(path.read_text("utf-8").splitlines()) + "]", "utf-8")
    if format_name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes(), 1))


def run_mutations(format_name: str, count: int, seed: int) -> dict[str, float]:
    """Read ``count`` damaged files; count what came of them, and tell the ``slowest`` one in seconds.

    Raises
    ------
    AssertionError
        With seed and case, at the first file that breaks the rule.
    """
    told: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "damaged.dat"
        write_valid(format_name, path)
        original = path.read_bytes()
        for case in range(count):
            rng = random.Random(f"events/{format_name}/{seed}/{case}")
            change, damaged = mutate(original, rng, packed=format_name.endswith(".gz"))
            path.write_bytes(damaged)
            start = time.perf_counter()
            told.update(_read(path, f"{format_name}, seed {seed}, case {case} ({change})"))
            slowest = max(slowest, time.perf_counter() - start)
    return {**told, "slowest": round(slowest, 3)}


def _read(path: Path, case: str) -> Counter[str]:
    told: Counter[str] = Counter(cases=1)
    rejects = Rejects.to_memory()
    keys: list[str] = []
    problem = None
    start = time.process_time()
    try:
        for number, event in read_events(path, rejects=rejects):
            assert number >= 1
            assert event.user or event.type == "stock"
            assert event.item or event.query
            keys.append(event.key)
    except GoodsenseError as error:
        problem = error
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    if problem is not None:
        told["errors"] += 1
        assert path.name in problem.message, f"{case}: the error does not name the file: {problem}"
    took = time.process_time() - start
    assert took < SECONDS, f"{case}: took {took:.1f} s"
    assert all(keys), f"{case}: an event has no key"
    for reject in rejects.first:
        assert reject.reason, case
        assert reject.fix, case
        assert reject.file == str(path), case
    told["events"] += len(keys)
    told["rejects"] += len(rejects)
    return told
