"""Personal data as people write it, made with a seed.

Numbers with check digits are computed here on their own, so that a detector and its test cannot be wrong together.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

Rng = random.Random


def digits(rng: Rng, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def luhn_completed(body: str) -> str:
    total = 0
    for place, char in enumerate(reversed(body)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


def grouped(number: str, sign: str, sizes: tuple[int, ...]) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return sign.join(parts)


# ---- what people write


def mobile(rng: Rng) -> str:
    number = rng.choice(("138", "139", "150", "159", "177", "186", "199", "166", "133", "152")) + digits(rng, 8)
    chinese = str.maketrans(
        "0123456789", rng.choice(("零一二三四五六七八九", "零幺二三四五六七八九", "〇一二三四五六七八九"))
    )
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    return rng.choice(
        (
            number,
            number,
            grouped(number, rng.choice(" -"), (3, 4, 4)),
            grouped(number, " ", (4, 3, 4)),
            f"+86 {number}",
            f"+86-{grouped(number, '-', (3, 4, 4))}",
            f"86{number}",
            number.translate(wide),
            number.translate(chinese),
            " ".join(number),
        )
    )


def landline(rng: Rng) -> str:
    area, local = rng.choice((("010", 8), ("021", 8), ("0755", 8), ("0571", 8), ("0888", 7), ("0311", 8)))
    number = rng.choice("5678") + digits(rng, local - 1)
    return rng.choice(
        (f"{area}-{number}", f"({area}) {number}", f"（{area}）{number}", f"{area} {number}", f"{area}-{number}转801")
    )


def foreign_phone(rng: Rng) -> str:
    us = (
        f"{rng.choice(('212', '415', '312', '617', '206'))}",
        f"{rng.choice('23456789')}{digits(rng, 2)}",
        digits(rng, 4),
    )
    us = (us[0], us[1].replace("11", "12"), us[2])
    return rng.choice(
        (
            f"({us[0]}) {us[1]}-{us[2]}",
            "-".join(us),
            ".".join(us),
            f"+1 {us[0]} {us[1]} {us[2]}",
            f"+44 20 7946 {digits(rng, 4)}",
            f"07400 {rng.choice('23456789')}{digits(rng, 5)}",
            f"+49 30 {rng.choice('23456789')}{digits(rng, 7)}",
            f"+852 9{rng.choice('123456')}{digits(rng, 2)} {digits(rng, 4)}",
        )
    )


def mail(rng: Rng) -> str:
    user = rng.choice(
        ("li.wei", "zhang_san88", "j.smith", "anna-k", "wang2020", "o.brien+shop", "13800138000", "xiaoming")
    )
    host = rng.choice(
        ("qq.com", "163.com", "gmail.com", "foxmail.com", "mail.example.co.uk", "sina.com.cn", "shop-x.de")
    )
    at = rng.choice(("@", "@", "@", "＠", "(at)"))
    return f"{user}{at}{host}"


def chinese_address(rng: Rng) -> str:
    town = rng.choice(
        (
            "浙江省杭州市西湖区",
            "上海市浦东新区",
            "北京市朝阳区",
            "广东省深圳市南山区",
            "江苏省苏州市工业园区",
            "四川省成都市武侯区",
            "内蒙古自治区呼和浩特市赛罕区",
            "重庆市渝中区",
            "西安市雁塔区",
            "石家庄市长安区",
            "湖北省武汉市洪山区珞南街道",
            "海淀区",
            "",
        )
    )
    street = rng.choice(
        ("文三路", "世纪大道", "建国路", "科技南路", "人民东路", "中山北路", "解放大街", "长安街", "和平里东街")
    )
    door = f"{rng.randint(1, 999)}号"
    flat = rng.choice(
        (
            f"{rng.randint(1, 30)}栋{rng.randint(1, 4)}单元{rng.randint(101, 2999)}室",
            f"{rng.randint(1, 30)}号楼{rng.randint(101, 2999)}",
            f"阳光花园{rng.randint(1, 30)}幢{rng.randint(101, 2999)}室",
            f"{rng.choice('ABC')}座{rng.randint(2, 30)}层",
            f"国际大厦{rng.randint(2, 30)}楼{rng.randint(101, 2999)}室",
            "",
        )
    )
    if not town and not flat:
        flat = "3单元502室"
    block = f"{rng.randint(1, 40)}幢{rng.randint(1, 4)}单元{rng.randint(101, 999)}室"
    full = f"{town}{street}{door}{flat}"
    return rng.choice((full, full, f"{town or '杭州市'}翠苑小区{block}"))


def english_address(rng: Rng) -> str:
    name = rng.choice(("Main", "Oak Hill", "Maple", "Washington", "King's", "Lake View", "Station"))
    way = rng.choice(("Street", "St", "Ave", "Avenue", "Road", "Rd.", "Lane", "Blvd", "Drive"))
    flat = rng.choice(("", "", ", Apt 4B", ", Unit 12", " #305"))
    town = rng.choice(("Springfield, IL 62704", "Boston, MA 02116-4312", "San Jose, CA 95112", "Austin TX 73301"))
    british = rng.choice(("London SW1A 2AA", "Leeds LS1 4DY", "Manchester M1 1AE", "Bristol, BS8 2HT"))
    house = f"{rng.randint(1, 4999)} {name} {way}"
    return rng.choice((f"{house}{flat}, {town}", f"{house}, {british}"))


def id_card(rng: Rng) -> str:
    place = rng.choice(("110101", "310115", "440305", "330106", "510107", "420111", "650102"))
    born = date(1950, 1, 1) + timedelta(days=rng.randrange(25_000))
    body = f"{place}{born:%Y%m%d}{digits(rng, 3)}"
    weights = [2**place % 11 for place in range(17, 0, -1)]
    remainder = (12 - sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11) % 11
    number = body + ("X" if remainder == 10 else str(remainder))
    return rng.choice((number, number, number.lower(), grouped(number, " ", (6, 8, 4))))


def old_id_card(rng: Rng) -> str:
    born = date(1940, 1, 1) + timedelta(days=rng.randrange(18_000))
    return f"{rng.choice(('110101', '310115', '440305', '510107'))}{born:%y%m%d}{digits(rng, 3)}"


def ssn(rng: Rng) -> str:
    return f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def bank_card(rng: Rng) -> str:
    body = rng.choice(
        (
            "4" + digits(rng, 14),
            "5" + rng.choice("12345") + digits(rng, 13),
            "62" + digits(rng, 13),
            "622202" + digits(rng, 12),
            "37" + digits(rng, 12),
        )
    )
    number = luhn_completed(body)
    if len(number) == 16:
        return rng.choice((number, grouped(number, rng.choice(" -"), (4, 4, 4, 4))))
    if len(number) == 19:
        return rng.choice((number, grouped(number, " ", (4, 4, 4, 4, 3))))
    return rng.choice((number, grouped(number, " ", (4, 6, 5))))


def chinese_passport(rng: Rng) -> str:
    return rng.choice((f"{rng.choice('EGD')}{digits(rng, 8)}", f"E{rng.choice('ABCDEF')}{digits(rng, 7)}"))


def iban(rng: Rng) -> str:
    country, bank = rng.choice(
        (
            ("DE", digits(rng, 18)),
            ("GB", "WEST" + digits(rng, 14)),
            ("FR", digits(rng, 23)),
            ("NL", "ABNA" + digits(rng, 10)),
            ("ES", digits(rng, 20)),
        )
    )
    check = 98 - int("".join(str(int(char, 36)) for char in f"{bank}{country}00")) % 97
    number = f"{country}{check:02d}{bank}"
    return rng.choice((number, " ".join(number[at : at + 4] for at in range(0, len(number), 4))))


def plate(rng: Rng) -> str:
    place = rng.choice(("京A", "沪B", "粤B", "浙A", "苏E", "川A", "鲁B"))
    mixed = f"{digits(rng, 2)}{rng.choice('KLMN')}{digits(rng, 2)}"
    number = rng.choice((digits(rng, 5), f"{rng.choice('ABCEFGH')}{digits(rng, 4)}", f"D{digits(rng, 5)}", mixed))
    return place + rng.choice(("", "", "·")) + number


def wechat(rng: Rng) -> str:
    return rng.choice(("li_wei88", "wxid_a1b2c3", "shop-2020a", "zhang123456", "tealove2015"))


def qq(rng: Rng) -> str:
    return rng.choice("123456789") + digits(rng, rng.randint(5, 9))


def ip(rng: Rng) -> str:
    if rng.random() < 0.25:
        return f"2001:da8:{rng.randint(1, 999):x}:{rng.randint(1, 999):x}::{rng.randint(1, 999):x}"
    return ".".join(map(str, (rng.choice((8, 36, 59, 101, 114, 180, 203)), *(rng.randint(1, 254) for _ in range(3)))))


def gtin13(rng: Rng) -> str:
    body = rng.choice(("69", "400", "87", "50")) + digits(rng, 12)
    body = body[:12]
    total = sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(body))
    return body + str(-total % 10)
