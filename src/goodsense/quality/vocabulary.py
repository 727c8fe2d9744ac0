"""Words for colour, material, gender and size in both languages, and which of them go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_HAN = re.compile(r"[\u4e00-\u9fff]")
_LATIN = re.compile(r"[a-z0-9+'-]+")

# family: words, on as many lines as it takes. A word of several families agrees with each of them.
_COLOURS = """
red: red scarlet crimson maroon burgundy wine cherry ruby vermilion rust coral raspberry
red: 红色 大红 酒红 枣红 朱红 砖红 正红 暗红 深红 西瓜红 珊瑚
orange: orange tangerine apricot amber coral peach rust terracotta
orange: 橙色 橘色 桔色 橙红 橘红 杏色
yellow: yellow lemon mustard canary amber gold
yellow: 黄色 柠檬黄 姜黄 鹅黄 明黄 土黄 米黄
green: green olive lime emerald mint khaki sage teal turquoise aqua moss
green: 绿色 墨绿 军绿 草绿 果绿 翠绿 薄荷绿 橄榄绿 深绿 浅绿 卡其 青色 湖绿
turquoise: turquoise teal aqua cyan mint
turquoise: 青色 湖蓝 青绿 蓝绿
blue: blue navy azure indigo cobalt teal turquoise aqua cyan sapphire denim
blue: 蓝色 天蓝 藏青 藏蓝 深蓝 浅蓝 宝蓝 湖蓝 海军蓝 牛仔蓝 青色 雾霾蓝
purple: purple violet lavender lilac mauve plum magenta aubergine
purple: 紫色 紫罗兰 薰衣草 浅紫 深紫 紫红 丁香紫
pink: pink rose fuchsia magenta salmon peach blush coral mauve raspberry
pink: 粉色 粉红 玫红 玫瑰红 桃红 桃色 西瓜红 紫红 藕粉 裸粉
brown: brown tan chocolate coffee camel taupe khaki bronze copper rust mocha chestnut cognac beige mushroom
brown: 棕色 褐色 咖啡色 咖色 驼色 卡其 焦糖色 古铜 栗色 深棕
beige: beige cream ivory nude skin sand khaki tan camel ecru taupe mushroom
beige: 米色 杏色 裸色 肤色 卡其 米白 驼色 奶油色 米黄
white: white ivory cream ecru pearl
white: 白色 米白 乳白 象牙白 纯白 本白 奶白 雪白
black: black charcoal ebony onyx jet
black: 黑色 纯黑 炭黑 墨黑 乌黑 曜石黑
grey: grey gray charcoal slate silver steel ash gunmetal taupe
grey: 灰色 深灰 浅灰 银灰 烟灰 炭灰 中灰
gold: gold golden brass
gold: 金色 香槟金 土豪金
silver: silver steel platinum chrome
silver: 银色 银灰
copper: copper bronze
copper: 古铜 铜色
"""
_MATERIALS = """
cotton: cotton denim canvas corduroy
cotton: 棉质 纯棉 全棉 棉 牛仔布 帆布
wool: wool woolen woollen cashmere merino
wool: 羊毛 羊绒
silk: silk satin
silk: 丝绸 真丝 桑蚕丝
linen: linen flax
linen: 亚麻 棉麻
polyester: polyester fleece microfiber microfibre
polyester: 涤纶 聚酯纤维 聚酯
nylon: nylon polyamide
nylon: 尼龙 锦纶
leather: leather suede nubuck
leather: 皮革 真皮 牛皮 羊皮 皮质 头层牛皮 麂皮
leatherette: leatherette leather pu
leatherette: 人造革 仿皮 皮革 皮质
wood: wood wooden oak walnut beech pine teak bamboo timber plywood mdf
wood: 木质 木制 木头 实木 原木 橡木 榉木 松木 胡桃木 竹 竹制 木
metal: metal steel iron aluminium aluminum brass copper alloy zinc titanium stainless
metal: 金属 不锈钢 铁 铁艺 铝 铝合金 合金 钢 铜 钛
plastic: plastic abs pvc polypropylene polyethylene acrylic polycarbonate
plastic: 塑料 塑胶 亚克力
glass: glass crystal
glass: 玻璃 水晶
ceramic: ceramic porcelain stoneware earthenware
ceramic: 陶瓷 瓷 骨瓷 陶
rubber: rubber latex
rubber: 橡胶 乳胶
silicone: silicone
silicone: 硅胶
paper: paper cardboard
paper: 纸板 纸 纸质
plush: plush
plush: 毛绒
felt: felt
felt: 毛毡
"""
_GENDERS = """
men: men mens men's man male gents gentlemen unisex
men: 男士 男款 男装 男式 男性 男鞋 男女 中性 男女通用
women: women womens women's woman female ladies lady unisex
women: 女士 女款 女装 女式 女性 女鞋 男女 中性 男女通用
boys: boys boy boy's kids children unisex
boys: 男童 男孩 儿童 童装 中性 男女通用
girls: girls girl girl's kids children unisex
girls: 女童 女孩 儿童 童装 中性 男女通用
"""
_SIZES = """
mini: mini
mini: 迷你
small: small
small: 小号
medium: medium
medium: 中号
large: large big
large: 大号
xs: xs
s: s
m: m
l: l
xl: xl
xxl: xxl 2xl
xxxl: xxxl 3xl
"""


@dataclass(frozen=True, eq=False)
class Facet:
    """One thing that title and attributes both tell.

    ``names`` are what its attribute is called; ``alone`` are words that count only where they are the whole value,
    because in a title they may mean anything: ``红``, ``s``.
    """

    key: str
    names: frozenset[str]
    families: Mapping[str, frozenset[str]]
    alone: Mapping[str, frozenset[str]]

    def of_value(self, value: object) -> frozenset[str]:
        """The families that an attribute's value belongs to."""
        text = " ".join(value) if isinstance(value, tuple) else value if isinstance(value, str) else ""
        if len(text) > 200:
            return frozenset()
        folded = text.strip().casefold()
        found: frozenset[str] = self.alone.get(folded, frozenset())
        return found.union(*(self.families[word] for word in self.words(folded)))

    def words(self, folded: str) -> Iterator[str]:
        """The words of this facet in a case-folded text, as they come."""
        for word in _LATIN.findall(folded):
            if word in self.families:
                yield word
            elif "-" in word:
                yield from (part for part in word.split("-") if part in self.families)
        if _HAN.search(folded):
            yield from _han_words(self).findall(folded)


