"""Postal addresses: Chinese ones down to a door, British and American ones with a postcode."""

from __future__ import annotations

import re
from collections.abc import Iterator

from goodsense.text.personal.spans import Personal

_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|"
    "陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_NOT_IN_NAMES = "我你您他她它们在的是到往给请把寄送址：，。！？、；为了就也还有不买用去拿"
_HAN = f"(?:(?![{_NOT_IN_NAMES}])[\u4e00-\u9fff])"
_NUMBER = r"(?:[A-Z]?\d{1,5}(?:-\d{1,4})?|[一二三四五六七八九十百零〇]{1,6})"
_BRANCH = r"(?:[东西南北中]?(?:[一二三四五六七八九十]段)?)"
_DOOR = re.compile(f"(?:路|街|大道|道|巷|胡同|里弄|村|屯){_BRANCH} ?{_NUMBER} ?(?:号院?|弄|组)(?![线色])")
_BUILDING = re.compile(
    "(?:小区|花园|公寓|家园|苑|大厦|广场|新村|社区|宿舍|庭|府|城|园|湾|郡|里|区)(?:[一二三四五六七八九十]期)?"
    f" ?{_NUMBER} ?(?:栋|幢|座|号楼|单元)"
)
_NAMES = re.compile(f"(?:{_HAN}| )*$")
_PROVINCE = re.compile(f"(?:{_PROVINCES})(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?")
_TOWN = re.compile(f"{_HAN}{{1,7}}?(?:市|自治州|地区|盟|区|县|旗|街道|镇|乡)")
_LEAD = re.compile("(?:.*(?:位于|坐落|地处)) ?|(?:收货|邮寄|快递|地|家|住|位于|处|人|发|收|件|店|来自)+")
_INSIDE = re.compile(
    rf"(?:[ ,]?(?:{_HAN}{{1,10}}?(?:小区|花园|公寓|家园|苑|大厦|广场|中心|大楼|新村|宿舍|城|园))?[ ,]?"
    rf"(?:{_NUMBER}|[A-Z]{{1,2}}\d{{0,3}}) ?(?:号楼|号院|栋|幢|座|单元|门|楼|层|室|号|房|弄)){{1,5}}"
    r"(?:[- ]?\d{3,4}室?(?!\d))?|[- ]\d{1,3}-\d{1,3}-\d{2,4}"
)
_BACK = 40  # characters before a street where its town and province can stand
_SHORT = 10  # characters of the name of a street

_US_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|"
    "PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY"
)
_WAYS = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|way|terrace|parkway|pkwy|square|sq|"
    r"highway|hwy|close|crescent|cres|mews|gardens|grove|row|hill|circle|cir|trail|walk"
)
_HOUSE = re.compile(
    rf"(?<![\w.,$£€-])(?:(?:flat|apt|unit|suite) ?\w{{1,5}},? )?\d{{1,5}}[a-z]?,? (?:[nsew]\.? )?"
    rf"(?:[a-z0-9'.-]{{2,20}} ){{1,4}}?(?:{_WAYS})\b\.?(?: (?:{_WAYS})\b\.?)?(?: [ns]?[ew]?\b)?",
    re.IGNORECASE,
)
_FLAT = re.compile(r",? ?(?:apartment|apt|unit|suite|ste|flat|floor|#)\.? ?#?\w{1,5}\b", re.IGNORECASE)
_US_TOWN = re.compile(rf",?\s[^\d\n]{{2,40}}?\b(?:{_US_STATES})\.?,? \d{{5}}(?:-\d{{4}})?\b", re.IGNORECASE)
_UK_TOWN = re.compile(r",?\s(?:[^\d\n]{0,50}?\b)?[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b")
_BOX = re.compile(r"\bp\.? ?o\.? box \d{1,6}\b", re.IGNORECASE)
_LIVES = re.compile(
    r"(?:address|live|lives|living|reside[sd]?|located|ship(?:ped)?(?: it)?|deliver(?:ed)?(?: it)?|"
    r"send(?: it)?|mail(?: it)?)"
    r"\s?(?:is|was|at|in|on|to|us at|me at)?\s?[:,]?\s$",
    re.IGNORECASE,
)


def addresses(text: str) -> Iterator[Personal]:
    """Postal addresses in a narrow text."""
    if not text.isascii():
        for pattern in (_DOOR, _BUILDING):
            for found in pattern.finditer(text):
                yield from _chinese(text, found, street=pattern is _DOOR)
    if re.search(r"\d", text):
        yield from _english(text)


def _chinese(text: str, found: re.Match[str], *, street: bool) -> Iterator[Personal]:
    """A number in a street is an address if a town stands before it or a flat after it; a building needs a flat."""
    first = max(0, found.start() - _BACK)
    names = _NAMES.search(text[first : found.start()])
    start = first + (names.start() if names else 0)
    if start == found.start():
        return  # a number without the name of a street
    province = _PROVINCE.search(text, start, found.start())
    town = _TOWN.search(text, province.end() if province else start, found.start())
    inside = _INSIDE.match(text, found.end())
    if inside is None and (not street or not (province or town)):
        return
    if province:
        start = province.start()
    elif town is None:
        start = max(start, found.start() - _SHORT)
    lead = _LEAD.match(text, start, found.start())
    start = lead.end() if lead and not province else start
    yield Personal(start, inside.end() if inside else found.end(), "address", 0.9 if inside and town else 0.75)


def _english(text: str) -> Iterator[Personal]:
    for found in _HOUSE.finditer(text):
        flat = _FLAT.match(text, found.end())
        end = flat.end() if flat else found.end()
        town = _US_TOWN.match(text, end) or _UK_TOWN.match(text, end)
        if town is not None:
            yield Personal(found.start(), town.end(), "address", 0.9)
        elif flat is not None or _LIVES.search(text[max(0, found.start() - 24) : found.start()]):
            yield Personal(found.start(), end, "address", 0.6)
    for found in _BOX.finditer(text):
        yield Personal(*found.span(), "address", 0.75)
