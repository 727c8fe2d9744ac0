"""Every kind of finding: what it is called, how bad it is, and what to do, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from goodsense.quality.finding import Case, Dimension, Finding, Severity

_PLAN = "goodsense clean SHOP --plan"
_EXPORT = "goodsense export SHOP --format csv"
_INGEST = "goodsense ingest SHOP FEED"


@dataclass(frozen=True, slots=True)
class Kind:
    """What stays the same whenever something of this kind is found; ``{n}`` in the sentences is the count."""

    dimension: Dimension
    severity: Severity
    what_en: str
    what_zh: str
    fix_en: str
    fix_zh: str
    command: str = _EXPORT
    steps: tuple[str, ...] = ()

    def finding(self, name: str, cases: Iterable[Case], detail: Mapping[str, Any] | None = None) -> Finding | None:
        """The finding of these cases; None without cases."""
        found = tuple(cases)
        if not found:
            return None
        count = len({case.id for case in found})
        return Finding(
            kind=name,
            dimension=self.dimension,
            severity=self.severity,
            what={"en": self.what_en.format(n=f"{count:,}"), "zh": self.what_zh.format(n=f"{count:,}")},
            fix={"en": self.fix_en, "zh": self.fix_zh},
            cases=found,
            command=self.command,
            steps=self.steps,
            detail=dict(detail or {}),
        )


def finding(name: str, cases: Iterable[Case], detail: Mapping[str, Any] | None = None) -> list[Finding]:
    """The finding of one kind, or none if it has no cases."""
    found = KINDS[name].finding(name, cases, detail)
    return [] if found is None else [found]


_COMPLETENESS: dict[str, Kind] = {
    "missing_title": Kind(
        "completeness", "error", "{n} without a title.", "{n} 件商品没有标题。",
        "Write a title: brand, what it is, what sets it apart.", "补写标题：品牌、品类、区别于同类的特点。",
        steps=("fill",),
    ),
    "missing_description": Kind(
        "completeness", "warning", "{n} without a description.", "{n} 件商品没有描述。",
        "Write a few sentences: use, material, size.", "补写几句描述：用途、材质、尺寸。", steps=("fill",),
    ),
    "missing_brand": Kind(
        "completeness", "warning", "{n} without a brand.", "{n} 件商品没有品牌。",
        "Fill in the brand, by hand or from similar products.", "手工填写品牌，或参照相似商品补全。",
        _PLAN, ("fill",),
    ),
    "missing_category": Kind(
        "completeness", "warning", "{n} without a category.", "{n} 件商品没有类目。",
        "Put them into a category, by hand or as similar products are.", "手工归类，或参照相似商品归类。",
        _PLAN, ("fill",),
    ),
    "missing_price": Kind(
        "completeness", "error", "{n} without a price.", "{n} 件商品没有价格。",
        "Add the price and its currency to the feed.", "在商品数据中补上价格和币种。", _INGEST,
    ),
    "missing_picture": Kind(
        "completeness", "warning", "{n} without a picture.", "{n} 件商品没有图片。",
        "Add a picture to the feed; shoppers skip what they cannot see.",
        "在商品数据中补上图片，没有图片的商品很少被点击。",
        _INGEST,
    ),
    "absent_field": Kind(
        "completeness", "notice", "{n} lack a field that no product has.", "{n} 件商品缺少全店都没有的字段。",
        "Does the feed have it under another name? Then say so: --map FIELD=COLUMN.",
        "数据中是否用了别的列名？用 --map 字段=列名 指定。", "goodsense ingest SHOP FEED --map FIELD=COLUMN",
    ),
    "placeholder_text": Kind(
        "completeness", "warning", "{n} with a placeholder where a value belongs (N/A, TBD, test ...).",
        "{n} 件商品的字段里是占位内容（无、暂无、待补充、test 等）。",
        "Write the real value, or leave the field empty.", "填写真实内容，或者留空。", _PLAN, ("drop-values", "fill"),
    ),
    "missing_attribute": Kind(
        "completeness", "notice", "{n} without an attribute that most products of their category have.",
        "{n} 件商品缺少同类目商品大多填写的属性。",
        "Fill in the attribute, by hand or from similar products.", "手工补全属性，或参照相似商品补全。",
        _PLAN, ("fill",),
    ),
}  # fmt: skip

_CONSISTENCY: dict[str, Kind] = {
    "repeated_id": Kind(
        "consistency", "error", "{n} ids that stand for several rows of a feed; only the first was taken.",
        "{n} 个商品编号在数据中重复出现，只采用了第一行。",
        "Give every product its own id; rows of variants share a group id.",
        "每件商品使用唯一编号；同款不同规格用组编号关联。",
        _INGEST,
    ),
    "shared_sku": Kind(
        "consistency", "error", "{n} share a SKU with another product.", "{n} 件商品的 SKU 与其他商品相同。",
        "Give every variant its own SKU, or merge the products.", "每个规格使用唯一的 SKU，或合并商品。",
        _PLAN, ("deduplicate", "merge-variants"),
    ),
    "shared_gtin": Kind(
        "consistency", "error", "{n} share a GTIN (bar code) with another product.",
        "{n} 件商品的条形码与其他商品相同。",
        "Correct the bar code, or merge the products: they are one article.", "更正条形码；若确为同一商品则合并。",
        _PLAN, ("deduplicate", "merge-variants"),
    ),
    "same_title": Kind(
        "consistency", "warning", "{n} have the same title as another product.", "{n} 件商品的标题与其他商品完全相同。",
        "Merge variants of one product, delete copies, or say in the title what differs.",
        "合并同款规格、删除重复商品，或在标题中写明区别。", _PLAN, ("merge-variants", "deduplicate"),
    ),
    "colour_contradiction": Kind(
        "consistency", "warning", "{n} say one colour in the title and another in the attributes.",
        "{n} 件商品标题中的颜色与属性不一致。",
        "Look at the picture and correct whichever is wrong.", "对照图片，更正有误的一处。", _EXPORT, ("set",),
    ),
    "material_contradiction": Kind(
        "consistency", "warning", "{n} say one material in the title and another in the attributes.",
        "{n} 件商品标题中的材质与属性不一致。",
        "Ask the supplier and correct whichever is wrong.", "与供应商核实，更正有误的一处。", _EXPORT, ("set",),
    ),
    "gender_contradiction": Kind(
        "consistency", "warning", "{n} are for one gender by the title and for another by the attributes.",
        "{n} 件商品标题中的适用性别与属性不一致。",
        "Correct whichever is wrong: shoppers filter by it.", "更正有误的一处：顾客按它筛选。", _EXPORT, ("set",),
    ),
    "size_contradiction": Kind(
        "consistency", "warning", "{n} say one size in the title and another in the attributes.",
        "{n} 件商品标题中的尺寸与属性不一致。",
        "Measure again and correct whichever is wrong.", "重新核对尺寸，更正有误的一处。", _EXPORT, ("set",),
    ),
    "brand_contradiction": Kind(
        "consistency", "warning", "{n} name another brand in the title than in the brand field.",
        "{n} 件商品标题中的品牌与品牌字段不一致。",
        "Correct the brand field, or take the foreign name out of the title.", "更正品牌字段，或删除标题中的其他品牌。",
        _EXPORT, ("set",),
    ),
    "mixed_units": Kind(
        "consistency", "warning", "{n} give an attribute in another unit than most of their peers.",
        "{n} 件商品的属性单位与多数同类商品不同。",
        "Convert them to the unit that most use.", "换算为多数商品使用的单位。", _PLAN, ("units",),
    ),
    "decimal_comma": Kind(
        "consistency", "notice", "{n} write a decimal comma where most write a point, or the other way round.",
        "{n} 件商品的小数点写法与多数商品不同（5,5 与 5.5）。",
        "Write the decimals alike.", "统一小数点写法。", _PLAN, ("set", "units"),
    ),
    "mixed_currency": Kind(
        "consistency", "warning", "{n} are priced in another currency than the rest of the catalog.",
        "{n} 件商品的币种与其余商品不同。",
        "Check the currency column; give all prices in one currency.", "核对币种列，统一币种。", _INGEST,
    ),
    "brand_spelling": Kind(
        "consistency", "warning", "{n} spell their brand otherwise than most.", "{n} 件商品的品牌写法与多数不同。",
        "Use the spelling that most use.", "统一为多数商品使用的写法。", _PLAN, ("spelling",),
    ),
    "category_spelling": Kind(
        "consistency", "warning", "{n} spell their category otherwise than most.", "{n} 件商品的类目写法与多数不同。",
        "Use the spelling that most use.", "统一为多数商品使用的写法。", _PLAN, ("spelling",),
    ),
    "attribute_spelling": Kind(
        "consistency", "notice", "{n} spell an attribute's value otherwise than most.",
        "{n} 件商品的属性值写法与多数不同。",
        "Use the spelling that most use.", "统一为多数商品使用的写法。", _PLAN, ("spelling",),
    ),
}  # fmt: skip

_ACCURACY: dict[str, Kind] = {
    "wrong_gtin": Kind(
        "accuracy", "error", "{n} have a GTIN (bar code) that cannot be right.",
        "{n} 件商品的条形码有误（位数或校验码不对）。",
        "Read the number off the packaging again.", "按包装重新核对条形码。", _INGEST, ("drop-values",),
    ),
    "unreadable_picture": Kind(
        "accuracy", "error", "{n} have a picture that cannot be opened.", "{n} 件商品的图片无法打开。",
        "Replace the file with an intact copy.", "用完好的文件替换。", _INGEST,
    ),
    "tiny_picture": Kind(
        "accuracy", "warning", "{n} have a picture of under 100 pixels.", "{n} 件商品的图片不足 100 像素。",
        "Use the original picture, 800 pixels and more.", "使用原图，最好不小于 800 像素。", _INGEST,
    ),
    "blank_picture": Kind(
        "accuracy", "warning", "{n} have a picture that shows nothing.", "{n} 件商品的图片是空白图。",
        "Replace it with a picture of the product.", "替换为商品图片。", _INGEST,
    ),
    "placeholder_picture": Kind(
        "accuracy", "warning", "{n} show the same picture as many unrelated products.",
        "{n} 件商品与许多无关商品使用同一张图片。",
        "It is a placeholder or a logo: replace it with pictures of the products.",
        "这是占位图或标志图，请替换为商品图片。",
        _INGEST,
    ),
    "watermark": Kind(
        "accuracy", "warning", "{n} have a picture with the same overlay as others: a watermark or a banner.",
        "{n} 件商品的图片带有相同的水印或贴图。",
        "Use pictures without overlay.", "使用没有水印和贴图的图片。", _INGEST,
    ),
    "wrong_picture_type": Kind(
        "accuracy", "notice", "{n} have a picture whose name says another format than its bytes.",
        "{n} 件商品的图片扩展名与实际格式不符。",
        "Rename the file, or save it in the format that its name says.", "改正扩展名，或按扩展名重新保存。", _INGEST,
    ),
    "missing_file": Kind(
        "accuracy", "error", "{n} name a picture file that was not found.", "{n} 件商品的图片文件不存在。",
        "Put the file there, or name its folder: --media.", "补上文件，或用 --media 指定图片文件夹。",
        "goodsense ingest SHOP FEED --media FOLDER",
    ),
    "broken_link": Kind(
        "accuracy", "error", "{n} have a link that leads nowhere.", "{n} 件商品的链接已失效。",
        "Correct the link or upload the picture again.", "更正链接，或重新上传图片。", _INGEST,
    ),
}  # fmt: skip

_PLAUSIBILITY: dict[str, Kind] = {
    "price_outlier": Kind(
        "plausibility", "warning", "{n} cost far more or less than the rest of their category.",
        "{n} 件商品的价格远高于或远低于同类目商品。",
        "Check the decimal point and the unit of sale.", "核对小数点和销售单位。", _PLAN, ("outliers", "set"),
    ),
    "list_price_below_price": Kind(
        "plausibility", "warning", "{n} have a list price below the price.", "{n} 件商品的原价低于现价。",
        "Swap the two or leave the list price empty.", "对调两者，或清空原价。", _PLAN, ("drop-values", "set"),
    ),
    "price_not_positive": Kind(
        "plausibility", "error", "{n} cost nothing or less.", "{n} 件商品的价格为零或负数。",
        "Correct the price.", "更正价格。", _INGEST, ("set",),
    ),
    "shouting_title": Kind(
        "plausibility", "notice", "{n} shout: a title all in capitals or with rows of exclamation marks.",
        "{n} 件商品的标题全用大写字母或连用感叹号。",
        "Write titles in normal case.", "使用正常的大小写和标点。", _PLAN, ("case",),
    ),
    "stuffed_title": Kind(
        "plausibility", "warning", "{n} have a title stuffed with keywords, lists or emoji.",
        "{n} 件商品的标题堆砌关键词、罗列词语或表情符号。",
        "Say once what it is; move keywords to the description.",
        "说清楚是什么即可，关键词移到描述。", _EXPORT, ("set",),
    ),
    "long_title": Kind(
        "plausibility", "notice", "{n} have a title of over 150 characters (75 Chinese ones).",
        "{n} 件商品的标题过长（超过 75 个汉字或 150 个字母）。",
        "Shorten it; what is cut off on the page sells nothing.",
        "缩短标题，页面上显示不全的部分没有作用。", _EXPORT, ("set",),
    ),
    "future_date": Kind(
        "plausibility", "warning", "{n} were updated in the future.", "{n} 件商品的更新时间在未来。",
        "Check the clock and the order of day and month.", "核对时钟以及日、月的顺序。", _PLAN, ("drop-values",),
    ),
    "stock_contradiction": Kind(
        "plausibility", "warning", "{n} say one thing by the stock and another by the availability.",
        "{n} 件商品的库存与上架状态矛盾。",
        "Count again; derive the availability from the stock.", "重新盘点，按库存更新状态。", _PLAN, ("set",),
    ),
    "description_is_title": Kind(
        "plausibility", "notice", "{n} repeat the title as the description.", "{n} 件商品的描述只是重复标题。",
        "Write a description or leave it empty.", "补写描述或留空。", _PLAN, ("drop-values",),
    ),
    "foreign_language": Kind(
        "plausibility", "warning", "{n} are in another language than they say or than the catalog is in.",
        "{n} 件商品的语言与声明或全店的语言不一致。",
        "Translate them, or declare their language.", "翻译文案，或声明其语言。", _EXPORT, ("set",),
    ),
    "mixed_language_title": Kind(
        "plausibility", "notice", "{n} have a title in two languages.", "{n} 件商品的标题混用两种语言。",
        "Keep one language per title; brands and models may stay.",
        "标题使用一种语言，品牌和型号可以保留。", _EXPORT, ("set",),
    ),
    "mojibake": Kind(
        "plausibility", "warning", "{n} have text damaged by a wrong encoding.", "{n} 件商品的文字有乱码。",
        "Repair the text, and export the feed as UTF-8.", "修复文字，并以 UTF-8 导出数据。", _PLAN, ("mojibake",),
    ),
    "html_in_text": Kind(
        "plausibility", "notice", "{n} have HTML tags or entities in their text.",
        "{n} 件商品的文字中有 HTML 标签或实体。",
        "Take the markup out.", "清除标签。", _PLAN, ("html",),
    ),
    "personal_data": Kind(
        "plausibility", "warning", "{n} have personal data in their text: phone numbers, addresses, card numbers.",
        "{n} 件商品的文字中有个人信息：电话、邮箱、地址、证件号或卡号。",
        "Redact it, unless it is the shop's own contact.", "如非店铺自身的联系方式，请打码或删除。", _PLAN, ("redact",),
    ),
}  # fmt: skip

_UNIQUENESS: dict[str, Kind] = {
    "near_duplicate_text": Kind(
        "uniqueness", "warning", "{n} say nearly the same as another product.", "{n} 件商品的文字与其他商品几乎相同。",
        "Keep the best of each group and merge the rest into it.", "每组保留最好的一件，合并其余。",
        _PLAN, ("deduplicate", "merge-variants"),
    ),
    "near_duplicate_picture": Kind(
        "uniqueness", "warning", "{n} show nearly the same picture as another product.",
        "{n} 件商品的图片与其他商品几乎相同。",
        "Merge copies; give different products pictures of their own.", "合并重复商品；不同商品使用各自的图片。",
        "goodsense search SHOP --like ID", ("deduplicate", "merge-variants"),
    ),
    "split_leak": Kind(
        "uniqueness", "error", "{n} have a duplicate in another split: what is tested was seen in training.",
        "{n} 件商品在另一个数据划分中有重复：测试内容在训练中出现过。",
        "Put all copies of one product into one split.", "把同一商品的所有副本放进同一个划分。", _PLAN,
        ("set", "deduplicate"),
    ),
}  # fmt: skip

KINDS: dict[str, Kind] = {**_COMPLETENESS, **_CONSISTENCY, **_ACCURACY, **_PLAUSIBILITY, **_UNIQUENESS}
