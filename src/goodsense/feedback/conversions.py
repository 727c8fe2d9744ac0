"""Values of reviews, questions and conversations out of cells of any type."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from goodsense.errors import UsageError
from goodsense.feedback.conversation import Channel, Role
from goodsense.tables.times import seconds_of
from goodsense.tables.values import NOTHING, BadValue, folded, id_of, json_of, kind_of, text_of, uris_of
from goodsense.types import REF_TYPES, MediaRef, Modality

_YES = frozenset("yes true 1 y t verified 是 已购 已购买 已验证 有".split())
_NO = frozenset("no false 0 n f unverified 否 未购买 未验证 没有".split())
_WORDS = {
    **dict.fromkeys("好评 满意 非常满意 positive good recommended 推荐 力荐".split(), 5.0),
    **dict.fromkeys("中评 一般 neutral average 还行".split(), 3.0),
    **dict.fromkeys("差评 不满意 非常不满意 negative bad 很差".split(), 1.0),
    **{
        f"{digit}{word}": float(place) for place, digit in enumerate("一二三四五", 1) for word in ("星", "颗星", "星级")
    },
    "两星": 2.0,
}
_NUMBER = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?) ?(?:星级?|颗星|分|stars?|points?)?", re.IGNORECASE)
_OF = re.compile(r"(\d{1,4}(?:[.,]\d{1,4})?) ?(?:/|out of|of|von|sur) ?(\d{1,4})(?: ?stars?)?", re.IGNORECASE)
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d{1,4})?) ?%")
_STARS = re.compile(r"([★⭐🌟]{0,5})[☆✩]{0,5}")
_RATING_FIX = "Write a number, such as 4.5, 8/10 or 80%, or name the scale: --scale 1-10."

_ROLES: dict[str, Role] = {
    **dict.fromkeys(
        "user customer client buyer human visitor guest shopper consumer me q inbound in incoming received 用户 买家 "
        "客户 顾客 我 会员 访客 接收 呼入".split(),
        "user",
    ),
    **dict.fromkeys(
        "agent seller staff support service operator representative rep employee merchant shop store a outbound out "
        "outgoing sent 客服 卖家 商家 坐席 人工 店家 店铺 店小二 小二 客服人员 人工客服 发送 呼出".split(),
        "agent",
    ),
    **dict.fromkeys(
        "bot robot assistant ai gpt chatbot machine 机器人 智能客服 机器人客服 小蜜 智能助手".split(), "bot"
    ),
    **dict.fromkeys("system notice event notification 系统 系统消息 系统提示 提示".split(), "system"),
}
_CHANNELS: dict[str, Channel] = {
    **dict.fromkeys("chat livechat im online web app message 聊天 在线 在线客服 旺旺 微信 网页".split(), "chat"),
    **dict.fromkeys("mail email e_mail e-mail 邮件 邮箱 电子邮件".split(), "mail"),
    **dict.fromkeys("sms mms text 短信 彩信".split(), "sms"),
    **dict.fromkeys("phone call voice telephone tel hotline 电话 语音 热线 通话".split(), "phone"),
    **dict.fromkeys(
        "social twitter x weibo facebook instagram reddit tiktok douyin xiaohongshu youtube 微博 小红书 抖音 社交 "
        "社交媒体 朋友圈".split(),
        "social",
    ),
}
_SPEAKER = re.compile(r"\s*([^\s:：]{1,20}(?: [^\s:：]{1,20})?)\s*[:：]\s*(.*)", re.DOTALL)
_URI_NAMES = tuple(
    "uri url src path link large hi_res large_image_url hi_res_image_url medium_image_url small_image_url "
    "contenturl".split()
)


@dataclass(frozen=True, slots=True)
class Scale:
    """The lowest and the highest rating of a source."""

    low: float = 1.0
    high: float = 5.0

    @classmethod
    def parse(cls, text: str) -> Scale:
        """``10``, ``0-10`` or ``1-5``; a single number is the highest one.

        Raises
        ------
        UsageError
            If it is no scale.
        """
        found = re.fullmatch(r"(?:(\d{1,3}(?:\.\d+)?)-)?(\d{1,3}(?:\.\d+)?)", text.strip())
        if found is not None:
            high = float(found[2])
            low = float(found[1]) if found[1] else default_low(high)
            if low < high:
                return cls(low, high)
        raise UsageError(f"unknown scale {text!r}.", fix="Give the lowest and the highest rating: 1-10.")

    def normalised(self, value: float) -> float:
        """The rating from 1 to 5: the lowest becomes 1, the highest 5, what is between lies between."""
        if (self.low, self.high) == (1.0, 5.0):
            return value
        return round(1 + 4 * (value - self.low) / (self.high - self.low), 6)


STARS = Scale()


def default_low(high: float) -> float:
    """The lowest rating where only the highest is known: 1 for stars and points, 0 for percent and yes-or-no."""
    return 1.0 if 1 < high <= 20 else 0.0


def rating_of(value: Any, scale: Scale) -> float | None:
    """A rating from 1 to 5; 0 on a scale that begins with 1 means that none was given."""
    text = text_of(value).strip().lower()
    if text in NOTHING:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if found := _OF.fullmatch(text):
        high = float(found[2])
        return _within(_float(found[1]), Scale(default_low(high), high)) if high > 1 else _refuse()
    if found := _PERCENT.fullmatch(text):
        return _within(_float(found[1]), Scale(0.0, 100.0))
    if (found := _STARS.fullmatch(text)) and found[1]:
        return float(len(found[1]))
    if found := _NUMBER.fullmatch(text):
        return _within(_float(found[1]), scale)
    return _refuse()


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _within(value: float, scale: Scale) -> float | None:
    if value == 0 and scale.low > 0:
        return None
    if not scale.low <= value <= scale.high:
        raise BadValue(f"the rating is not between {scale.low:g} and {scale.high:g}", _RATING_FIX)
    return scale.normalised(value)


def _refuse() -> float | None:
    raise BadValue("the rating cannot be read", _RATING_FIX)


def plain_number(value: Any) -> float | None:
    """The number of a rating that names no scale of its own; None for others."""
    try:
        found = _NUMBER.fullmatch(text_of(value).strip())
    except BadValue:
        return None
    return _float(found[1]) if found else None


def given_of(value: Any) -> str:
    """A rating as its source wrote it."""
    return text_of(value).strip()[:100]


def moment_of(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A moment in UTC."""
    seconds = seconds_of(value, zone)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def flag_of(value: Any) -> bool | None:
    """Yes or no, from the usual English and Chinese words."""
    name = folded(value)
    if not name:
        return None
    if name in _YES or name in _NO:
        return name in _YES
    raise BadValue("expected yes or no", "Write true or false.")


