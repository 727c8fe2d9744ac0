"""Hypothesis strategies for reviews, questions and conversations, and little valid files of each kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from goodsense.feedback import (
    CHANNELS,
    CONVERSATIONS,
    QUESTIONS,
    REVIEWS,
    ROLES,
    Answer,
    Conversation,
    Question,
    Review,
    Turn,
    VoiceKind,
)
from goodsense.types import AudioRef, ImageRef, VideoRef
from tests.catalog.catalogs import FULL, WORDS

IDS = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_.:/=+@-]{0,12}", fullmatch=True), st.sampled_from(["=a", "商品-1", "张**"])
)
NAMES = st.just("") | IDS.filter(lambda name: name.lower() not in ("nan", "null", "none", "n/a", "nat"))
SAID = WORDS.filter(lambda text: bool(text.strip()))
TIMES = st.none() | st.datetimes(datetime(1990, 1, 2), datetime(2025, 1, 1), timezones=st.just(UTC))
MEDIA = st.lists(
    st.builds(lambda kind, uri: kind(uri), st.sampled_from([ImageRef, AudioRef, VideoRef]), FULL), max_size=2
)
MEDIA = MEDIA.map(lambda refs: tuple(dict.fromkeys(refs)))
PLAIN = st.one_of(WORDS, st.booleans(), st.integers(-(10**9), 10**9), st.lists(WORDS, max_size=2))
EXTRA = st.dictionaries(WORDS, PLAIN.filter(lambda value: value not in ("", [])), max_size=2)
LANGUAGES = st.sampled_from(["", "zh", "en", "zh-Hant"])
COUNTS = st.none() | st.integers(0, 10**6)
FLAGS = st.none() | st.booleans()

REVIEW = st.builds(
    Review,
    id=IDS,
    product=NAMES,
    user=NAMES,
    rating=st.none() | st.floats(1, 5).map(lambda value: round(value, 6)),
    rating_given=st.sampled_from(["", "8/10", "好评"]),
    title=WORDS,
    text=SAID,
    language=LANGUAGES,
    time=TIMES,
    media=MEDIA,
    verified=FLAGS,
    helpful=COUNTS,
    variant=NAMES,
    extra=EXTRA,
)
ANSWER = st.builds(Answer, SAID, user=NAMES, time=TIMES, by_seller=FLAGS, helpful=COUNTS)
QUESTION = st.builds(
    Question,
    id=IDS,
    product=NAMES,
    user=NAMES,
    text=SAID,
    language=LANGUAGES,
    time=TIMES,
    answers=st.lists(ANSWER, max_size=3).map(tuple),
    extra=EXTRA,
)
MENTIONS = st.lists(IDS, max_size=2, unique=True).map(tuple)
TURN = st.builds(Turn, role=st.sampled_from(ROLES), text=SAID, time=TIMES, media=MEDIA, products=MENTIONS)
CONVERSATION = st.builds(
    Conversation,
    id=IDS,
    user=NAMES,
    channel=st.sampled_from(CHANNELS),
    about=MENTIONS,
    language=LANGUAGES,
    time=TIMES,
    turns=st.lists(TURN, min_size=1, max_size=3).map(tuple),
    extra=EXTRA,
)
MADE: dict[str, tuple[VoiceKind[Any], st.SearchStrategy[Any]]] = {
    "reviews": (REVIEWS, REVIEW),
    "questions": (QUESTIONS, QUESTION),
    "conversations": (CONVERSATIONS, CONVERSATION),
}

# What the mutation tests damage: kind and content of a small valid file of every format.
VALID: dict[str, tuple[VoiceKind[Any], str]] = {
    "reviews.csv": (
        REVIEWS,
        "商品ID,用户昵称,评分,评价内容,追评,晒图,评价时间,规格,点赞数,是否购买\n"
        + (
            "P1,张**,好评,很好用，电话13800138000,用了一个月还不错,a.jpg;b.jpg,2024年5月1日 15:20,红色,2,是\n"
            'P2,李,4/5,"一般, ""凑合""",,,2024-05-02,,0,否\n'
        )
        * 4,
    ),
    "reviews.tsv": (REVIEWS, "product\tuser\trating\ttitle\ttext\ttime\n" + "P1\tu\t4.5\tGood\tFine\t2024-05-01\n" * 6),
    "reviews.json": (
        REVIEWS,
        '[{"rating": "8/10", "text": "fine", "product": "P1", "extra": {"a": [1, "x"]}}, {"stars": 5, "body": "好"}]',
    ),
    "amazon.jsonl": (
        REVIEWS,
        '{"rating": 5.0, "title": "Great", "text": "Works<br />well", "images": [{"large_image_url": "https://a/l.jpg"}'
        '], "asin": "B01", "parent_asin": "B00", "user_id": "AE", "timestamp": 1588687728923, "helpful_vote": 3, '
        '"verified_purchase": true}\n' * 4,
    ),
    "yelp.jsonl": (
        REVIEWS,
        '{"review_id":"r1","user_id":"u","business_id":"b","stars":4.0,"useful":2,"text":"Nice",'
        '"date":"2018-07-07 22:09:11"}\n' * 4,
    ),
    "questions.jsonl": (
        QUESTIONS,
        '{"asin":"B00","question":"Does it fit?","answer":"Yes.","answerTime":"Aug 8, 2014","unixTime":1407481200}\n'
        '{"asin":"B00","question":"Does it fit?","answer":"No."}\n' * 3,
    ),
    "questions.csv": (
        QUESTIONS,
        "问题,商品,回答列表\n" + '能用吗,P1,"[{""text"": ""能"", ""by_seller"": true}]"\n' * 4,
    ),
    "turns.csv": (
        CONVERSATIONS,
        "会话ID,发送方,内容,时间,买家昵称\n"
        + (
            "s1,买家,你好,2024-05-01 10:00:01,小王\ns2,客服,您好,2024-05-01 10:00:00,老李\n"
            "s1,客服,在的,2024-05-01 10:00:09,\n"
        )
        * 3,
    ),
    "chats.jsonl": (
        CONVERSATIONS,
        '{"session_id": "c1", "messages": [{"role": "user", "content": "hi", "audio": "a.mp3"}, "客服: 您好"]}\n'
        '{"context": ["你好", "在吗"], "response": "在的"}\n' * 3,
    ),
}
