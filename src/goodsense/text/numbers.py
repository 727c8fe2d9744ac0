"""Chinese numerals as numbers: 一百二十 is 120, 两斤半 is 2.5斤."""

from __future__ import annotations

import re

_WRITTEN = "零〇 一壹 二贰两 三叁 四肆 五伍 六陆 七柒 八捌 九玖"
_DIGITS = {char: value for value, chars in enumerate(_WRITTEN.split()) for char in chars}
_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_GROUPS = {"万": 10_000, "亿": 100_000_000}
_ALL = "".join([*_DIGITS, *_UNITS, *_GROUPS])
_SMALL = "".join([*_DIGITS, *_UNITS])

# What is counted or measured: behind one of these, a single numeral is a number too (三件, not 三星).
_COUNTED = (
    "毫升|毫米|毫克|厘米|公分|公斤|公里|千克|英寸|英尺|平方|立方|分钟|小时|升|克|斤|米|寸|尺|吋|瓦|伏|件|只|支|枝|瓶|盒|包|袋"
    "|双|条|片|块|张|把|台|套|箱|罐|桶|卷|层|岁|年|天|周|月|元|折|码|颗|粒|枚|杯|碗|册|本|部|辆|孔|档|键|色|人"
)
_PLAIN = re.compile(
    rf"百分之(?P<percent>[{_ALL}]+(?:点[{_SMALL}]+)?)"
    rf"|(?P<below>[{_ALL}]+)分之(?P<above>[{_ALL}]+)"
    rf"|(?<!第)(?P<number>[{_ALL}]+(?:点[{_SMALL}]+)?|半)(?P<half>个?半)?(?=(?P<unit>{_COUNTED})?)"
)
_HALF_AFTER = re.compile(rf"(?<!第)([{_ALL}]+)({_COUNTED})半(?!{_COUNTED}|价)")  # 两斤半
_IDIOMS = re.compile(
    "千万别|千万不|千万要|百分百|十全十美|一一|七七八八|三三两两|五五|万一|千千万万|百十|成百上千|十有八九"
)


def chinese_number(written: str) -> float | None:
    """The number that Chinese numerals write, or None if they write none.

    Knows positions (一千零五 1005), ten without a one (十二 12), a last digit without its unit (一万五 15000), single
    digits in a row (二零二四 2024), decimals (三点五 3.5), the forms of accounts (壹佰) and 半 (0.5).

    >>> chinese_number("一百二十"), chinese_number("两千三"), chinese_number("三点五"), chinese_number("杯子")
    (120.0, 2300.0, 3.5, None)
    """
    if written == "半":
        return 0.5
    whole, point, rest = written.partition("点")
    if not whole or any(char not in _ALL for char in whole + rest):
        return None
    if point:
        if not rest or any(char not in _DIGITS for char in rest):
            return None
        before = chinese_number(whole)
        return None if before is None else before + float("0." + "".join(str(_DIGITS[char]) for char in rest))
    if all(char in _DIGITS for char in whole):
        return float("".join(str(_DIGITS[char]) for char in whole))
    return _positional(whole)


def _positional(written: str) -> float | None:
    total, section, digit, last, largest = 0, 0, None, 1, 1
    for at, char in enumerate(written):
        if char in _DIGITS:
            if digit:
                return None  # two digits side by side among positions
            digit = _DIGITS[char]
            last = 1 if digit == 0 else last
        elif char in _UNITS:
            unit = _UNITS[char]
            if digit is None and not (unit == 10 and (at == 0 or section == 0)):
                return None
            section += (1 if digit is None else digit) * unit
            digit, last = None, unit
        else:
            section += digit or 0
            if section == 0:
                return None
            group = _GROUPS[char]
            total = (total + section) * group if group > largest else total + section * group
            section, digit, last, largest = 0, None, group, max(group, largest)
    return float(total + section + (digit or 0) * max(1, last // 10))


def arabic_numbers(text: str) -> str:
    """Write Chinese numerals as digits where they are numbers, and leave them where they are words.

    Numbers of several characters with positions always are (一百二十), runs of digits from three on (二零二四), and a
    single numeral before what is counted or measured (三件, 两升, 半斤). 三星, 一样, 千万别 and 第一 stay. Fractions
    and per cent become ``1/3`` and ``50%``.

    >>> arabic_numbers("一百二十片装，三件套，两斤半，百分之五十棉，三星手机一样好")
    '120片装，3件套，2.5斤，50%棉，三星手机一样好'
    """
    kept: list[str] = []
    start = 0
    for idiom in _IDIOMS.finditer(text):
        kept += [_written(text[start : idiom.start()]), idiom.group()]
        start = idiom.end()
    return "".join([*kept, _written(text[start:])])


def _written(text: str) -> str:
    return _PLAIN.sub(_digits, _HALF_AFTER.sub(_half_after, text))


def _half_after(match: re.Match[str]) -> str:
    value = chinese_number(match.group(1))
    return match.group() if value is None else f"{value + 0.5:.10g}{match.group(2)}"


def _digits(match: re.Match[str]) -> str:
    if match["percent"]:
        value = chinese_number(match["percent"])
        return match.group() if value is None else f"{value:.10g}%"
    if match["below"]:
        below, above = chinese_number(match["below"]), chinese_number(match["above"])
        return match.group() if below is None or above is None else f"{above:.10g}/{below:.10g}"
    written = match["number"]
    if match["unit"] and _is_about(written):
        return f"{_DIGITS[written[0]]}-{_DIGITS[written[1]]}"
    value = chinese_number(written)
    if value is None or not _is_number(written, counted=bool(match["unit"])):
        return match.group()
    return f"{value + (0.5 if match['half'] else 0):.15g}"


def _is_about(written: str) -> bool:
    """两三件 are two or three."""
    digits = [_DIGITS.get(char, 0) for char in written]
    return len(digits) == 2 and 0 < digits[0] == digits[1] - 1


def _is_number(written: str, *, counted: bool) -> bool:
    if written == "半" or len(written) == 1:
        return counted
    if all(char in _DIGITS for char in written):
        return len(written) >= 3
    return written[0] in _DIGITS or written[0] in "十拾"