def count_of(value: Any) -> int | None:
    """How many; the first number of a list ``[found helpful, voted]``."""
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        value = value[0]
    text = folded(value).replace(",", "")
    if not text:
        return None
    if found := re.fullmatch(r"\[(\d{1,12}),? ?\d{1,12}\]", text):
        return int(found[1])
    if not re.fullmatch(r"\d{1,12}(?:\.0+)?", text):
        raise BadValue("expected a count", "Write a whole number, such as 12.")
    return int(text.partition(".")[0])


def name_of(value: Any) -> str:
    """A user or a product; empty for what means "nothing"."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("id", "name", "@id", "nickname") if value.get(key)), "")
    return "" if text_of(value).strip().lower() in NOTHING else id_of(value)


def names_of(value: Any) -> tuple[str, ...]:
    """Several products: a JSON list, or parted by ``|``."""
    if isinstance(value, str):
        value = json_of(value) if value[:1] == "[" else value.split("|")
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(name for item in items if (name := name_of(item))))


def role_of(value: Any) -> Role:
    """Who speaks; empty for a name that says nothing about it."""
    return _ROLES.get(re.sub(r"[\s_-]+", "", folded(value)), _ROLES.get(folded(value), ""))


def channel_of(value: Any) -> Channel | None:
    """The way that a conversation took; None for nothing.

    Raises
    ------
    BadValue
        If the name is unknown.
    """
    name = folded(value)
    if not name:
        return None
    if name not in _CHANNELS:
        raise BadValue("unknown channel", "Write chat, mail, sms, phone or social.")
    return _CHANNELS[name]


def spoken_line(line: str) -> tuple[Role, str]:
    """A line ``客服: 您好`` as who speaks and what; all of it is text if the name before the colon is no role."""
    found = _SPEAKER.fullmatch(line)
    role = role_of(found[1]) if found else ""
    return (role, found[2]) if found and role else ("", line)


def refs_of(value: Any, modality: Modality) -> tuple[MediaRef, ...]:
    """Media of one kind, each once: paths, URLs, or objects that hold one."""
    if isinstance(value, (str, Mapping)):
        value = json_of(value) if isinstance(value, str) and value[:1] == "[" else [value]
    uris = [uri for item in value if item is not None for uri in _uris(item)] if isinstance(value, list) else []
    if not isinstance(value, list):
        raise BadValue(f"expected addresses of media, found {kind_of(value)}", "Give paths or URLs, parted by |.")
    return tuple(dict.fromkeys(REF_TYPES[modality](uri) for uri in uris))


def _uris(item: Any) -> tuple[str, ...]:
    if isinstance(item, Mapping):
        plain = {str(key).lower(): found for key, found in item.items()}
        uri = next((plain[key] for key in _URI_NAMES if isinstance(plain.get(key), str) and plain[key]), "")
        if not uri:
            raise BadValue("a medium without url or path", "Give it a url or a path.")
        return (uri,)
    return uris_of(item)


def media_list(value: Any) -> tuple[MediaRef, ...]:
    """Media of several kinds: a JSON list of objects with ``kind`` and ``uri``."""
    found = json_of(value)
    if found is None or found == "":
        return ()
    return tuple(_ref(item) for item in (found if isinstance(found, list) else [found]))


def _ref(item: Any) -> MediaRef:
    plain = item if isinstance(item, dict) else {}
    kind, uri, sha256 = plain.get("kind", "image"), plain.get("uri") or plain.get("url"), plain.get("sha256")
    if kind not in REF_TYPES or not isinstance(uri, str) or not isinstance(sha256, str | None):
        raise BadValue("a medium is no object with kind and uri", 'Write [{"kind": "image", "uri": "a.jpg"}].')
    return REF_TYPES[kind](uri, sha256)


def extra_of(value: Any) -> dict[str, Any]:
    """What a source kept beyond the fields: a JSON object."""
    found = json_of(value)
    if found in (None, ""):
        return {}
    if not isinstance(found, dict):
        raise BadValue("extra is no JSON object", 'Write {"name": "value"} or leave it empty.')
    _check_plain(found)
    return found


def _check_plain(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _check_plain(item)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadValue("extra holds no finite number", "Leave it out.")
    elif not isinstance(value, str | int | float | bool | None):
        raise BadValue(f"extra holds {kind_of(value)}", "Keep texts, numbers, true, false, lists and objects.")


def plain_of(value: Any) -> Any:
    """A value of an ``extra.NAME`` column as JSON can carry it."""
    if not isinstance(value, str | bool | int | float | list | dict | None):
        return text_of(value)
    _check_plain(value)
    return value
