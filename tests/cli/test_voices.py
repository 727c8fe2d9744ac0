"""``goodsense reviews``, ``questions``, ``conversations`` and ``redact``: what they say, and their JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.shop import Shop
from tests.cli.calls import Caller
from tests.shop.catalogs import toys

PHONE = "13800138000"
FILES = {
    "reviews": "商品ID,用户,评分,评价内容\ntoy-0001,张,5,质量很好\ntoy-0001,李,4,还可以，电话13800138000\n"
    "toy-9999,王,1,差\n,赵,3,一般般吧\n",
    "questions": "product,question,answer\ntoy-0002,Does it float?,Yes it does\ntoy-0002,Does it float?,No\n"
    "toy-0003,Who made it?,\n",
    "conversations": "session_id,role,text\nc1,user,where is toy-0004? call 13800138000\nc1,agent,on its way\n"
    "c2,user,hello\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    with Shop.create(directory) as made:
        made.add(toys(5))
    for name, content in FILES.items():
        (tmp_path / f"{name}.csv").write_text(content, "utf-8")
    return directory


def test_reviews_say_what_there_is_to_learn(shop: Path, call: Caller) -> None:
    said = call("reviews", shop, shop.parent / "reviews.csv")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert "4 reviews read: 4 added, 0 changed, 0 unchanged." in lines
    assert "4 reviews by 4 users about 2 products." in lines
    assert next(line for line in lines if line.startswith("★★★★★")).split()[2:] == ["1", "25.0", "%"]
    assert "mean rating 3.25 of 4 ratings" in lines
    assert any(line.startswith("toy-0001") and "wooden" in line and " 2 " in line for line in lines)
    assert any("toy-9999" in line and "(not in the catalog)" in line for line in lines)
    assert "languages: zh 4" in lines
    assert "1 name no product; they are kept." in lines
    assert "personal data: phone 1" in lines


@pytest.mark.parametrize(("name", "count"), [("reviews", 4), ("questions", 2), ("conversations", 2)])
def test_all_three_go_in_and_out_again(name: str, count: int, shop: Path, call: Caller) -> None:
    first = call(name, shop, shop.parent / f"{name}.csv", "--json").json
    assert first.keys() >= {"read", "added", "changed", "unchanged", "rejected", "seconds", "ways", "summary"}
    assert (first["read"], first["added"], first["rejected"]) == (count, count, 0)
    again = call(name, shop, shop.parent / f"{name}.csv", "--json").json
    assert (again["added"], again["unchanged"]) == (0, count)
    target = shop.parent / "out.jsonl"
    assert call(name, shop, "--export", target, "--json").json == {name: count, "file": str(target)}
    assert call(name, shop, target, "--json").json["unchanged"] == count
    told = call(name, shop, "--json").json
    assert told["count"] == count
    assert call(name, shop).out.startswith(f"{count} {name}")


def test_questions_and_conversations_say_their_own_figures(shop: Path, call: Caller) -> None:
    assert "1 have an answer, 1 have none." in call("questions", shop, shop.parent / "questions.csv").out
    said = call("conversations", shop, shop.parent / "conversations.csv", "--channel", "phone").out
    assert "3 turns, 1.5 in each: user 2, agent 1" in said
    assert "1 were linked to the product that their text names." in said


def test_redaction_counts_first_and_then_takes_out_for_good(shop: Path, call: Caller) -> None:
    for name in FILES:
        assert call(name, shop, shop.parent / f"{name}.csv").code == 0
    looked = call("redact", shop)
    assert "Nothing was changed" in looked.out
    assert next(line.split() for line in looked.out.splitlines() if line.startswith("phone")) == [
        "phone",
        "1",
        "0",
        "1",
    ]
    applied = call("redact", shop, "--apply")
    assert "the originals are gone" in applied.out
    assert call("redact", shop).out == "No personal data was found.\n"
    target = shop.parent / "out.csv"
    call("conversations", shop, "--export", target)
    assert PHONE not in target.read_text("utf-8")
    assert "[PHONE]" in target.read_text("utf-8")


def test_redaction_and_pseudonyms_at_intake(shop: Path, call: Caller) -> None:
    said = call("reviews", shop, shop.parent / "reviews.csv", "--redact", "--pseudonymise")
    assert "Personal data was taken out of 1 reviews before they were stored." in said.out
    data = b"".join(path.read_bytes() for path in shop.glob("catalog.sqlite*"))
    assert PHONE.encode() not in data
    assert "张".encode() not in data


def test_rejected_rows_end_with_the_code_of_partly_done(shop: Path, call: Caller) -> None:
    path = shop.parent / "bad.csv"
    path.write_text("product,rating,text,helpful\ntoy-0001,,,\ntoy-0001,5,fine,many\n", "utf-8")
    said = call("reviews", shop, path)
    assert said.code == 5
    assert "1 rows rejected, 1 values left out of others." in said.out
    assert "rejects-reviews.jsonl" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reviews.csv", "--export", "x.csv"], "either put in or written out"),
        (["reviews.csv", "--map", "a=b", "--mapping", "m.toml"], "all about columns"),
        (["reviews.csv", "--scale", "high"], "unknown scale"),
        (["nope.csv"], "no such file"),
        (["--export", "out.xlsx"], "xlsx"),
        (["reviews.csv", "--timezone", "Mars"], "unknown time zone"),
    ],
)
def test_wrong_requests_are_usage_errors(arguments: list[str], message: str, shop: Path, call: Caller) -> None:
    placed = [str(shop.parent / word) if "." in word else word for word in arguments]
    said = call("reviews", shop, *placed, "--json")
    assert said.code == 2
    assert message in said.error["message"]
    assert said.error["fix"]


def test_an_unknown_channel_is_a_usage_error(shop: Path, call: Caller) -> None:
    said = call("conversations", shop, shop.parent / "conversations.csv", "--channel", "pigeon", "--json")
    assert (said.code, said.error["code"]) == (2, "usage")


def test_reviews_can_come_before_the_catalog(tmp_path: Path, call: Caller) -> None:
    (tmp_path / "r.csv").write_text("product,text\nP,good\n", "utf-8")
    assert call("reviews", tmp_path / "new", tmp_path / "r.csv", "--dry-run", "--json").json["added"] == 1
    assert not (tmp_path / "new").exists()
    said = call("reviews", tmp_path / "new", tmp_path / "r.csv")
    assert "1 are about products that are not in the catalog; they are kept." in said.out
