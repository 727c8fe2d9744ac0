"""Label words leave the text, whichever way they are written; other words stay."""

from __future__ import annotations

import pytest

from goodsense.text import Tokenizer
from goodsense.understand import LabelMask, mask_label, mask_labels


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer()


@pytest.mark.parametrize(
    ("label", "text", "left"),
    [
        ("Shoes", "Red Shoe for running", "Red for running"),
        ("Shoe", "two SHOES, black", "two , black"),
        ("Tshirts", "Puma T-shirt blue", "Puma blue"),
        ("Tshirts", "Puma t shirt blue", "Puma blue"),
        ("Shirts", "shirt 42 inch", "42 inch"),
        ("Flip Flops", "Bata flipflop men's", "Bata men's"),
        ("Flip Flops", "Bata flip-flops", "Bata"),
        ("Tops and Tunics", "a top and a tunic", "a and a"),
        ("Watches", "Titan watch; watchband", "Titan ; watchband"),
        ("Shoes", "&lt;b&gt;Shoes&lt;/b&gt; red", "red"),
        ("连衣裙", "夏季新款连衣裙女长款", "夏季新款 女长款"),
        ("T恤", "纯棉t恤男", "纯棉 男"),
        ("手机 phone", "华为手机 Phones 5G", "华为 5G"),
    ],
)
def test_words_of_the_label_go(tokenizer: Tokenizer, label: str, text: str, left: str) -> None:
    assert mask_label({"title": text}, label, tokenizer=tokenizer) == {"title": left}


def test_every_field_is_masked_and_kept(tokenizer: Tokenizer) -> None:
    fields = {"title": "Shoes", "description": "fine shoes", "brand": "Acme"}
    assert mask_label(fields, "Shoe", tokenizer=tokenizer) == {"title": "", "description": "fine", "brand": "Acme"}


def test_the_words_of_every_label_go_from_every_product(tokenizer: Tokenizer) -> None:
    texts = {"1": {"title": "shirt with a belt"}, "2": {"title": "belt for a shirt"}}
    found = mask_labels(texts, {"1": "Shirts", "2": "Belts"}, tokenizer=tokenizer)
    assert found == {"1": {"title": "with a"}, "2": {"title": "for a"}}


def test_no_token_of_any_label_is_left(tokenizer: Tokenizer) -> None:
    labels = ["Casual Shoes", "Sports Shoes", "Handbags", "Kurta Sets", "运动鞋", "女包"]
    mask = LabelMask.of(labels, tokenizer=tokenizer)
    texts = ["Nike sports-shoe casual", "handbag & kurta set", "耐克运动鞋 女包 SHOES", "Shoe's casual/sports SETS"]
    words = {token for label in labels for token in tokenizer.tokens(label)}
    for text in texts:
        assert words & set(tokenizer.tokens(text))
        assert not words & set(tokenizer.tokens(mask.strip_text(text)))


def test_a_label_of_stop_words_alone_is_masked_as_written(tokenizer: Tokenizer) -> None:
    assert LabelMask.of(["The"], tokenizer=tokenizer).strip_text("the lamp") == "lamp"


def test_no_labels_mask_nothing(tokenizer: Tokenizer) -> None:
    assert LabelMask.of([], tokenizer=tokenizer).strip_text("red shoes, 红色") == "red shoes, 红色"
