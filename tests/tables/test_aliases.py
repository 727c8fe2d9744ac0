import pytest

from goodsense.errors import UsageError
from goodsense.tables import PRODUCT_ALIASES, fold, match_columns


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (["ID", "Name", "Brand Name"], {"id": ("ID",), "title": ("Name",), "brand": ("Brand Name",)}),
        (
            ["商品编号", "商品标题", "售价", "原价"],
            {"id": ("商品编号",), "title": ("商品标题",), "price": ("售价",), "list_price": ("原价",)},
        ),
        (["货号", "名称", "库存"], {"sku": ("货号",), "title": ("名称",), "stock": ("库存",), "id": ("货号",)}),
        (["g:id", "g:image_link", "g:price"], {"id": ("g:id",), "image": ("g:image_link",), "price": ("g:price",)}),
        (["id", "image1", "image_2", "Image 3"], {"id": ("id",), "image": ("image1", "image_2", "Image 3")}),
        (["id", "二级类目", "一级类目"], {"id": ("id",), "category": ("一级类目", "二级类目")}),
        (["Handle", "Title"], {"group": ("Handle",), "title": ("Title",), "id": ("Handle",)}),
    ],
)
def test_common_names(header: list[str], fields: dict[str, tuple[str, ...]]) -> None:
    assert dict(match_columns(header).fields) == fields


def test_every_field_is_known_by_its_own_name_first() -> None:
    for name, aliases in PRODUCT_ALIASES.items():
        if name not in ("group", "image"):
            assert aliases[0] == name
    names = [alias for aliases in PRODUCT_ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))
    assert [fold(name) for name in names] == names


def test_the_better_name_wins_and_the_other_is_kept() -> None:
    found = match_columns(["product", "title", "id"])
    assert found.fields["title"] == ("title",)
    assert found.unmatched == ("product",)
    assert any("'product'" in note for note in found.notes)


def test_the_users_word_wins() -> None:
    mapping = {"title": "code", "id": "title", "attribute.colour": "c", "extra.raw": "d", "option.size": "e"}
    found = match_columns(["title", "code", "c", "d", "e"], mapping=mapping)
    assert found.fields == {"title": ("code",), "id": ("title",)}
    assert (found.attributes, found.extra, found.options) == ({"c": "colour"}, {"d": "raw"}, {"e": "size"})


def test_prefixes_need_no_mapping() -> None:
    found = match_columns(["id", "attribute.title", "extra.id", "option.x y"])
    assert found.attributes == {"attribute.title": "title"}
    assert found.extra == {"extra.id": "id"}
    assert found.options == {"option.x y": "x y"}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [({"titel": "id"}, "unknown field.*Known fields: id, title"), ({"title": "name"}, "not in the file.*'id', 'x'")],
)
def test_a_mapping_that_fits_nothing_is_a_usage_error(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        match_columns(["id", "x"], mapping=mapping)


def test_other_tables_bring_their_own_names() -> None:
    found = match_columns(["User ID", "when"], aliases={"user": ("user_id",)}, many=frozenset())
    assert found.fields == {"user": ("User ID",)}
    assert found.unmatched == ("when",)
