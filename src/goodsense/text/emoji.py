"""Emoji and emoticons in words, in English or Chinese, or left out: half of what a short review says may be one."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

from goodsense.text.script import HAN

# Emoji, then English and Chinese words; those that judge come first: "love", "angry".
_TABLE = """
😀😃😄😁😊☺🙂 happy 开心|😆😅😂🤣 laughing 好笑|🥰😍😘😻💕💖💗💓💞💘💝 love 喜欢|❤🧡💛💚💙💜🖤🤍🤎♥ love 爱心
🤩 amazing 惊艳|😎 cool 酷|😋🤤 delicious 好吃|🥳🎉🎊 celebrate 庆祝|🤗 hug 拥抱|😇 kind 善良
😉😜😝😛🤪 playful 调皮|😌 content 满意|😏 smug 得意|🤔 wondering 疑惑|😐😑😶 so-so 一般|🙄 annoyed 无语
😒 displeased 不满|😬 awkward 尴尬|😞😔😟🙁☹😕 disappointed 失望|😢😥😿 sad 难过|😭 crying 大哭
😠😡🤬👿 angry 生气|😤 upset 气愤|😱😨😰 shocked 害怕|😮😲😯 surprised 惊讶|🤢🤮 disgusting 恶心
😷🤒 sick 生病|😴💤 sleepy 困|🥱 bored 无聊|🤯 mind-blowing 震惊|🤦 facepalm 无语|🤷 don't know 不知道
💔 heartbroken 心碎|👍 good 赞|👎 bad 差评|👏 bravo 鼓掌|🙏 thanks 感谢|👌 okay 好的|💪 strong 给力
✌ victory 胜利|🤝 agreed 合作|👋 hello 你好|🤞 hopeful 希望|💯 perfect 满分|⭐🌟✨ star 好评|🔥 hot 火爆
✅✔☑ yes 是|❌✖❎🚫 no 否|❗‼ attention 注意|❓❔ question 疑问|⚠ warning 警告|💩 rubbish 垃圾|👑 best 最好
🏆🥇 best 第一|🆕 new 新品|🆓 free 免费|🈹💲💰💵💸 money 钱|🏷 price tag 价格|🛒🛍 shopping 购物|🎁 gift 礼物
📦 parcel 包裹|🚚🚛 delivery 快递|✈ plane 飞机|🚀 rocket 火箭|🐢🐌 slow 慢|⚡ fast 快|⏰⌛⏳ time 时间
📷📸 photo 照片|🎥🎬 video 视频|📱 phone 手机|💻 laptop 笔记本电脑|🎧 headphones 耳机|🔋 battery 电池
🔌 plug 插头|💡 light 灯|🔊 loud 声音大|🔇 silent 静音|📚📖 book 书|✏ pencil 铅笔|🧸 teddy bear 玩具熊
🎮 game 游戏|🧩 puzzle 拼图|🎲 dice 骰子|⚽🏀 ball 球|🚲 bicycle 自行车|🚗 car 汽车|🚂🚆 train 火车|⛵ boat 船
👶 baby 宝宝|👧 girl 女孩|👦 boy 男孩|👪 family 家庭|👗 dress 连衣裙|👕 t-shirt T恤|👖 jeans 牛仔裤
👟👞 shoes 鞋|👠 high heels 高跟鞋|👜👛 handbag 手提包|🎒 backpack 背包|🧢👒 hat 帽子|🧤 gloves 手套
🧣 scarf 围巾|🧦 socks 袜子|👓🕶 glasses 眼镜|⌚ watch 手表|💍 ring 戒指|💄 lipstick 口红|🧴 lotion 乳液
🧼 soap 肥皂|🛏 bed 床|🛋 sofa 沙发|🪑 chair 椅子|🍳 frying pan 平底锅|🍴🍽 cutlery 餐具|🔪 knife 刀
☕ coffee 咖啡|🍵 tea 茶|🍼 baby bottle 奶瓶|🥛 milk 牛奶|🍺 beer 啤酒|🍷 wine 葡萄酒|🍫 chocolate 巧克力
🎂🍰 cake 蛋糕|🍎 apple 苹果|🍓 strawberry 草莓|🌹🌸🌺🌷💐 flower 花|🌿🍀🌱 plant 植物|🐶🐕 dog 狗|🐱🐈 cat 猫
🐼 panda 熊猫|🦄 unicorn 独角兽|🦖🦕 dinosaur 恐龙|☀ sunny 晴天|🌧☔ rain 下雨|❄ cold 冷|💧💦 water 水
🔴 red 红色|🔵 blue 蓝色|🟢 green 绿色|🟡 yellow 黄色|⚫ black 黑色|⚪ white 白色|🟠 orange 橙色
🟣 purple 紫色|🟤 brown 棕色
"""
_EMOTICONS = """
:) :-) =) ^_^ ^^ (^_^) happy 开心|:D :-D xD laughing 好笑|;) ;-) playful 调皮|<3 love 喜欢|:( :-( =( disappointed 失望
:'( T_T T.T QAQ crying 大哭|>:( >_< angry 生气|-_- annoyed 无语|:/ :-/ disappointed 失望|orz OTZ hopeless 无奈
"""
_MODIFIERS = "\u200d\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_PICTURES = (
    "\u203c\u2049\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff"
)
_EMOJI = re.compile(f"[{_PICTURES}][{_MODIFIERS}]*(?:(?<=\u200d)[{_PICTURES}][{_MODIFIERS}]*)*")
_PEOPLE = frozenset("👨👩👧👦")
_SPACES = re.compile(r" {2,}")
Language = Literal["en", "zh"]


def emoji_to_words(text: str, language: Language | None = None) -> str:
    """Put words in the place of emoji and of emoticons such as ``:-)``.

    Parameters
    ----------
    text
        Any text.
    language
        Of the words; None takes Chinese where the text has a Chinese character.

    Returns
    -------
    str
        Repeated emoji are said once. One that is not in the table has its Unicode name in English, and goes in
        Chinese. Skin tones and other variants make no difference.

    Examples
    --------
    >>> emoji_to_words("Great mug 😍😍 fast 🚚 :)"), emoji_to_words("杯子很好👍🏽")
    ('Great mug love fast delivery happy', '杯子很好 赞')
    """
    chosen: Language = language or ("zh" if HAN.search(text) else "en")
    table, pattern = _compiled()
    at = 1 if chosen == "zh" else 0

    def words(match: re.Match[str]) -> str:
        said = dict.fromkeys(_said(sign, table, at) for sign in _signs(match.group(), table))
        return f" {' '.join(word for word in said if word)} "

    return _tidy(pattern.sub(words, text), text)


def remove_emoji(text: str) -> str:
    """The text without emoji and emoticons.

    >>> remove_emoji("Great mug 😍😍 fast 🚚 :)")
    'Great mug fast'
    """
    return _tidy(_compiled()[1].sub(" ", text), text)


def _tidy(done: str, text: str) -> str:
    return text if done == text else "\n".join(_SPACES.sub(" ", line).strip() for line in done.split("\n"))


def _signs(run: str, table: dict[str, tuple[str, str]]) -> list[str]:
    if run.strip() in table:
        return [run.strip()]
    return ["👪" if len(_PEOPLE & set(sign)) > 1 else sign[:1] for sign in _EMOJI.findall(run)]


def _said(sign: str, table: dict[str, tuple[str, str]], at: int) -> str:
    if sign in table:
        return table[sign][at]
    return "" if at else unicodedata.name(sign, "").lower()


@cache
def _compiled() -> tuple[dict[str, tuple[str, str]], re.Pattern[str]]:
    table: dict[str, tuple[str, str]] = {}
    for entry in _TABLE.strip().replace("\n", "|").split("|"):
        signs, _, words = entry.partition(" ")
        english, _, chinese = words.rpartition(" ")
        for sign in _EMOJI.findall(signs):
            table[sign[:1]] = (english, chinese)
    faces: list[str] = []
    for entry in _EMOTICONS.strip().replace("\n", "|").split("|"):
        *drawings, english, chinese = entry.split(" ")
        faces += drawings
        table |= dict.fromkeys(drawings, (english, chinese))
    drawn = "|".join(map(re.escape, sorted(faces, key=len, reverse=True)))
    return table, re.compile(rf"(?:{_EMOJI.pattern} ?)+|(?<![^\s\u3000-\u9fff])(?:{drawn})(?![^\s\u3000-\u9fff,.!?])")
