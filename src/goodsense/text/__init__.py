"""Text: cleaning, language, and the one tokenizer used for indexing and for queries."""

from goodsense.text.bow import bag_of_words, document_frequencies
from goodsense.text.clean import clean
from goodsense.text.language import detect_language
from goodsense.text.pos import pos_tags
from goodsense.text.stopwords import STOP_WORDS
from goodsense.text.tokenize import Tokenizer

__all__ = [
    "STOP_WORDS",
    "Tokenizer",
    "bag_of_words",
    "clean",
    "detect_language",
    "document_frequencies",
    "pos_tags",
]
