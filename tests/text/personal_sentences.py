"""Sentences with and without personal data; which characters are what is known by construction."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from goodsense.text.personal import PersonalKind
from tests.text import personal_values as v
from tests.text.personal_values import Rng


@dataclass
class Sentence:
    """A text and the places of what it says about a person."""

    text: str
    gold: list[tuple[int, int, PersonalKind]] = field(default_factory=list)


POSITIVE: dict[PersonalKind, list[tuple[Callable[[Rng], str], tuple[str, ...]]]] = {
    "phone": [
        (
            v.mobile,
            (
                "有问题请打我电话{}，谢谢",
                "东西不错，联系我{}",
                "手机号是{}，周末送",
                "快递放门口，{}，张先生",
                "尺码偏小，想换的加我 {} 。",
                "call me at {} please",
                "{}是我的电话",
            ),
        ),
        (v.landline, ("公司座机{}", "请打{}找王小姐", "发票问题电话：{}。", "my office: {}")),
        (
            v.foreign_phone,
            (
                "Call me at {} if it is late.",
                "my number is {}, thanks",
                "Reach us on {} after 5pm",
                "客人电话 {} ，请提前联系",
                "tel: {}",
            ),
        ),
    ],
    "mail": [
        (
            v.mail,
            (
                "发票发到 {} 谢谢",
                "请发邮件{}联系我",
                "Please write to {}.",
                "My mail is {}, ask for Anna",
                "邮箱：{}，急用",
            ),
        )
    ],
    "address": [
        (
            v.chinese_address,
            ("请送到{}，谢谢", "收货地址：{}", "地址改为{} 王女士收", "我住在{}。", "麻烦寄往{}，别放驿站"),
        ),
        (
            v.english_address,
            (
                "Please ship it to {}.",
                "I live at {}",
                "Address: {}",
                "It was left at {} by mistake",
                "New address: {}, thank you",
            ),
        ),
    ],
    "id_card": [
        (v.id_card, ("身份证号{}", "清关需要身份证：{}，已上传", "My Chinese ID is {}.", "实名信息 {} 张三")),
        (v.old_id_card, ("老身份证号码是{}", "身份证：{}（15位）")),
    ],
    "ssn": [
        (
            v.ssn,
            (
                "my SSN is {}",
                "Social security number: {}",
                "They asked for {} on the form!",
                "SSN {} was printed on the parcel",
            ),
        )
    ],
    "bank_card": [
        (
            v.bank_card,
            (
                "退款请打到卡号{}",
                "银行卡：{}，工行",
                "My card {} was charged twice",
                "card number {} expires soon",
                "退到 {} 就行",
                "Visa {}, please refund",
            ),
        )
    ],
    "passport": [
        (v.chinese_passport, ("护照号{}", "护照：{}，清关用", "passport no. {}", "My passport number is {}."))
    ],
    "iban": [(v.iban, ("Please refund to {}.", "IBAN: {}", "退款账户 {} ，谢谢"))],
    "plate": [(v.plate, ("车牌{}，停在楼下", "送货司机{}态度很差", "我的车是{}，买了这个坐垫", "车牌号：{}。"))],
    "account": [
        (v.wechat, ("加我微信：{}", "微信号{}，备注买家", "vx {} 返现", "My WeChat ID is {}", "wechat: {}")),
        (v.qq, ("QQ {}", "加QQ：{}领优惠券", "我的qq号是{}，欢迎交流", "有兴趣加QQ群{}")),
    ],
    "ip": [(v.ip, ("登录 IP：{}", "My IP address is {}.", "来自 {} 的下单", "blocked {} for no reason"))],
}


# what looks alike and is none
NEGATIVE: tuple[tuple[Callable[[Rng], str], tuple[str, ...]], ...] = (
    (v.gtin13, ("条码 {}", "EAN {} on the box", "商品条形码是{}，扫不出来", "{}", "Barcode: {}")),
    (lambda rng: "1" + v.digits(rng, 17), ("订单号{}一直没发货", "order number {} never came", "运单号：{}，三天没动")),
    (
        lambda rng: "13" + v.digits(rng, 9),
        ("订单{}还没到", "货号：{}", "tracking {} says delivered", "SKU {} is wrong"),
    ),
    (lambda rng: f"{rng.choice(('YT', 'SF', 'JD'))}{v.digits(rng, 13)}", ("快递{}", "shipped with {} today")),
    (
        lambda rng: f"{rng.choice('ABCDEGHK')}{v.digits(rng, 8)}",
        ("型号{}很好用", "part {} fits", "the {} model is louder"),
    ),
    (
        lambda rng: f"{rng.randint(1, 9)},{v.digits(rng, 3)},{v.digits(rng, 3)}.00",
        ("价格{}元", "They want ${} for it", "¥{}"),
    ),
    (lambda rng: f"{rng.randint(10, 999)}x{rng.randint(10, 999)}x{rng.randint(10, 999)}", ("尺寸{}mm", "size {} cm")),
    (
        lambda rng: f"{datetime(2010, 1, 1) + timedelta(seconds=rng.randrange(10**9 // 2))}",
        ("{} 下单", "ordered on {}", "保质期到{}"),
    ),
    (lambda rng: f"192.168.{rng.randint(0, 2)}.{rng.randint(1, 254)}", ("路由器后台{}", "open {} in the browser")),
    (
        lambda rng: ".".join(str(rng.randint(1, 20)) for _ in range(4)),
        ("固件版本 {}", "firmware version {}", "升级到v{}"),
    ),
    (
        lambda rng: f"{rng.choice(('icon', 'photo', 'logo'))}@{rng.randint(2, 3)}x.png",
        ("图片 {} 打不开", "the file {} is broken"),
    ),
    (lambda rng: f"400-{v.digits(rng, 3)}-{v.digits(rng, 4)}", ("客服热线{}打不通", "厂家电话 {}")),
    (
        lambda rng: rng.choice(
            (
                "5号电池4节",
                "68号机油",
                "口红12号色",
                "3号线地铁口",
                "7号楼梯",
                "南京路步行街",
                "二十四节气",
                "一路顺风",
                "七号球衣",
                "长安街上",
            )
        ),
        ("买了{}", "{}很不错", "送的{}挺好"),
    ),
    (
        lambda rng: rng.choice(
            (
                "微信支付",
                "QQ糖500g",
                "微信小程序",
                "QQ音乐会员",
                "WeChat Pay",
                "微信扫码登录",
                "QQ币",
                "wechat payment works",
            )
        ),
        ("用{}付的款", "{}不好用", "I tried {} twice"),
    ),
    (lambda rng: rng.choice(("新A4纸500张", "黑X58000鼠标", "青B12345款", "新M54321版")), ("这个{}不错", "买了{}")),
    (lambda rng: v.digits(rng, 5) + v.luhn_completed("99" + v.digits(rng, 8)), ("流水号{}", "serial {}", "S/N: {}")),
    (
        lambda rng: rng.choice(
            (
                "1 2 3 4 5 6 7 8 9 10 11",
                "36 37 38 39 40 41 42",
                "1.35 1.46 1.57 1.68",
                "100-200-300 g",
                "30-40-50 cm",
                "12-34-56",
                "3-6-9 months",
            )
        ),
        ("有{}几种", "comes in {}"),
    ),
    (
        lambda rng: f"https://item.shop.com/item.htm?id=13{v.digits(rng, 9)}&sku=62{v.digits(rng, 14)}",
        ("看 {} 这款", "see {}"),
    ),
    (
        lambda rng: f"{rng.randint(2, 60)} {rng.choice(('Street', 'Road', 'Drive', 'Way'))}",
        ("the {} edition", "I bought the size {} boots"),
    ),
    (
        lambda rng: f"{rng.randint(100, 999)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}",
        ("part no. {}", "型号：{}", "item {} is sold out"),
    ),
    (
        lambda rng: f"{rng.choice((45, 16))}{rng.choice(('英寸', 'GB', 'W', 'mAh', 'ml'))} {rng.randint(1000, 9999)}",
        ("参数{}", "{} 用了两年"),
    ),
    (
        lambda rng: rng.choice(
            ("三百五十克", "一二三四五六七", "九九八十一难", "买二送一第二件五折", "二零二四年新款")
        ),
        ("{}，很划算", "说是{}"),
    ),
)


def sentences(seed: int, *, each: int = 16, negatives: int = 7) -> list[Sentence]:
    """``each`` sentences for every kind and way of writing it, and ``negatives`` for every look-alike."""
    rng = random.Random(seed)
    found = []
    for kind, sources in POSITIVE.items():
        for make, templates in sources:
            for turn in range(each):
                value, template = make(rng), templates[turn % len(templates)]
                start = template.index("{}")
                found.append(Sentence(template.replace("{}", value), [(start, start + len(value), kind)]))
    for make, templates in NEGATIVE:
        found += [Sentence(templates[turn % len(templates)].replace("{}", make(rng))) for turn in range(negatives)]
    return found
