"""Exports of Chinese platforms as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.catalog import Money, Product
from goodsense.catalog.feeds import read_feed
from goodsense.catalog.feeds.badvalue import BadValue
from goodsense.catalog.feeds.taobao_cells import Sku, pairs_of, pictures_of, skus_of
from goodsense.tables import Reject, Rejects
from goodsense.types import ImageRef

ENGLISH = (
    "title cid seller_cids price num location_state description cateProps modified picture video skuProps inputPids "
    "inputValues outer_id propAlias num_id barcode subtitle postage_id"
).split()
CHINESE = (
    "宝贝名称 宝贝类目 店铺类目 宝贝价格 宝贝数量 省 宝贝描述 宝贝属性 修改时间 新图片 视频 销售属性组合 用户输入ID串 "
    "用户输入名-值对 商家编码 销售属性别名 数字ID 商品条形码 宝贝卖点 邮费模版ID"
).split()
PICTURES = "abc:1:0:|;def:1:1:|https://img.example/x.jpg;ghi:2:0:1627207:28341|;"
SKUS = "48.43:100::1627207:28320;20509:28314;59:108:EAN-8:1627207:28341;20509:28314;"
ROW = (
    '"亚麻短袖T恤"\t50000671\t""\t59.00\t208\t浙江\t"<p>透气</p>\n凉快"\t"1627207:28341;20509:28314"\t'
    f'2014-04-30 01:07:20\t"{PICTURES}"\t\t"{SKUS}"\t"20000,13021751"\t"清风,QF-1"\tQF1\t"1627207:28341:墨黑;"\t'
    "22972337865\t\t夏季新款\t0"
)


def read(path: Path, text: str, encoding: str = "utf-8") -> tuple[list[Product], tuple[Reject, ...]]:
    path.write_bytes(text.encode(encoding))
    rejects = Rejects.to_memory()
    feed = read_feed(path, rejects=rejects)
    assert feed.format == "taobao"
    return [product for _, product in feed], rejects.first


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
@pytest.mark.parametrize("header", [[ENGLISH, CHINESE], [ENGLISH], [CHINESE]])
@pytest.mark.parametrize("version", ["version 1.00\n", ""])
def test_tables_of_the_assistant(version: str, header: list[list[str]], encoding: str, tmp_path: Path) -> None:
    head = "".join("\t".join(names) + "\n" for names in header)
    (product,), rejects = read(tmp_path / "数据.csv", f"{version}{head}{ROW}\n", encoding)
    assert not rejects
    assert (product.id, product.title, product.brand) == ("22972337865", "亚麻短袖T恤", "清风")
    assert product.description == "<p>透气</p>\n凉快"
    assert product.bullets == ("夏季新款",)
    assert product.category == ()
    assert product.extra["类目ID"] == "50000671"
    assert product.attributes == {"货号": "QF-1"}
    assert product.media == (ImageRef("数据/abc.tbi"), ImageRef("https://img.example/x.jpg"))
    white, black = product.variants
    assert (white.options, white.price, white.stock) == ({"颜色分类": "白色", "尺码": "S"}, Money(4843, "CNY"), 100)
    assert (black.sku, black.options["颜色分类"], black.stock) == ("EAN-8", "墨黑", 108)
    assert black.media == (ImageRef("数据/ghi.tbi"),)
    assert white.media == ()


def test_what_was_never_on_sale_goes_by_its_code(tmp_path: Path) -> None:
    row = ROW.replace("22972337865", "0")
    products, rejects = read(tmp_path / "x.csv", "\t".join(CHINESE) + f"\n{row}\n{row.replace('QF1', '')}\n")
    assert [product.id for product in products] == ["QF1", "0"]
    assert not rejects


def test_one_row_per_sku(tmp_path: Path) -> None:
    products, rejects = read(
        tmp_path / "pdd.csv",
        "商品ID,商品标题,SKU编码,规格,拼单价(元),单买价(元),市场价,库存,商品主图,上下架状态\n"
        "1,苹果,11,颜色:红;重量:5斤,9.9,12,20,5,//img.example/a.jpg,已上架\n"
        "1,苹果,,颜色:青;重量:5斤,8.9,12,20,5,//img.example/b.jpg,仓库中\n"
        "2,梨,13,大果,3,4,,1,//img.example/c.jpg,出售中\n"
        "1,苹果,14,颜色:黄,8.9,12,20,5,,\n1,苹果,15,颜色:紫,8.9,12,20,5,,\n",
    )
    apple, pear = products
    assert [variant.sku for variant in apple.variants] == ["11", "1-青-5斤"]
    assert apple.variants[0].options == {"颜色": "红", "重量": "5斤"}
    assert (apple.variants[0].price, apple.variants[0].list_price) == (Money(990, "CNY"), Money(2000, "CNY"))
    assert [variant.availability for variant in apple.variants] == ["in_stock", "out_of_stock"]
    assert apple.media == (ImageRef("https://img.example/a.jpg"),)
    assert apple.variants[1].media == (ImageRef("https://img.example/b.jpg"),)
    assert pear.variants[0].options == {"规格": "大果"}
    assert [(reject.row, reject.scope) for reject in rejects] == [(5, "row"), (6, "row")]
    assert "complete before" in rejects[0].reason


def test_jd_and_1688(tmp_path: Path) -> None:
    (phone,), rejects = read(
        tmp_path / "jd.csv",
        "商品编号,SPU编码,商品名称,京东价,库存,品牌,三级类目,商品参数,颜色\n"
        "100012,S1,手机 黑,2999,5,某牌,手机,屏幕:6寸;内存:8G,黑\n"
        "100013,S1,手机 白,3099,0,某牌,手机,屏幕:6寸;内存:8G,白\n",
    )
    assert not rejects
    assert phone.id == "S1"
    assert [(variant.sku, variant.options) for variant in phone.variants] == [
        ("100012", {"颜色": "黑"}),
        ("100013", {"颜色": "白"}),
    ]
    assert phone.attributes == {"屏幕": "6寸", "内存": "8G"}
    (cup,), _ = read(
        tmp_path / "1688.csv", "产品ID,产品标题,批发价,起批量,类目,产品属性\n9,陶瓷杯,3.50元,100,家居>杯子,材质:陶瓷\n"
    )
    assert cup.price == Money(350, "CNY")
    assert cup.category == ("家居", "杯子")
    assert cup.attributes["材质"] == "陶瓷"


@pytest.mark.parametrize(
    ("cell", "skus"),
    [
        ("颜色:红;尺码:42:199:10", [Sku({"颜色": "红", "尺码": "42"}, "199", "10")]),
        ("颜色：红；尺码：L", [Sku({"颜色": "红", "尺码": "L"})]),
        ("颜色:红:5|颜色:蓝:6.5:0:B-1", [Sku({"颜色": "红"}, "5"), Sku({"颜色": "蓝"}, "6.5", "0", "B-1")]),
        ("颜色:红\r\n颜色:蓝\n", [Sku({"颜色": "红"}), Sku({"颜色": "蓝"})]),
        ("9:1:X:1627207:28341;", [Sku({"颜色分类": "黑色"}, "9", "1", "X", ("1627207:28341",))]),
        ("9:1::1627207:-1001;", [Sku({"颜色分类": "-1001"}, "9", "1", "", ("1627207:-1001",))]),
        ("", []),
    ],
)
def test_all_skus_in_one_cell(cell: str, skus: list[Sku]) -> None:
    assert skus_of(cell, {}) == skus


@pytest.mark.parametrize("cell", ["红", "9:1::1627207:28341;红", "颜色:红|蓝", "x" * 1000])
def test_what_is_no_list_of_skus_is_told(cell: str) -> None:
    with pytest.raises(BadValue, match="is no SKU"):
        skus_of(cell, {})
    with pytest.raises(BadValue, match="over 10,000"):
        skus_of("颜色:红|" * 10_001, {})


def test_a_bad_list_of_skus_costs_itself_only(tmp_path: Path) -> None:
    (shoe,), rejects = read(tmp_path / "x.csv", "宝贝标题,商家编码,价格,SKU列表\n鞋,S1,199,红的\n")
    assert shoe.price == Money(19900, "CNY")
    (reject,) = rejects
    assert (reject.row, reject.column, reject.scope, reject.value) == (2, "SKU列表", "field", "红的")
    assert "颜色:红;尺码:L" in reject.fix


def test_pairs_and_pictures() -> None:
    assert pairs_of("1627207:28341:颜色分类:墨黑;20509:28314", "x") == {"颜色分类": "墨黑", "尺码": "S"}
    assert pairs_of("红色 L", "规格") == {"规格": "红色 L"}
    assert pairs_of(" ; ", "规格") == {}
    assert pictures_of("a.jpg;b.jpg") is None
    assert pictures_of("") is None


def test_a_currency_that_is_given_counts(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("宝贝标题,商家编码,价格\n鞋,S1,19\n", "utf-8")
    ((_, product),) = read_feed(tmp_path / "x.csv", rejects=Rejects.to_memory(strict=True), currency="HKD")
    assert product.price == Money(1900, "HKD")
