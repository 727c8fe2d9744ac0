"""A small bilingual table of shop words that mean the same; one group per line."""

from __future__ import annotations

import re
from functools import cache

_GROUPS = """
red 红色 大红 crimson scarlet|blue 蓝色 azure|navy 藏青 深蓝|green 绿色|yellow 黄色|black 黑色
white 白色|grey gray 灰色
pink 粉色 粉红 rose|purple 紫色 violet|brown 棕色 褐色|orange 橙色 橘色|beige 米色 米白|gold golden 金色
silver 银色
shoes 鞋子 鞋 footwear|sneakers trainers 运动鞋 球鞋|boots 靴子|sandals 凉鞋|slippers 拖鞋
socks 袜子|shirt 衬衫 衬衣
t-shirt tee tshirt T恤 短袖|trousers pants 裤子 长裤|jeans denim 牛仔裤|dress 连衣裙 frock
skirt 裙子 半身裙|jacket 夹克 外套
coat 大衣 overcoat|sweater jumper pullover 毛衣|hat cap 帽子|gloves 手套|scarf 围巾|belt 皮带 腰带
watch 手表 腕表
bag handbag 包 手提包 purse|backpack rucksack 背包 双肩包|wallet 钱包|sunglasses 太阳镜 墨镜
necklace 项链|ring 戒指|earrings 耳环
phone smartphone 手机 cellphone|laptop notebook 笔记本电脑|computer 电脑 pc|tablet 平板 平板电脑
headphones earphones 耳机
camera 相机 照相机|television tv 电视 电视机|speaker 音箱 音响|keyboard 键盘|mouse 鼠标|charger 充电器
cable 数据线 cord
sofa couch 沙发|table desk 桌子|chair seat 椅子|bed 床|lamp light 灯 台灯|curtain 窗帘 drapes
pillow cushion 枕头 抱枕
blanket throw 毯子|towel 毛巾|cup mug 杯子 水杯|bottle flask 瓶子 水壶|bowl 碗|plate dish 盘子
knife 刀|pot pan 锅
toy 玩具 plaything|car automobile 汽车 小汽车|train 火车 railway|plane airplane aircraft 飞机
boat ship 船 轮船|bicycle bike 自行车
doll 娃娃 洋娃娃|ball 球|puzzle jigsaw 拼图|blocks bricks 积木|robot 机器人|bear teddy 熊 小熊
rabbit bunny 兔子|dinosaur 恐龙
kids children 儿童 小孩|baby infant 婴儿 宝宝|men 男士 男|women ladies 女士 女|girl 女孩 女童
boy 男孩 男童
wood wooden 木质 木制|metal 金属 metallic|plastic 塑料|cotton 棉 纯棉|leather 皮革 真皮|wool 羊毛
silk 丝绸 真丝|glass 玻璃
large big 大号 大|small little mini 小号 小|cheap 便宜 inexpensive|new 新款 全新
gift present 礼物 礼品|set kit 套装
soft 柔软 柔软的|light lightweight 轻便|waterproof 防水|wireless cordless 无线|outdoor 户外
kitchen 厨房|office 办公
shampoo 洗发水|soap 香皂|perfume fragrance 香水|cream lotion 面霜 乳液|lipstick 口红
toothbrush 牙刷
tea 茶 茶叶|coffee 咖啡|milk 牛奶|rice 大米|noodles 面条|chocolate 巧克力|fruit 水果|apple 苹果
juice 果汁
"""

GROUPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(group.split()) for line in _GROUPS.strip().splitlines() for group in line.split("|")
)
_HAN = re.compile(r"[\u4e00-\u9fff]")


def other_words(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Words of the text that have another word, with those others: ``[("sofa", ("couch", "沙发"))]``.

    Latin words match whole, Chinese ones of two characters and more anywhere.
    """
    table, pattern = _compiled()
    found = dict.fromkeys(match.lower() for match in pattern.findall(text))
    return [(word, table[word]) for word in found]


@cache
def _compiled() -> tuple[dict[str, tuple[str, ...]], re.Pattern[str]]:
    table = {
        word.lower(): tuple(other for other in group if other != word)
        for group in GROUPS
        for word in group
        if not _HAN.search(word) or len(word) > 1
    }
    latin = [re.escape(word) for word in table if not _HAN.search(word)]
    han = [re.escape(word) for word in sorted(table, key=len, reverse=True) if _HAN.search(word)]
    return table, re.compile(rf"\b(?:{'|'.join(latin)})\b|{'|'.join(han)}", re.IGNORECASE)
