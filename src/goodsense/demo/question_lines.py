"""What shoppers ask about toys, and what sellers and other shoppers answer, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from goodsense.demo.vocabulary import Language
from goodsense.demo.wording import Lines


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to ask: ``asked`` holds the questions, ``seller`` and ``buyer`` the answers of either by case.

    The case (``yes``, ``no``, ``so`` where it is neither) follows from what is true of the product.
    """

    asked: Lines
    seller: Mapping[str, Lines]
    buyer: Mapping[str, Lines]


WASHING: Mapping[str, str] = {  # material -> how it is cleaned
    "plush": "machine", "felt": "cloth", "wood": "cloth", "cardboard": "dry", "metal": "cloth", "plastic": "water",
    "rubber": "water", "silicone": "water",
}  # fmt: skip

TOPICS: Mapping[Language, Mapping[str, Topic]] = {
    "en": {
        "age": Topic(
            ("Is this suitable for children of {years}?", "My nephew is {years}, can he play with this {noun} already?",
             "Would you give this to a child of {years}?"),
            {"yes": ("Yes, it is made for {age}.", "Certainly, we recommend it for {age}."),
             "no": ("We recommend it for {age}, so please wait a little.", "It is meant for {age}, sorry.")},
            {"yes": ("Ours is {years} too and plays with it every day.", "Yes, no problem at all."),
             "no": ("I would wait, there is too much that breaks or gets swallowed.",
                    "Not yet, it says {age} on the box.")},
        ),
        "size": Topic(
            ("How big is it exactly?", "What are the dimensions, please?", "Is the {noun} really {cm} cm?"),
            {"so": ("It is about {cm} cm at its longest side.", "Around {cm} cm, measured by hand.")},
            {"so": ("I just measured it: {cm} cm.", "About {cm} cm, give or take a few millimetres.")},
        ),
        "material": Topic(
            ("What is it made of?", "Can anyone tell me the material of this {noun}?", "Is it {material}?"),
            {"so": ("It is made of {material}.", "The material is {material}, from a certified supplier.")},
            {"so": ("It's {material}, feels like it too.", "{Material}, as far as I can tell.")},
        ),
        "washing": Topic(
            ("How do I clean it?", "Can this {noun} be washed?", "Is it washable?"),
            {"machine": ("Yes, in the machine at 30 degrees, in a bag.",),
             "water": ("Just rinse it with warm water and a little soap.",),
             "cloth": ("Please only wipe it with a damp cloth.",),
             "dry": ("No, please keep it dry, a soft brush is enough.",)},
            {"machine": ("I put ours into the machine twice, it came out fine.",),
             "water": ("We rinse it in the sink, works well.",),
             "cloth": ("A damp cloth does it.",),
             "dry": ("Do not get it wet, ours curled up at once.",)},
        ),
        "battery": Topic(
            ("Does it need batteries?", "Are batteries included?", "Which batteries does the {noun} take?"),
            {"yes": ("It takes two AA batteries, which are not included.",),
             "no": ("No, it works without batteries.", "No batteries needed.")},
            {"yes": ("Two AA, you have to buy them separately.",), "no": ("No batteries, luckily.", "None at all.")},
        ),
        "colour": Topic(
            ("Is the {colour} the same as in the photo?", "Can someone who has it tell me if the {colour} is true?",
             "Does the real colour match the pictures?"),
            {"so": ("Our photos are taken by daylight; screens may differ a little.",)},
            {"yes": ("Yes, exactly like in the photo.", "Same as in the picture, very pretty."),
             "no": ("No, it is much duller in reality.", "Not really, mine looks washed out."),
             "so": ("More or less, perhaps a little darker.",)},
        ),
        "smell": Topic(
            ("Does it smell when new?", "Is there any chemical smell?", "How is the smell out of the box?"),
            {"so": ("All our toys are tested; a slight smell of packaging is gone within a day.",)},
            {"yes": ("Sadly yes, quite strong.", "It does, we had to air it for days."),
             "no": ("No smell at all.", "Nothing that I noticed."), "so": ("A little at first, gone the next day.",)},
        ),
        "delivery": Topic(
            ("How long does delivery take?", "If I order today, will the {noun} be here by the weekend?",
             "Do you ship abroad?"),
            {"so": ("We ship within a day; it usually takes two to four days.",
                    "Normally two to four days, abroad one to two weeks.")},
            {"so": ("Mine took three days.", "Four days in my case.")},
        ),
        "wrapping": Topic(
            ("Can you gift-wrap it?", "Is it possible to add a card?",
             "It goes straight to my niece, can you leave out the bill?"),
            {"so": ("Yes, please leave a note with the order.", "Of course, just write it in the remarks.")},
            {"so": ("They wrapped mine nicely.", "Yes, I asked for it and it worked.")},
        ),
        "other colour": Topic(
            ("Do you have it in {other} too?", "Will there be one in {other}?",
             "I only see {colour}, is there {other} as well?"),
            {"so": ("This one only comes in {colour} at the moment.", "Not yet, only {colour} so far.")},
            {"so": ("I asked as well, they only have {colour}.",)},
        ),
    },
    "zh": {
        "age": Topic(
            ("{years}岁的孩子能玩吗？", "宝宝{years}岁，适合玩这个{noun}吗？", "请问{years}岁可以玩不？"),
            {"yes": ("亲，可以的，这款适合{age}的孩子。", "可以哦，推荐年龄是{age}。"),
             "no": ("亲，这款建议{age}再玩哦。", "推荐年龄{age}，太小的宝宝不建议。")},
            {"yes": ("我家也{years}岁，天天玩。", "可以的，没问题。"),
             "no": ("建议再等等，小零件怕误吞。", "还太小，盒子上写的{age}。")},
        ),
        "size": Topic(
            ("具体尺寸是多少？", "这个{noun}有多大？", "真的有{cm}厘米吗？"),
            {"so": ("亲，最长边约{cm}厘米，手工测量有误差哦。", "大约{cm}厘米。")},
            {"so": ("刚量了一下，{cm}厘米。", "{cm}厘米左右，差不了几毫米。")},
        ),
        "material": Topic(
            ("是什么材质的？", "这款{noun}是{material}的吗？", "材质安全吗，什么做的？"),
            {"so": ("亲，材质是{material}，可以放心。", "{material}的哦。")},
            {"so": ("{material}的，摸着就是。", "应该是{material}。")},
        ),
        "washing": Topic(
            ("可以水洗吗？", "脏了怎么清洗？", "这个{noun}好打理吗？"),
            {"machine": ("可以机洗，三十度，套上洗衣袋。",), "water": ("温水加一点肥皂冲洗就可以。",),
             "cloth": ("不能泡水，用湿布擦一擦就好。",), "dry": ("不能沾水哦，用软毛刷清洁。",)},
            {"machine": ("我家机洗过两次，没变形。",), "water": ("直接水龙头下冲就行。",),
             "cloth": ("湿布擦擦就干净了。",),
             "dry": ("千万别沾水，我家的一湿就翘了。",)},
        ),
        "battery": Topic(
            ("需要装电池吗？", "送电池吗？", "用几号电池？"),
            {"yes": ("需要两节5号电池，包装里不含哦。",), "no": ("不用电池的。", "亲，这款不需要电池哦。")},
            {"yes": ("两节5号，要自己买。",), "no": ("不用电池，省心。", "不用。")},
        ),
        "colour": Topic(
            ("有色差吗？", "实物的{colour}和图片一样吗？", "买过的说说颜色正不正？"),
            {"so": ("亲，都是实物拍摄，不同屏幕会有一点点差别。",)},
            {"yes": ("没有色差，和图片一样。", "颜色很正。"), "no": ("有色差，实物暗很多。", "色差挺大的，不太好看。"),
             "so": ("稍微深一点点，能接受。",)},
        ),
        "smell": Topic(
            ("有没有异味？", "味道大吗？", "刚打开会有味道吗？"),
            {"so": ("亲，我们都有检测报告，刚拆开有一点包装味，散散就好。",)},
            {"yes": ("味道挺大的，晾了好几天。", "有，比较刺鼻。"), "no": ("没有味道。", "没闻到什么味道。"),
             "so": ("刚开始有一点，第二天就没了。",)},
        ),
        "delivery": Topic(
            ("几天能到？", "今天下单周末能到吗？", "发什么快递，多久到？"),
            {"so": ("二十四小时内发货，一般两到四天到。", "亲，正常两到四天哦。")},
            {"so": ("我的三天就到了。", "四天到的。")},
        ),
        "wrapping": Topic(
            ("可以帮忙包装成礼物吗？", "能代写贺卡吗？", "直接寄给朋友，可以不放价格单吗？"),
            {"so": ("可以的，下单时备注一下就好。", "没问题，亲备注哦。")},
            {"so": ("我备注了，包得很好看。", "可以，店家给写了卡片。")},
        ),
        "other colour": Topic(
            ("有{other}的吗？", "什么时候出{other}款？", "只有{colour}吗，{other}有没有？"),
            {"so": ("亲，目前只有{colour}哦。", "暂时只有{colour}，其他颜色还没有。")},
            {"so": ("我也问过，只有{colour}。",)},
        ),
    },
}  # fmt: skip

assert TOPICS["en"].keys() == TOPICS["zh"].keys()
