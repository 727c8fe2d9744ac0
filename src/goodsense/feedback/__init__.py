"""What shoppers and staff say: reviews, questions with answers, and conversations, read from any table."""

from goodsense.feedback.conversation import CHANNELS, ROLES, Channel, Conversation, Role, Turn
from goodsense.feedback.conversions import Scale
from goodsense.feedback.question import Answer, Question
from goodsense.feedback.reading import (
    CONVERSATIONS,
    QUESTIONS,
    REVIEWS,
    Manner,
    VoiceFeed,
    VoiceKind,
    conversations_of,
    questions_of,
    read_voices,
    reviews_of,
    voices_of,
)
from goodsense.feedback.review import Review
from goodsense.feedback.voice import Voice, content_key, dumps
from goodsense.feedback.writing import write_voices

__all__ = [
    "CHANNELS",
    "CONVERSATIONS",
    "QUESTIONS",
    "REVIEWS",
    "ROLES",
    "Answer",
    "Channel",
    "Conversation",
    "Manner",
    "Question",
    "Review",
    "Role",
    "Scale",
    "Turn",
    "Voice",
    "VoiceFeed",
    "VoiceKind",
    "content_key",
    "conversations_of",
    "dumps",
    "questions_of",
    "read_voices",
    "reviews_of",
    "voices_of",
    "write_voices",
]
