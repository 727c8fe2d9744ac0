"""Which column of a table is which field of a review, a question or a conversation, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from goodsense.errors import UsageError
from goodsense.tables import fold, match_columns, shorten

Aliases = Mapping[str, tuple[str, ...]]
_SHOWN = 30
_OWN_ID = "own_id"  # what match_columns calls the id, for which it would else take any product's

_PRODUCT = (
    "product product_id productid parent_asin asin item_id itemid item goods_id goodsid goods business_id listing_id "
    "spu_id spu sku_id skuid sku gtin ean product_url product_link 商品id 产品id 宝贝id 商品编号 产品编号 商品编码 "
    "商品链接 商品 产品 宝贝 货号 product_title product_name 商品名称 产品名称 商品标题 宝贝标题 宝贝名称"
)
_USER = (
    "user user_id userid reviewer_id reviewerid customer_id customerid buyer_id member_id reviewer reviewer_name "
    "reviewername author author_id username user_name nickname nick customer customer_name profilename profile_name "
    "buyer asker asker_id 用户id 用户 用户名 用户昵称 昵称 买家id 买家 买家昵称 会员 会员名 客户id 客户 顾客 "
    "评论者 评价人 提问者 提问人 作者"
)
_TIME = (
    "time timestamp date datetime created_at create_time created published published_at submitted_at sent_at "
    "时间 日期 发布时间 创建时间 发送时间"
)
_UNIX_TIME = "unix_time unixtime"
_UNIX_TIME = "unix_time unixtime"  # that of an answer where it stands beside a question
_LANGUAGE = "language lang locale 语言 语种"
_IMAGE = "image images image_url image_urls photo photos picture pictures pics img 图片 图片链接 图片地址"
_VIDEO = "video videos video_url 视频 视频链接"
_AUDIO = "audio voice recording audio_url audio_file voice_file 录音 语音 录音文件 音频"


def _table(fields: Mapping[str, str]) -> Aliases:
    return {name: tuple(aliases.split()) for name, aliases in fields.items()}


REVIEW_ALIASES = _table(
    {
        _OWN_ID: "review_id reviewid comment_id commentid rate_id feedback_id post_id id 评论id 评价id 点评id 评论编号 "
        "评价编号 帖子id",
        "product": _PRODUCT,
        "user": _USER,
        "rating_given": "rating_given",
        "rating": "rating ratings stars star star_rating overall score grade review_rating user_rating 评分 星级 "
        "打分 得分 评价星级 评价等级 评价类型 好中差评 满意度",
        "title": "title review_title reviewtitle summary headline review_headline subject 标题 评论标题 评价标题 主题",
        "text": "text review_text reviewtext review_body reviewbody review review_content body content comment "
        "comments feedback message post 评论内容 评价内容 点评内容 评论 评价 点评 内容 正文 文本 初评 评价详情",
        "followup": "followup follow_up additional_review append_comment 追评 追评内容 追加评论 追加评价",
        "language": _LANGUAGE,
        "time": "review_date reviewdate review_time reviewtime unixreviewtime 评论时间 评价时间 评论日期 评价日期 "
        f"{_TIME} {_UNIX_TIME}",
        "image": f"{_IMAGE} review_images 晒图 晒单图片 评论图片 评价图片 买家秀",
        "video": _VIDEO,
        "audio": _AUDIO,
        "media": "media",
        "verified": "verified verified_purchase verified_buyer is_verified 已购 已购买 是否购买 购买认证",
        "helpful": "helpful helpful_vote helpful_votes helpfulness helpful_count useful votes vote likes like_count "
        "thumbs_up upvotes compliment_count 有用 有用数 点赞 点赞数 赞 赞同数",
        "variant": "variant variant_id asin sku sku_id skuid style 规格 商品规格 购买规格 颜色分类 sku属性 款式",
        "extra": "extra",
    }
)
QUESTION_ALIASES = _table(
    {
        _OWN_ID: "question_id questionid qid q_id id 问题id 提问id 问题编号",
        "product": _PRODUCT,
        "user": _USER,
        "text": "question question_text questiontext text query content title 问题 提问 问题内容 提问内容 "
        "咨询内容 咨询",
        "language": _LANGUAGE,
        "time": f"question_time questiontime question_date asked_at 提问时间 提问日期 {_TIME}",
        "answers": "answers all_answers responses replies 全部回答 回答列表",
        "answer.text": "answer answer_text answertext answer_content response reply 回答 回答内容 答案 回复 回复内容 "
        "官方回复 商家回复",
        "answer.user": "answerer answerer_id answererid answer_user answered_by responder 回答者 回答人",
        "answer.time": f"answer_time answertime answer_date answered_at {_UNIX_TIME} 回答时间 回复时间 回答日期",
        "answer.by_seller": "by_seller is_seller seller_answer answered_by_seller 是否商家 商家回答",
        "answer.helpful": "answer_helpful answer_votes 回答点赞数",
        "extra": "extra",
    }
)
CONVERSATION_ALIASES = _table(
    {
        _OWN_ID: "conversation_id conversationid session_id sessionid chat_id chatid thread_id thread dialog_id "
        "dialogue_id ticket_id case_id call_id session id 会话id 会话编号 会话 对话id 对话编号 聊天id 工单号 通话id",
        "about": "about products product product_id productid goods_id item_id sku asin 商品id 商品 产品 宝贝id "
        "商品编号",
        "user": _USER,
        "channel": "channel medium 渠道 沟通渠道 来源渠道",
        "language": _LANGUAGE,
        "turns": "turns messages dialogue dialog utterances conversations conversation context history "
        "聊天记录 对话记录 对话 消息列表",
        "reply": "response",
        "turn.role": "role speaker speaker_role sender sender_type sender_role from direction 角色 发送方 发送者 "
        "说话人 发言人 身份 方向",
        "turn.by_agent": "waiter_send is_agent from_agent by_agent is_staff 是否客服",
        "turn.text": "text content message body utterance sentence msg 内容 消息 消息内容 聊天内容 对话内容 文本 "
        "话术 正文 短信内容",
        "turn.time": f"message_time 消息时间 {_TIME} {_UNIX_TIME}",
        "turn.image": _IMAGE,
        "turn.video": _VIDEO,
        "turn.audio": _AUDIO,
        "turn.media": "media",
        "extra": "extra",
    }
)
# Names inside the objects of a list of turns or answers.
TURN_NAMES = {
    name: f"{aliases} value" if name == "text" else aliases
    for name, aliases in (
        (name.removeprefix("turn."), " ".join(known))
        for name, known in CONVERSATION_ALIASES.items()
        if name.startswith("turn.")
    )
} | {"products": "products"}
ANSWER_NAMES = {
    "text": "text answer answer_text answertext content body 回答 回答内容 内容 回复",
    "user": f"{' '.join(QUESTION_ALIASES['answer.user'])} {_USER}",
    "time": f"{' '.join(QUESTION_ALIASES['answer.time'])} {_TIME}",
    "by_seller": " ".join(QUESTION_ALIASES["answer.by_seller"]),
    "helpful": "helpful votes likes 点赞数 赞",
}


def lookup(names: Mapping[str, str]) -> dict[str, str]:
    """Folded name -> field; the first field that knows a name has it."""
    found: dict[str, str] = {}
    for name, aliases in names.items():
        for alias in aliases.split():
            found.setdefault(alias, name)
    return found


@dataclass(frozen=True, slots=True)
class VoiceColumns:
    """The columns of each field, and what is worth saying about them."""

    fields: Mapping[str, tuple[str, ...]]
    extra: Mapping[str, str]
    notes: tuple[str, ...] = ()


def voice_columns(
    header: Sequence[str], mapping: Mapping[str, str] | None, aliases: Aliases, many: frozenset[str]
) -> VoiceColumns:
    """Match the columns of a table to fields.

    Raises
    ------
    UsageError
        If the mapping names an unknown field or a column that is not there.
    """
    wanted = {_OWN_ID if name == "id" else name: column for name, column in (mapping or {}).items()}
    known = [*(name for name in aliases if name != _OWN_ID), "id", "extra.NAME"]
    for name in wanted:
        if name not in aliases and not (name.startswith("extra.") and len(name) > len("extra.")):
            raise UsageError(
                f"the mapping {name}={wanted[name]} names an unknown field.", fix=f"Known fields: {', '.join(known)}."
            )
    found = match_columns(header, mapping=wanted, aliases=aliases, many=many)
    fields = {"id" if name == _OWN_ID else name: columns for name, columns in found.fields.items()}
    notes = [
        f"Column {shorten(column, 60)!r} is read as {name}."
        for name, columns in fields.items()
        for column in columns
        if column != name
    ]
    left = [repr(shorten(column, 60)) for column in islice(found.unmatched, _SHOWN)]
    if left:
        more = f" and {len(found.unmatched) - _SHOWN} more" if len(found.unmatched) > _SHOWN else ""
        notes.append(f"Other columns are left out: {', '.join(left)}{more}.")
    return VoiceColumns(fields, dict(found.extra), tuple(notes))


def named(item: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """An object of a list under the names of fields; what is unknown is left out, the first of equals stays."""
    found: dict[str, object] = {}
    for key, value in item.items():
        name = names.get(fold(key))
        if name is not None:
            found.setdefault(name, value)
    return found
