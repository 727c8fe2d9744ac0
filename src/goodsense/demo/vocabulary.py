"""What the toy shop can sell, in both languages, and the words its shoppers use that its catalog never does.

Every thing has ``en`` and ``zh`` words, which listings use, and ``asked_en`` and ``asked_zh`` words, which only queries
use: synonyms and paraphrases that occur nowhere in the catalog text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]
RGB: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Words:
    """One notion: its catalog words and its held-out synonyms in both languages."""

    key: str
    en: tuple[str, ...]
    zh: tuple[str, ...]
    asked_en: tuple[str, ...]
    asked_zh: tuple[str, ...]

    def said(self, language: Language) -> tuple[str, ...]:
        """The words of the catalog."""
        return self.en if language == "en" else self.zh

    def asked(self, language: Language) -> tuple[str, ...]:
        """The words of queries only."""
        return self.asked_en if language == "en" else self.asked_zh


@dataclass(frozen=True, slots=True)
class ToyType:
    """A leaf of the category tree; ``colours`` and ``materials`` are what it usually comes in, likeliest first."""

    words: Words
    branch: str
    leaf_en: str
    leaf_zh: str
    colours: tuple[str, ...]
    materials: tuple[str, ...]
    price: float

    @property
    def key(self) -> str:
        return self.words.key


def _words(key: str, en: str, zh: str, asked_en: str, asked_zh: str) -> Words:
    return Words(key, *(tuple(part.strip() for part in text.split("/")) for text in (en, zh, asked_en, asked_zh)))


def _toy(words: Words, branch: str, leaf: str, colours: str, materials: str, price: float) -> ToyType:
    leaf_en, leaf_zh = leaf.split("/")
    return ToyType(words, branch, leaf_en, leaf_zh, tuple(colours.split()), tuple(materials.split()), price)


BRANCHES: dict[str, tuple[str, str]] = {
    "vehicles": ("Vehicles", "交通工具"),
    "animals": ("Animals", "动物"),
    "building": ("Building & Brain", "搭建益智"),
    "figures": ("Dolls & Figures", "人物"),
    "music": ("Music", "音乐"),
    "outdoor": ("Outdoor & Active", "户外运动"),
    "kitchen": ("Pretend Kitchen", "过家家"),
}

COLOURS: dict[str, Words] = {
    words.key: words
    for words in (
        _words("red", "red", "红色", "scarlet/crimson", "朱红/绯色"),
        _words("orange", "orange", "橙色", "tangerine/apricot", "橘色/杏色"),
        _words("yellow", "yellow", "黄色", "lemon/canary", "柠檬色/鹅黄"),
        _words("green", "green", "绿色", "emerald/olive", "翠绿/草绿"),
        _words("turquoise", "turquoise", "青色", "teal/aqua", "湖水色/蓝绿"),
        _words("blue", "blue", "蓝色", "navy/azure", "海军蓝/宝蓝"),
        _words("purple", "purple", "紫色", "violet/lavender", "紫罗兰/薰衣草"),
        _words("pink", "pink", "粉色", "rose/fuchsia", "玫红/桃色"),
        _words("brown", "brown", "棕色", "chestnut/chocolate", "咖啡色/褐色"),
        _words("black", "black", "黑色", "ebony/onyx", "乌黑/墨色"),
        _words("white", "white", "白色", "ivory/snowy", "雪白/米白"),
        _words("grey", "grey", "灰色", "slate/ashen", "石板色/烟灰"),
    )
}

RGB_OF: dict[str, RGB] = {
    "red": (206, 42, 40),
    "orange": (238, 126, 32),
    "yellow": (244, 205, 50),
    "green": (62, 156, 70),
    "turquoise": (42, 178, 176),
    "blue": (44, 94, 196),
    "purple": (126, 68, 168),
    "pink": (240, 134, 176),
    "brown": (134, 86, 52),
    "black": (50, 50, 54),
    "white": (238, 238, 234),
    "grey": (142, 146, 152),
}

MATERIALS: dict[str, Words] = {
    words.key: words
    for words in (
        _words("wood", "wooden/wood", "木质/木头", "timber/beech", "原木/榉木"),
        _words("plastic", "plastic", "塑料", "polymer/resin", "塑胶/树脂"),
        _words("plush", "plush", "毛绒", "fluffy/furry", "软绵绵/绒绒的"),
        _words("metal", "metal", "金属", "steel/alloy", "合金/铁皮"),
        _words("rubber", "rubber", "橡胶", "latex/squeezy", "乳胶/软胶"),
        _words("cardboard", "cardboard", "纸板", "carton/corrugated", "瓦楞/厚纸"),
        _words("felt", "felt", "毛毡", "cloth/textile", "布料/织物"),
        _words("silicone", "silicone", "硅胶", "gel/food-grade", "食品级/软硅"),
    )
}

AGES: dict[str, Words] = {
    words.key: words
    for words in (
        _words("0+", "ages 0+/age 0 and up", "0岁以上/0岁起", "newborn/infant", "新生儿/婴儿"),
        _words("1+", "ages 1+/age 1 and up", "1岁以上/1岁起", "toddler/one-year-old", "学步/周岁"),
        _words("3+", "ages 3+/age 3 and up", "3岁以上/3岁起", "preschooler/kindergartener", "幼儿园/学前"),
        _words("6+", "ages 6+/age 6 and up", "6岁以上/6岁起", "schoolchild/first grader", "小学生/一年级"),
        _words("8+", "ages 8+/age 8 and up", "8岁以上/8岁起", "tween/third grader", "大孩子/三年级"),
    )
}

SIZES: dict[str, tuple[str, str, int]] = {  # English, Chinese, centimetres
    "mini": ("mini", "迷你", 9),
    "small": ("small", "小号", 15),
    "medium": ("medium", "中号", 24),
    "large": ("large", "大号", 38),
}

TOYS: dict[str, ToyType] = {
    toy.key: toy
    for toy in (
        _toy(_words("car", "car/toy car", "小汽车/汽车", "automobile/sedan", "轿车/座驾"),
             "vehicles", "Cars/汽车", "red blue yellow white black green", "metal plastic wood", 59),
        _toy(_words("train", "train/toy train", "小火车/火车", "locomotive/railway engine", "列车/机车头"),
             "vehicles", "Trains/火车", "green red blue black orange", "wood plastic metal", 129),
        _toy(_words("plane", "plane/toy plane", "飞机/小飞机", "jet/aircraft", "客机/航空器"),
             "vehicles", "Planes/飞机", "white blue red grey turquoise", "plastic metal wood", 79),
        _toy(_words("boat", "boat/sailing boat", "小船/帆船", "yacht/ship", "游艇/船舶"),
             "vehicles", "Boats/船", "blue white red turquoise brown", "wood plastic rubber", 69),
        _toy(_words("digger", "digger/toy digger", "挖掘机/工程挖掘机", "excavator/backhoe", "挖土机/钩机"),
             "vehicles", "Diggers/工程车", "yellow orange red green", "metal plastic wood", 119),
        _toy(_words("rocket", "rocket/space rocket", "火箭/航天火箭", "spaceship/launcher", "飞船/运载器"),
             "vehicles", "Rockets/火箭", "white red grey purple orange", "plastic wood cardboard", 89),
        _toy(_words("bear", "bear/little bear", "小熊/熊", "teddy/grizzly", "泰迪/狗熊"),
             "animals", "Bears/熊", "brown white pink grey black", "plush felt wood", 85),
        _toy(_words("rabbit", "rabbit/little rabbit", "兔子/小兔", "bunny/hare", "玉兔/兔兔"),
             "animals", "Rabbits/兔子", "white grey pink brown purple", "plush felt silicone", 75),
        _toy(_words("duck", "duck/bath duck", "小鸭/鸭子", "mallard/waterfowl", "水禽/鸭仔"),
             "animals", "Ducks/鸭子", "yellow white pink turquoise green", "rubber silicone wood plush", 29),
        _toy(_words("fish", "fish/little fish", "小鱼/鱼", "guppy/sea creature", "海洋生物/锦鲤"),
             "animals", "Fish/鱼", "orange blue turquoise purple yellow", "rubber silicone felt plastic", 35),
        _toy(_words("dinosaur", "dinosaur/dinosaur figure", "恐龙/小恐龙", "T-rex/prehistoric reptile",
                    "霸王龙/史前巨兽"),
             "animals", "Dinosaurs/恐龙", "green purple orange grey red", "rubber plastic plush", 65),
        _toy(_words("blocks", "building blocks/blocks", "积木/搭建积木", "bricks/stacking cubes", "方块/叠叠高"),
             "building", "Blocks/积木", "red blue yellow green purple", "wood plastic silicone", 99),
        _toy(_words("puzzle", "puzzle/picture puzzle", "拼图/儿童拼图", "jigsaw/brain teaser", "拼板/拼块"),
             "building", "Puzzles/拼图", "blue green pink orange turquoise", "cardboard wood felt", 45),
        _toy(_words("castle", "castle/toy castle", "城堡/小城堡", "fortress/citadel", "堡垒/宫殿"),
             "building", "Castles/城堡", "grey pink purple white brown", "cardboard wood plastic", 189),
        _toy(_words("doll", "doll/dress-up doll", "娃娃/换装娃娃", "figurine/mannequin", "公仔/人偶"),
             "figures", "Dolls/娃娃", "pink purple red blue turquoise", "felt plastic silicone wood", 109),
        _toy(_words("robot", "robot/toy robot", "机器人/小机器人", "android/mech", "机甲/铁甲战士"),
             "figures", "Robots/机器人", "grey blue red black white", "metal plastic cardboard", 149),
        _toy(_words("guitar", "guitar/kids guitar", "吉他/儿童吉他", "six-string/strummer", "六弦琴/弹拨琴"),
             "music", "Guitars/吉他", "brown red pink blue black", "wood plastic", 159),
        _toy(_words("drum", "drum/hand drum", "小鼓/手鼓", "percussion/snare", "打击乐/军乐队"),
             "music", "Drums/鼓", "red blue turquoise yellow orange", "wood metal plastic", 95),
        _toy(_words("piano", "piano/toy piano", "钢琴/儿童钢琴", "keyboard/baby grand", "键盘琴/电子琴"),
             "music", "Pianos/钢琴", "black white pink red", "wood plastic", 239),
        _toy(_words("ball", "ball/play ball", "皮球/小皮球", "bouncer/sphere", "圆球/弹力球"),
             "outdoor", "Balls/球", "red blue green orange purple", "rubber silicone plush felt", 25),
        _toy(_words("kite", "kite/flying kite", "风筝/儿童风筝", "glider/wind flyer", "纸鸢/鹞子"),
             "outdoor", "Kites/风筝", "red yellow purple turquoise green", "cardboard felt plastic", 49),
        _toy(_words("bicycle", "bicycle/kids bicycle", "自行车/儿童自行车", "bike/two-wheeler", "单车/脚踏车"),
             "outdoor", "Bicycles/自行车", "red blue pink green black", "metal wood plastic", 399),
        _toy(_words("top", "spinning top/humming top", "陀螺/旋转陀螺", "whirligig/gyro", "转转乐/冰尜"),
             "outdoor", "Spinning tops/陀螺", "red orange purple blue green", "wood metal plastic", 22),
        _toy(_words("teapot", "teapot/tea set", "茶壶/小茶壶", "kettle/brewing set", "水壶/沏茶"),
             "kitchen", "Tea sets/茶壶", "white pink turquoise blue yellow", "wood metal silicone plastic", 88),
        _toy(_words("cake", "cake/birthday cake", "蛋糕/生日蛋糕", "gateau/dessert", "甜点/西点"),
             "kitchen", "Cakes/蛋糕", "pink brown white yellow", "wood felt silicone plastic", 72),
    )
}  # fmt: skip

BRANDS: tuple[tuple[str, str], ...] = (
    ("Maplefox", "枫狐"),
    ("Tinkerlume", "叮光"),
    ("Bobbin & Joy", "线团乐"),
    ("Hazelmoon", "榛月"),
    ("Kikoru", "奇可噜"),
    ("Pebblenest", "卵石窝"),
    ("Wunderoo", "万朵"),
    ("Little Quill", "小翎"),
    ("Doremimo", "哆来米"),
    ("Sprout Lane", "芽巷"),
    ("Nubinu", "努比努"),
    ("Mumbleby", "咕哝谷"),
)

LINES: tuple[tuple[str, str], ...] = (
    ("Aurora", "极光"),
    ("Sunday", "星期天"),
    ("Starlight", "星语"),
    ("Meadow", "田野"),
    ("Hello", "你好"),
    ("Dreamy", "梦境"),
    ("Wonder", "奇想"),
    ("Breeze", "微风"),
    ("Lantern", "灯笼街"),
    ("Pocket", "口袋"),
    ("Giggle", "咯咯笑"),
    ("First Steps", "起步"),
)


def held_out(language: Language) -> tuple[str, ...]:
    """Every word that queries may use and the catalog must not."""
    notions = (*COLOURS.values(), *MATERIALS.values(), *AGES.values(), *(toy.words for toy in TOYS.values()))
    return tuple(word for words in notions for word in words.asked(language))
