"""What is wrong with some texts on purpose: adverts, copied praise, personal data that belongs to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from goodsense.demo.plan import Truth
from goodsense.demo.visits import DAYS, END
from goodsense.demo.vocabulary import Language
from goodsense.feedback import Review

_ADVERTS: tuple[tuple[Language, str], ...] = (
    ("zh", "需要刷单兼职的宝妈看过来，日赚两百，无需押金，加微信 {wechat} 了解详情。"),
    ("zh", "同款玩具厂家直销，批发价三折起，电话 {mobile}，加微信号 {wechat} 发图册！"),
    ("en", "Work from home, 300 dollars a day, no experience needed! Add me on WeChat: {wechat} or call {phone}."),
)
_COPIED: tuple[tuple[Language, str], ...] = (
    ("zh", "宝贝收到了，质量非常好，跟卖家描述的完全一致，非常满意，真的很喜欢，完全超出期望值，"
           "发货速度非常快，包装很仔细！"),
    ("en", "Received the item, the quality is very good, exactly as the seller describes it, very satisfied, "
           "really beyond my expectations, the shipping speed is very fast, the packaging very careful!"),
)  # fmt: skip
_PERSONAL: dict[Language, tuple[str, ...]] = {
    "zh": (
        "有问题可以打我电话{mobile}。", "麻烦客服联系我，手机号{mobile}。", "补发请寄到{address}。",
        "退款打到我的银行卡号 {card}。",
        "实名认证要身份证号{id_card}，为什么买玩具也要这个？", "想换货，请加我微信号 {wechat}。",
        "发票请发到 {mail}。",
    ),
    "en": (
        "Seller, please call me on {phone}.", "Please send the spare part to {address}.",
        "My card {card} was charged twice, please check.", "If anyone wants to swap colours, write to {mail}.",
        "You can text me at {phone}.",
    ),
}  # fmt: skip
_NAMES = ("wang.xiaomei", "liming88", "lily.chen", "j.miller", "happy.mum", "zhao_lei", "anna.k", "tom.baker")
_STREETS = ("彩虹路", "向阳街", "玩具城路", "童心路")
_WAYS = ("Rainbow Lane", "Maple Street", "Harbour Road", "Orchard Avenue")


def numbers(rng: Random) -> dict[str, str]:
    """Made-up personal data that keeps the rules of the real: check digits, prefixes, lengths.

    Card numbers have the prefix of test cards, American phones the 555-01 of films, British ones the range of dramas,
    and the Chinese mobile is the one of all examples; identity cards belong to people born before 1890.
    """
    house, flat = rng.randint(1, 199), rng.randint(101, 2504)
    return {
        "mobile": rng.choice(("138 0013 8000", "13800138000", "138-0013-8000", "+86 138 0013 8000")),
        "phone": rng.choice((f"(212) 555-01{rng.randrange(100):02d}", f"07700 900{rng.randrange(1000):03d}")),
        "wechat": f"{rng.choice(('toybox', 'baobei', 'happy'))}_demo{rng.randrange(10, 99)}",
        "mail": f"{rng.choice(_NAMES)}@example.com",
        "card": _card(rng),
        "id_card": _id_card(rng),
        "address": f"杭州市西湖区{rng.choice(_STREETS)}{house}号{rng.randint(1, 9)}栋{flat}室",
        "street": f"{house} {rng.choice(_WAYS)}, Toyville, IL 60000",
    }


def _card(rng: Random) -> str:
    digits = [4, 0, 0, 0, 0, 0, *(rng.randrange(10) for _ in range(9))]
    doubled = [digit if place % 2 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits)]
    plain = "".join(map(str, [*digits, -sum(doubled) % 10]))
    return " ".join(plain[start : start + 4] for start in range(0, 16, 4))


def _id_card(rng: Random) -> str:
    """With its check sign (GB 11643, ISO 7064 MOD 11-2)."""
    digits = f"330106{rng.randint(1881, 1889)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(1, 999):03d}"
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(digits))
    return digits + "10X98765432"[total % 11]


def filled(line: str, rng: Random, language: Language) -> str:
    """A line with personal data filled in."""
    made = numbers(rng)
    return line.format(**(made if language == "zh" else {**made, "address": made["street"]}))


def with_personal_data(rng: Random, text: str, language: Language) -> str:
    """A text that goes on with what should not stand in public."""
    line = filled(rng.choice(_PERSONAL[language]), rng, language)
    ended = text if text.endswith((".", "!", "。", "！", "～")) else text + (". " if language == "en" else "。")
    return f"{ended.rstrip()} {line}" if language == "en" else f"{ended}{line}"


def advert_reviews(rng: Random, accounts: Sequence[str], truths: Sequence[Truth], *, share: float) -> list[Review]:
    """Adverts under five stars, each posted under several products within the hour."""
    found = []
    for place, (language, line) in enumerate(_ADVERTS):
        text = filled(line, rng, language)
        user = accounts[place % len(accounts)]
        start = END - timedelta(days=rng.uniform(1, DAYS))
        for truth in rng.sample(truths, max(2, round(6 * share))):
            moment = (start + timedelta(minutes=rng.uniform(0, 55))).replace(microsecond=0)
            found.append(_spam(user, truth, text, language, moment))
    return found


def copied_reviews(rng: Random, accounts: Sequence[str], truths: Sequence[Truth], *, share: float) -> list[Review]:
    """The same praise again and again, by several accounts under several products."""
    found = []
    for language, text in _COPIED:
        for truth in rng.sample(truths, max(3, round(7 * share))):
            moment = (END - timedelta(days=rng.uniform(0.1, DAYS))).replace(microsecond=0)
            found.append(_spam(rng.choice(accounts), truth, text, language, moment))
    return found


def _spam(user: str, truth: Truth, text: str, language: Language, moment: datetime) -> Review:
    return Review("", truth.id, user, 5.0, text=text, language=language, time=moment, verified=False)