def _facet(key: str, table: str, names: str, alone: str = "") -> Facet:
    found: dict[str, set[str]] = {}
    for line in table.strip().splitlines():
        family, words = line.split(": ")
        for word in words.split():
            found.setdefault(word, set()).add(family)
    single = dict(pair.split("=") for pair in alone.split())
    lone = {word: frozenset({family}) for word, family in single.items()}
    short = {word for word in found if len(word) == 1}
    lone |= {word: frozenset(found[word]) for word in short}
    families = {word: frozenset(of) for word, of in found.items() if word not in short}
    return Facet(key, frozenset(names.split()), families, lone)


@cache
def _han_words(facet: Facet) -> re.Pattern[str]:
    words = sorted((word for word in facet.families if _HAN.search(word)), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)) or r"(?!)")


FACETS: tuple[Facet, ...] = (
    _facet(
        "colour", _COLOURS, "color colour basecolor basecolour maincolor maincolour 颜色 主颜色 主色 颜色分类 色彩",
        "红=red 橙=orange 黄=yellow 绿=green 青=green 蓝=blue 紫=purple 粉=pink 棕=brown 白=white 黑=black 灰=grey "
        "金=gold 银=silver",
    ),
    _facet("material", _MATERIALS, "material materials fabric mainmaterial 材质 面料 材料 主要材质 材质成分"),
    _facet("gender", _GENDERS, "gender sex targetgender 性别 适用性别 适用人群", "男=men 女=women"),
    _facet("size", _SIZES, "size sizes 尺码 尺寸 大小 规格"),
)  # fmt: skip
