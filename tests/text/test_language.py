from __future__ import annotations

import pytest

from goodsense.text import detect_language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("不锈钢保温杯", "zh"),
        ("Nike 运动鞋男士新款", "zh"),
        ("杯", "zh"),
        ("ノートパソコン 15インチ", "ja"),
        ("東京のお土産", "ja"),
        ("여성 가방", "ko"),
        ("กระเป๋าสะพาย", "th"),
        ("Γυναικεία τσάντα", "el"),
        ("Stainless steel water bottle with a lid", "en"),
        ("STAINLESS STEEL WATER BOTTLE WITH A LID", "en"),
        ("<p>Wireless headphones with a microphone and a charging case</p>", "en"),
        ("Schwarze Lederjacke für Herren mit Kapuze", "de"),
        ("Chaussures de course pour homme avec semelle", "fr"),
        ("Детская куртка зимняя для мальчика", "ru"),
        ("Lamp 杯子 with a very long English description of the thing", "en"),
    ],
)
def test_known_languages(text: str, expected: str) -> None:
    assert detect_language(text) == expected


@pytest.mark.parametrize("text", ["", "   ", "12345", "XR-200", "lamp", "!!!", "Sony WH-1000XM4"])
def test_unsure_means_empty(text: str) -> None:
    assert detect_language(text) == ""
