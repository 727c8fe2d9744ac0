"""Chinese text in another script: simplified, traditional, or the words of a region."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any, Literal, TypeAlias

ChineseScript: TypeAlias = Literal["zh-hans", "zh-hant", "zh-cn", "zh-tw", "zh-hk"]
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def to_script(text: str, script: ChineseScript) -> str:
    """The text with its Chinese characters in that script, phrase by phrase; other text stays as it is.

    >>> to_script("無線藍牙耳機", "zh-hans")
    '无线蓝牙耳机'
    """
    return _converted(text, script) if HAN.search(text) else text


@lru_cache(maxsize=4096)
def _converted(text: str, script: str) -> str:
    return str(_library().convert(text, script))


@lru_cache(maxsize=1)
def _library() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the file of its dictionary to the collector
        import zhconv

        zhconv.loaddict()
    return zhconv
