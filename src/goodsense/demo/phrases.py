"""What listings of any toy say: neutral names, promises, brand stories and shop noise, in both languages.

Nothing here names a type, a colour or a material; placeholders in braces are filled by the listing.
"""

from __future__ import annotations

from goodsense.demo.vocabulary import Language

NEUTRAL: dict[Language, tuple[str, ...]] = {
    "en": ("toy", "play set", "plaything", "gift toy", "play companion", "children's toy", "surprise toy", "keepsake"),
    "zh": ("玩具", "儿童玩具", "益智玩具", "礼物", "早教玩具", "亲子玩具", "惊喜玩具", "小礼品"),
}

TITLES: dict[Language, tuple[str, ...]] = {
    "en": (
        "{brand} {colour} {material} {noun}",
        "{brand} {line} {noun}, {colour}, {material}, {age}",
        "{colour} {noun} by {brand} - {size} - {age}",
        "{brand} '{line}' {material} {noun} {size} {colour}",
        "{material} {noun} {colour} for children {age}",
        "{brand} {noun} {line} edition ({colour})",
        "{hype} {brand} {noun} {colour} {material} {size}",
        "{noun} {material} {colour} {size} | {brand}",
        "{brand} {size} {noun} - {line} collection {age}",
        "My first {noun} - {brand} {line}, {material}, {colour}",
    ),
    "zh": (
        "{brand}{colour}{material}{noun}",
        "{brand} {line}系列 {material}{noun} {colour} {age}",
        "【{hype}】{brand}{noun}{material}{colour}{size}",
        "{material}{noun} {colour} {age} 儿童礼物 {brand}",
        "{brand}官方 {noun} {size} {colour}款",
        "{colour}{noun}{material}宝宝玩具{age}{brand}",
        "{brand}（{line}）{noun} {size} {material}",
        "{hype} {noun} {colour} {material} {age} {size}",
        "{brand}{line}{noun} 男孩女孩生日礼物 {colour}",
        "{noun} {material} {colour} {brand} 正品包邮",
    ),
}

HYPE: dict[Language, tuple[str, ...]] = {
    "en": ("NEW!", "Bestseller:", "Limited:", "Highly rated", "[2026]", "Flash deal", "***", "Award winning"),
    "zh": ("新品", "爆款", "店长推荐", "限时特价", "2026新款", "包邮", "热卖", "买一送一"),
}

COLOUR_SAID: dict[Language, tuple[str, ...]] = {
    "en": ("Colour: {colour}.", "This one is {colour}.", "Painted in a lasting {colour}.",
           "You are looking at the {colour} version.",
           "Shown here in {colour}."),
    "zh": ("颜色：{colour}。", "本款为{colour}。", "采用不易褪色的{colour}。", "您看到的是{colour}款。",
           "图中展示{colour}款。"),
}  # fmt: skip

MATERIAL_SAID: dict[Language, tuple[str, ...]] = {
    "en": ("Material: {material}.", "Made of {material} that lasts for generations.",
           "Carefully crafted in {material}.", "The {material} comes from a certified supplier.",
           "Finished by hand, {material} all the way through."),
    "zh": ("材质：{material}。", "精选{material}，经久耐用。", "{material}用料扎实，做工细致。",
           "采用优质{material}制作。", "通体{material}，手感舒服。"),
}  # fmt: skip

AGE_SAID: dict[Language, tuple[str, ...]] = {
    "en": (
        "Recommended for {age}.",
        "Suitable for {age}, under supervision.",
        "Age group: {age}.",
        "Tested with children {age}.",
    ),
    "zh": ("适合{age}的孩子。", "适用年龄：{age}。", "推荐{age}，请在家长陪同下使用。", "{age}都能玩。"),
}

SIZE_SAID: dict[Language, tuple[str, ...]] = {
    "en": ("About {cm} cm at its longest side.", "Size {size}, roughly {cm} cm.", "Measures {cm} centimetres.",
           "Dimensions: {cm} cm ({size})."),
    "zh": ("最长边约{cm}厘米。", "{size}，大约{cm}厘米。", "尺寸：{cm}cm（手工测量有误差）。",
           "规格{size}，长{cm}厘米左右。"),
}  # fmt: skip

PRAISE: dict[Language, tuple[str, ...]] = {
    "en": (
        "A present that is not forgotten after a week.", "Encourages free play without batteries.",
        "Small hands find it easy to hold.", "Our testers did not want to give it back.",
        "Sparks stories every day anew.", "Makes rainy afternoons short.", "Light, sturdy and easy to clean.",
        "Every piece is checked twice before it leaves us.", "Parents like it because it needs no screen.",
        "Develops fine motor skills and imagination.", "A favourite for birthdays and holidays.",
        "Looks lovely on the shelf when play time is over.", "Safe edges, safe finish, safe sleep for parents.",
        "Shared by siblings without a quarrel, nearly always.", "Wipe it with a damp sponge and it is like new.",
    ),
    "zh": (
        "一份不会被遗忘的礼物。", "不用电池，激发自由玩耍。", "大小刚好，小手抓得住。", "试玩的小朋友都舍不得放下。",
        "每天都有新故事。", "下雨天在家也不无聊。", "轻巧结实，容易清洁。", "出厂前两道检查，妈妈放心。",
        "远离屏幕，家长更喜欢。", "锻炼手眼协调，培养想象力。", "生日、节日送礼首选。", "不玩的时候摆在架子上也好看。",
        "边缘光滑，安全无异味。", "兄弟姐妹一起玩不吵架。", "湿海绵一擦就干净。",
    ),
}  # fmt: skip

STORIES: dict[Language, tuple[str, ...]] = {
    "en": (
        "{brand} is a family workshop that began in a garage with one lathe and two curious kids.",
        "At {brand} we believe that a good idea needs no instructions.",
        "{brand} designs every collection together with children from the neighbourhood.",
        "The {line} collection by {brand} celebrates slow play.",
        "{brand} plants a sapling for every tenth order.",
    ),
    "zh": (
        "{brand}是一家小小的家庭工坊，从一间车库和两个好奇的孩子开始。",
        "{brand}相信，好点子不需要说明书。",
        "{brand}的每个系列都和邻居家的孩子一起设计。",
        "{brand}{line}系列，提倡慢慢玩。",
        "每卖出十件，{brand}就种下一棵小苗。",
    ),
}

NOISE: dict[Language, tuple[str, ...]] = {
    "en": (
        "Free returns within 30 days.", "Ships within 24h!!", "Photo may differ slightly from the delivered item.",
        "Item no. {sku}.", "Gift wrapping available at checkout.",
        "&#9733;&#9733;&#9733;&#9733;&#9733; 4.8 / 5 (219 reviews)",
        "Subscribe to our shop for a 5 &euro; voucher.", "Warning: small parts. Keep the packaging.",
        "Sold out twice last season, be quick.", "SKU {sku}, EAN on request.",
    ),
    "zh": (
        "七天无理由退换。", "拍下二十四小时内发货！！", "因光线原因，图片与实物可能略有差异。", "货号{sku}。",
        "可代写贺卡，请备注。", "★★★★★ 好评如潮", "收藏店铺立减五元", "小零件请妥善保管，包装袋请远离孩子。",
        "满99包邮（偏远地区除外）", "亲，有问题请咨询在线客服哦~",
    ),
}  # fmt: skip
