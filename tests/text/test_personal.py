"""Personal data: found where it is, never where it only looks so, redacted once and for all."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodsense.text.personal import KINDS, Personal, PersonalKind, find_personal, personal_counts, redact
from tests.text.personal_sentences import Sentence, sentences


def same(found: Personal, gold: tuple[int, int, PersonalKind]) -> bool:
    """The very characters; of an address nearly all, for where a town begins is a matter of taste."""
    start, end, kind = gold
    if kind == found.kind == "address":
        shared = min(found.end, end) - max(found.start, start)
        return shared >= 0.8 * (max(found.end, end) - min(found.start, start))
    return (found.start, found.end, found.kind) == gold


def scores(made: list[Sentence]) -> dict[PersonalKind, tuple[float, float]]:
    """Precision and recall of each kind."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for sentence in made:
        found = find_personal(sentence.text)
        for gold in sentence.gold:
            hit = any(same(one, gold) for one in found)
            (right if hit else missed)[gold[2]] += 1
        wrong.update(one.kind for one in found if not any(same(one, gold) for gold in sentence.gold))
    return {
        kind: (right[kind] / max(1, right[kind] + wrong[kind]), right[kind] / max(1, right[kind] + missed[kind]))
        for kind in KINDS
    }


@pytest.mark.parametrize("seed", [101, 102])
def test_precision_and_recall_of_every_kind(seed: int) -> None:
    made = sentences(seed)
    assert len(made) > 300
    for kind, (precision, recall) in scores(made).items():
        assert precision >= 0.95, kind
        assert recall >= 0.95, kind


def test_look_alikes_are_left_alone() -> None:
    for sentence in sentences(103, each=0, negatives=20):
        assert redact(sentence.text) == sentence.text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("快递放门卫，电话138 0013 8000", "快递放门卫，电话[PHONE]"),
        ("加我一三八零零一三八零零零", "加我[PHONE]"),
        ("１３８００１３８０００", "[PHONE]"),
        ("座机（010）62345678转801，找李工", "座机[PHONE]，找李工"),
        ("收货地址：浙江省杭州市西湖区文三路138号3栋2单元501室，张三", "收货地址：[ADDRESS]，张三"),
        ("河南省周口市太康县王集乡李庄村5组12号", "[ADDRESS]"),
        ("身份证11010519491231002X，护照E12345678", "身份证[ID_CARD]，护照[PASSPORT]"),
        ("身份证110105194912310021", "身份证110105194912310021"),  # the check digit is wrong
        ("加微信 abc_12345 或 QQ 123456789", "加微信 [ACCOUNT] 或 QQ [ACCOUNT]"),
        ("refund DE89 3704 0044 0532 0130 00 please", "refund [IBAN] please"),
        ("card 4111 1111 1111 1111, not 4111 1111 1111 1112", "card [BANK_CARD], not 4111 1111 1111 1112"),
        ("10 Downing Street, London SW1A 2AA is not mine", "[ADDRESS] is not mine"),
        ("Item Number (DPCI): 215-03-3968", "Item Number (DPCI): 215-03-3968"),
        ("seen from 8.8.8.8, not 192.168.0.1", "seen from [IP], not 192.168.0.1"),
        ("客服 400-820-8820，call 1-800-555-0199", "客服 400-820-8820，call 1-800-555-0199"),
        ("京A12345的车主，黑X12345鼠标", "[PLATE]的车主，黑X12345鼠标"),
        ("已脱敏 [PHONE]，138****8000", "已脱敏 [PHONE]，138****8000"),
        ("", ""),
    ],
)
def test_redaction(text: str, redacted: str) -> None:
    assert redact(text) == redacted
    assert redact(redacted) == redacted


@given(
    st.lists(st.sampled_from([s.text for s in sentences(104, each=2, negatives=1)]) | st.text(max_size=5), max_size=4)
)
def test_redacting_again_changes_nothing(parts: list[str]) -> None:
    for glue in ("", " ", "，"):
        done = redact(glue.join(parts))
        assert redact(done) == done
        assert find_personal(done) == []


@given(st.text(max_size=200))
def test_spans_are_ordered_apart_and_inside(text: str) -> None:
    end = 0
    for found in find_personal(text):
        assert end <= found.start < found.end <= len(text)
        assert 0 < found.confidence <= 1
        end = found.end


def test_counts() -> None:
    texts = ["call 13800138000 or 13900139000", "a@b.com", "5号电池"]
    assert personal_counts(texts) == {"phone": 2, "mail": 1}


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1 ",
        "路",
        "路1号",
        "a@",
        "a:",
        "12 main ",
        "微信",
        "市区县路1号栋单元",
        "13800138000 ",
        "1-",
        "(",
        "http://a1",
    ],
)
def test_long_texts_take_no_long_time(unit: str) -> None:
    started = time.process_time()
    find_personal(unit * (50_000 // len(unit)))
    assert time.process_time() - started < 3


def test_announced_numbers_of_unassigned_ranges_are_found_with_their_plus() -> None:
    assert redact("Call me on +44 7700 900213, please.") == "Call me on [PHONE], please."
