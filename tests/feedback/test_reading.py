"""Reviews, questions and conversations out of the tables that shops and data sets have."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from goodsense.errors import DataError, UsageError
from goodsense.feedback import (
    CONVERSATIONS,
    QUESTIONS,
    REVIEWS,
    Answer,
    Conversation,
    Manner,
    Question,
    Review,
    Scale,
    Turn,
    VoiceKind,
    conversations_of,
    questions_of,
    read_voices,
    reviews_of,
)
from goodsense.tables import Rejects, Row
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.feedback.voices import VALID


def read(kind: VoiceKind[Any], path: Path, content: str | bytes, **more: Any) -> tuple[list[Any], Rejects, list[str]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rejects = Rejects.to_memory()
    feed = read_voices(kind, path, rejects=rejects, **more)
    return [voice for _, voice in feed], rejects, list(feed.notes)


def test_amazon_reviews_2023(tmp_path: Path) -> None:
    (first, *_), rejects, _ = read(REVIEWS, tmp_path / "a.jsonl", VALID["amazon.jsonl"][1])
    assert first == Review(
        id=first.id,
        product="B00",
        user="AE",
        rating=5.0,
        rating_given="5",
        title="Great",
        text="Works<br />well",
        time=datetime(2020, 5, 5, 14, 8, 48, 923_000, UTC),
        media=(ImageRef("https://a/l.jpg"),),
        verified=True,
        helpful=3,
        variant="B01",
    )
    assert not rejects.first


def test_yelp_reviews_and_tips(tmp_path: Path) -> None:
    (review, *_), _, _ = read(REVIEWS, tmp_path / "review.json", VALID["yelp.jsonl"][1])
    assert (review.id, review.product, review.user, review.rating, review.helpful) == ("r1", "b", "u", 4.0, 2)
    tip = '{"user_id":"u","business_id":"b","text":"Go early","date":"2012-05-18 02:17:21","compliment_count":1}\n'
    (found,), _, _ = read(REVIEWS, tmp_path / "tip.json", tip)
    assert (found.product, found.text, found.rating, found.helpful) == ("b", "Go early", None, 1)


def test_a_chinese_export_with_follow_ups_and_pictures(tmp_path: Path) -> None:
    found, rejects, notes = read(REVIEWS, tmp_path / "评论.csv", VALID["reviews.csv"][1].encode("gb18030"))
    first, second = found[:2]
    assert (first.product, first.user, first.variant) == ("P1", "张**", "红色")
    assert (first.rating, first.rating_given) == (5.0, "好评")
    assert first.text == "很好用，电话13800138000\n用了一个月还不错"
    assert first.media == (ImageRef("a.jpg"), ImageRef("b.jpg"))
    assert (first.verified, first.helpful, second.verified, second.helpful) == (True, 2, False, 0)
    assert second.rating == 4.0
    assert second.text == '一般, "凑合"'
    assert len(found) == 8
    assert not rejects.first
    assert "Column '追评' is read as followup." in notes


def test_equal_rows_stay_apart_and_keep_their_ids_when_read_again(tmp_path: Path) -> None:
    content = "product,text\nP,good\nP,good\nQ,good\n"
    first, _, _ = read(REVIEWS, tmp_path / "a.csv", content)
    again, _, _ = read(REVIEWS, tmp_path / "b.csv", content + "P,good\n")
    assert [voice.id for voice in again[:3]] == [voice.id for voice in first]
    assert len({voice.id for voice in again}) == 4
    assert [voice.id.rpartition("-")[2] for voice in again if voice.product == "P"][1:] == ["1", "2"]


@pytest.mark.parametrize(
    ("ratings", "scale", "expected"),
    [
        (["5", "1", "4.5", "0"], None, [5, 1, 4.5, None]),
        (["10", "1", "5.5"], None, [5, 1, 3]),
        (["10", "0", "5"], None, [5, 1, 3]),
        (["100", "0", "80"], None, [5, 1, 4.2]),
        (["1", "0", "1"], None, [5, 1, 5]),
        (["7", "1", "4"], "1-7", [5, 1, 3]),
        (["好评", "中评", "差评"], None, [5, 3, 1]),
        (["8/10", "4 out of 5", "80%"], None, [4.111111, 4, 4.2]),
        (["★★★★☆", "五星", "4 stars"], None, [4, 5, 4]),
    ],
)
def test_ratings_of_any_scale_go_from_one_to_five(
    ratings: list[str], scale: str | None, expected: list[float | None], tmp_path: Path
) -> None:
    lines = "".join(f"x,{rating}\n" for rating in ratings)
    manner: Manner[Review] = Manner(scale=Scale.parse(scale) if scale else None)
    found, rejects, notes = read(REVIEWS, tmp_path / "r.csv", f"text,rating\n{lines}", manner=manner)
    assert [voice.rating for voice in found] == expected
    assert [voice.rating_given for voice in found] == ratings
    assert not rejects.first
    assert any("Ratings are read" in note for note in notes) == (ratings[0] in ("10", "100") or ratings[0] == "1")


def test_a_file_sorted_by_rating_shows_its_scale_all_the_same(tmp_path: Path) -> None:
    rows = "x,1\n" * 3000 + "y,0\n" * 3000
    found, _, _ = read(REVIEWS, tmp_path / "r.csv", f"text,label\n{rows}", mapping={"rating": "label"})
    assert {voice.rating for voice in found} == {5.0, 1.0}


@pytest.mark.parametrize("scale", ["", "x", "5-1", "3-3", "1-2-3"])
def test_a_scale_that_is_none_is_refused(scale: str) -> None:
    with pytest.raises(UsageError, match="scale"):
        Scale.parse(scale)


def test_bad_values_are_left_out_and_rows_that_say_nothing_rejected(tmp_path: Path) -> None:
    content = "product,rating,text,time\nP,77,fine,yesterday\nP,,,2024-01-01\nP,5,,\n"
    found, rejects, _ = read(REVIEWS, tmp_path / "r.csv", content, manner=Manner(scale=Scale()))
    assert [(voice.rating, voice.text, voice.time) for voice in found] == [(None, "fine", None), (5.0, "", None)]
    assert [(reject.row, reject.column, reject.scope) for reject in rejects.first] == [
        (2, "rating", "field"),
        (2, "time", "field"),
        (3, "", "row"),
    ]
    assert rejects.first[0].record["text"] == "fine"
    assert "says nothing" in rejects.first[2].reason


def test_times_without_a_zone_are_of_the_zone_that_is_given(tmp_path: Path) -> None:
    manner: Manner[Review] = Manner(zone=ZoneInfo("Asia/Shanghai"))
    (voice,), _, _ = read(REVIEWS, tmp_path / "r.csv", "text,评论时间\nx,2024年5月1日 下午3点20分\n", manner=manner)
    assert voice.time == datetime(2024, 5, 1, 7, 20, tzinfo=UTC)


def test_columns_can_be_named_and_kept(tmp_path: Path) -> None:
    mapping = {"text": "what", "product": "which", "id": "no", "extra.mood": "mood"}
    content = "no,what,which,mood\n7,fine,P,happy\n"
    (voice,), _, _ = read(REVIEWS, tmp_path / "r.csv", content, mapping=mapping)
    assert voice == Review("7", "P", text="fine", extra={"mood": "happy"})
    with pytest.raises(UsageError, match="unknown field"):
        read(REVIEWS, tmp_path / "r.csv", content, mapping={"colour": "what"})
    with pytest.raises(UsageError, match="not in the file"):
        read(REVIEWS, tmp_path / "r.csv", content, mapping={"text": "nope"})


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column holds reviews.*'user', 'item'"):
        read(REVIEWS, tmp_path / "r.csv", "user,item\n1,2\n")
    with pytest.raises(DataError, match="not a table of questions"):
        read(QUESTIONS, tmp_path / "q.xml", "<a><b/></a>")


def test_questions_with_one_answer_per_row_become_one(tmp_path: Path) -> None:
    found, _, _ = read(QUESTIONS, tmp_path / "q.jsonl.gz", gzip.compress(VALID["questions.jsonl"][1].encode()))
    assert found == [
        Question(
            found[0].id,
            "B00",
            text="Does it fit?",
            answers=(Answer("Yes.", time=datetime(2014, 8, 8, tzinfo=UTC)), Answer("No.")),
        )
    ]


def test_questions_with_lists_of_answers(tmp_path: Path) -> None:
    content = json.dumps(
        {
            "questionText": "Does it fit?",
            "asin": "B1",
            "answers": [{"answerText": "yes", "answererID": "u1", "helpful": [2, 3]}, "no", {"text": ""}],
        }
    )
    (voice,), _, _ = read(QUESTIONS, tmp_path / "q.jsonl", content + "\n")
    assert voice.answers == (Answer("yes", "u1", helpful=2), Answer("no"))
    found, _, _ = read(QUESTIONS, tmp_path / "q.csv", VALID["questions.csv"][1])
    assert found[0].answers == (Answer("能", by_seller=True),)


def test_chats_with_one_turn_per_row_are_joined_in_the_order_of_time(tmp_path: Path) -> None:
    content = (
        "会话ID,发送方,内容,时间,买家昵称\ns1,买家,你好,2024-05-01 10:00:01,小王\n"
        "s2,客服,您好,2024-05-01 10:00:00,老李\ns1,客服,在的,2024-05-01 10:00:09,\ns1,买家,谢谢,2024-05-01 10:00:05,\n"
    )
    (first, second), _, _ = read(CONVERSATIONS, tmp_path / "c.csv", content)
    assert (first.id, first.user, first.channel) == ("s1", "小王", "chat")
    assert [(turn.role, turn.text) for turn in first.turns] == [("user", "你好"), ("user", "谢谢"), ("agent", "在的")]
    assert first.time == datetime(2024, 5, 1, 10, 0, 1, tzinfo=UTC)
    assert (second.id, len(second.turns)) == ("s2", 1)


def test_chats_with_a_conversation_per_line(tmp_path: Path) -> None:
    content = (
        '{"session_id": "c1", "user": "U7", "channel": "电话", "messages": ['
        '{"role": "assistant", "content": "hi"}, {"from": "human", "value": "hello"}, {"sender": "U7", "text": "me"},'
        '{"audio": "call.mp3"}, "客服: 您好", "plain", ["bot", "bye"], {"role": "user"}]}\n'
    )
    (voice,), rejects, _ = read(CONVERSATIONS, tmp_path / "c.jsonl", content)
    assert voice == Conversation(
        "c1",
        "U7",
        "phone",
        turns=(
            Turn("bot", "hi"),
            Turn("user", "hello"),
            Turn("user", "me"),
            Turn(media=(AudioRef("call.mp3"),)),
            Turn("agent", "您好"),
            Turn("", "plain"),
            Turn("bot", "bye"),
        ),
    )
    assert not rejects.first


def test_a_context_and_its_response_are_one_conversation(tmp_path: Path) -> None:
    content = '{"context": ["你好", "在吗"], "response": "在的", "split": "train"}\n'
    (voice,), _, _ = read(CONVERSATIONS, tmp_path / "c.jsonl", content)
    assert [turn.text for turn in voice.turns] == ["你好", "在吗", "在的"]


def test_a_dialogue_in_one_cell_is_parted_by_its_lines(tmp_path: Path) -> None:
    content = 'id,对话记录\n1,"用户：你好\n客服：您好，在的\n没有名字"\n'
    (voice,), _, _ = read(CONVERSATIONS, tmp_path / "c.csv", content)
    assert [turn.role for turn in voice.turns] == ["user", "agent", ""]


def test_support_logs_that_say_by_a_flag_who_speaks(tmp_path: Path) -> None:
    content = "session_id,user_id,content,waiter_send\n1,u,hi,0\n1,u,hello,1\n"
    (voice,), _, _ = read(CONVERSATIONS, tmp_path / "c.csv", content)
    assert [turn.role for turn in voice.turns] == ["user", "agent"]


def test_rows_that_were_read_elsewhere() -> None:
    rejects = Rejects.to_memory()
    rows = [
        Row(1, {"id": "r", "product": "P", "rating": 4, "text": "fine", "media": [{"kind": "video", "uri": "a.mp4"}]}),
        Row(2, {"text": "later", "extra.likes": 3}),
    ]
    found = [voice for _, voice in reviews_of(rows, file="posts.xml", rejects=rejects)]
    assert found[0].media == (VideoRef("a.mp4"),)
    assert found[1].extra == {"likes": 3}
    asked = [Row(1, {"id": "q", "text": "really?", "answers": [{"id": "a", "text": "yes", "user": "u"}]})]
    assert next(questions_of(asked, file="f", rejects=rejects))[1].answers == (Answer("yes", "u"),)
    said = [Row(1, {"id": "m", "channel": "mail", "turns": [{"speaker": "customer", "text": "hello"}]})]
    assert next(conversations_of(said, file="f", rejects=rejects))[1].turns == (Turn("user", "hello"),)
    assert not rejects.first
