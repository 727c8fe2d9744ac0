from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

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
]


def test_words_are_those_of_jieba_itself(tmp_path: Path) -> None:
    oracle = import_jieba().Tokenizer()
    oracle.tmp_dir = str(tmp_path)
    segmenter = Segmenter()
    for title in TITLES:
        assert segmenter.words(title) == list(oracle.cut(title, HMM=True))
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
