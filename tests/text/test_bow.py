from __future__ import annotations

from goodsense.text import bag_of_words, document_frequencies


def test_bag_of_words_counts_in_order() -> None:
    assert list(bag_of_words(["b", "a", "b"]).items()) == [("b", 2), ("a", 1)]
    assert bag_of_words([]) == {}


def test_document_frequencies_count_a_document_once() -> None:
    assert document_frequencies([["a", "a", "b"], [], ["b", "c"]]) == {"a": 1, "b": 2, "c": 1}
    assert document_frequencies(iter([])) == {}
