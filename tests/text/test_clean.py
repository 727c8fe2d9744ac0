from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.text import clean

FRAGMENTS = st.sampled_from(
    [
        "&", "amp;", "&lt;", "&gt;", "&#38;", "&nbsp;", "lt;", "<", ">", "<b>", "</p>", "<br/>", "<!--", "-->",
        "script", "<script>", "</script>", '"', "'", "a", "B", "é", "Ã", "©", "Â", "®", "™", "\u00a0", "½", "5", "³",
        "\n", "\r\n", "\t", "\u200b", "\ufeff", "\u0301", "´", "＜", "ｂ", "＞", "＆", "；", "　", "的",
        " ", "⁄", "ä¸", "\xad", "\ud800",
        "\x85", "\x00", "℃", "ﬁ", "”", "]]>", "<![CDATA[", " ̈",
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain text", "plain text"),
        ("  two   spaces ", "two spaces"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("caf&eacute; &#169; &#x4e2d;", "café © 中"),
        ("<p>One</p><p>Two<br>Three</p>", "One\nTwo\nThree"),
        ("<ul><li>red</li><li>blue</li></ul>", "red\nblue"),
        ("<B>wire</B>less", "wireless"),
        ("<td>a</td><td>b</td>", "a b"),
        ('<a title="x > y" href=z>link</a>', "link"),
        ("before<script>if (a < b) alert('x')</script>after", "beforeafter"),
        ("<style>p{color:red}</style>text<!-- a <b> -->!", "text!"),
        ("text <!-- never closed", "text"),
        ("a < b and c > d", "a < b and c > d"),
        ("<新款> <unknown> x", "<新款> <unknown> x"),
        ("R&D, H&M &ampere &bogus;", "R&D, H&M &ampere &bogus;"),
        ("ＮＩＫＥ　１２３ ＡＢ－１", "NIKE 123 AB-1"),
        ("zero\u200bwidth \ufeffsoft\u00adhyphen", "zerowidth softhyphen"),
        ("nul\x00 bell\x07 tab\tend", "nul bell tab end"),
        ("line\r\nbreak\rand\u2028more", "line\nbreak\nand\nmore"),
        ("5½ inch, ½ inch", "5 1/2 inch, 1/2 inch"),
        ("10³ and m²", "10^3 and m2"),
        ("Nike™ Air LEGO®Technic", "Nike Air LEGO Technic"),
        ("\ufb01ve ㎝ ℃", "five cm °C"),
        ("保温杯　５００ｍｌ", "保温杯 500ml"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("", ""),
    ],
)
def test_known_answers(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@pytest.mark.parametrize(
    "text",
    [
        "décor",
        "naïve café",
        "prix 5 €",
        "“quoted” – dash…",
        "5 °C ±2",
        "中文标题",
        "Привет мир",
        "ünïcödé ÄÖÜ",
        "emoji 👍",
    ],
)
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_mojibake_is_repaired(text: str, encoding: str) -> None:
    assert clean(misread(text, encoding)) == clean(text)


def misread(text: str, encoding: str) -> str:
    """UTF-8 read as another encoding, the way browsers do it: bytes without a character stay controls."""
    damaged = (bytes([byte]) for byte in text.encode())
    return "".join(byte.decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else encoding) for byte in damaged)


def test_twice_damaged_text_is_repaired() -> None:
    assert clean("décor".encode().decode("cp1252").encode().decode("cp1252")) == "décor"


@pytest.mark.parametrize("text", ["CAFÉ®", "MAÇÃ®", "IRMÃ®", "naïve", "Å”", "ÆØÅ", "São João", "Größe", "€ 5", "30 °C"])
def test_what_is_not_certainly_mojibake_stays(text: str) -> None:
    assert clean(text) == unicodedata.normalize("NFKC", text).replace("®", "")


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(st.lists(FRAGMENTS, max_size=30).map("".join))
def test_cleaning_hostile_fragments_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    once.encode("utf-8")  # no lone surrogates
    assert once == once.strip()
    assert "\x00" not in once
    assert "  " not in once


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="<&")))
def test_plain_ascii_only_loses_spaces(text: str) -> None:
    assert clean(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "hostile",
    [
        "&" + "amp;" * 20_000,
        "<" * 30_000,
        "<!--" * 10_000,
        "<script>" * 6_000,
        "<b \"'" * 6_000,
        "<a href='" * 6_000,
        "&lt;" * 20_000,
        "Ã©" * 20_000,
        "\n \n" * 20_000,
        "&amp;lt;" * 10_000,
        "&#38;lt;" + "&#38;#38;" * 5_000,
    ],
    ids=lambda text: text[:10],
)
def test_hostile_text_takes_linear_time(hostile: str) -> None:
    start = time.perf_counter()
    once = clean(hostile)
    assert time.perf_counter() - start < 5
    assert clean(once) == once
