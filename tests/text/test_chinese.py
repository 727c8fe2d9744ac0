from __future__ import annotations

import logging
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.text.chinese import Segmenter, import_jieba

TITLES = [
    "不锈钢保温杯大容量男女士便携水杯",
    "夏季新款短袖纯棉宽松圆领打底衫",
    "儿童益智积木拼装玩具礼盒套装",
    "华为手机壳防摔全包硅胶保护套",
    "他来到了网易杭研大厦",
    "厨房收纳盒家用多功能抽屉分隔",
    "云朵棉花糖被冬季加厚被芯",
]


def test_words_are_those_of_jieba_itself(tmp_path: Path) -> None:
    oracle = import_jieba().Tokenizer()
    oracle.tmp_dir = str(tmp_path)
    own = ["云朵棉花糖被", "网易杭"]
    for segmenter in (Segmenter(), Segmenter(own)):
        _compare(segmenter, oracle)
        for word in sorted(own, key=lambda word: (len(word), word)):
            oracle.add_word(word)


def _compare(segmenter: Segmenter, oracle: Any) -> None:
    rng = random.Random(0)
    pool = "".join(TITLES) + "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会"
    texts = ["".join(rng.choices(pool, k=rng.randint(1, 14))) for _ in range(1500)]
    # Unlikely and rare characters, and pieces of words put together anew.
    texts += ["".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(8)) for _ in range(200)]
    texts += [first[: rng.randint(1, 9)] + second[rng.randint(1, 9) :] for first in TITLES for second in TITLES]
    for text in texts:
        assert segmenter.words(text) == list(oracle.cut(text, HMM=True))
    for title in TITLES:
        assert sorted(segmenter.search_words(title)) == sorted(oracle.cut_for_search(title, HMM=True))


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=30))
def test_words_joined_are_the_run(run: str) -> None:
    assert "".join(_SHARED.words(run)) == run


_SHARED = Segmenter()


def test_no_cache_file_no_log_no_global_dictionary(caplog: pytest.LogCaptureFixture) -> None:
    cache = Path(tempfile.gettempdir()) / "jieba.cache"
    before = cache.stat().st_mtime_ns if cache.exists() else None
    with caplog.at_level(logging.DEBUG):
        assert Segmenter(["棉花糖云被"]).words("棉花糖云被") == ["棉花糖云被"]
    assert caplog.records == []
    assert (cache.stat().st_mtime_ns if cache.exists() else None) == before
    jieba = sys.modules["jieba"]
    assert not jieba.dt.initialized
    assert Segmenter().words("棉花糖云被") != ["棉花糖云被"]
