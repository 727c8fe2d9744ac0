"""Texts to token numbers: a model's own tokenizer behind two methods, without padding and without surprises."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.loading import TOKENIZERS, ModelFolder, need_transformers, quiet
from goodsense.errors import DataError

TOKENIZER_FILE = "tokenizer.json"


class Tokens:
    """A tokenizer.

    Parameters
    ----------
    backend
        ``tokenizers.Tokenizer``, or one of transformers that is written in Python.
    padding
        The number that fills up short texts.
    mask
        The number that hides a word, where there is one.
    special
        The numbers that are no words.
    """

    def __init__(
        self, backend: Any, padding: int, mask: int | None = None, special: Collection[int] = frozenset()
    ) -> None:
        self._backend = backend
        self.mask, self.special = mask, frozenset(special)
        self._fast = hasattr(backend, "encode_batch")
        self.padding = padding
        if self._fast:
            backend.no_padding()
            backend.no_truncation()

    @classmethod
    def of(cls, folder: ModelFolder) -> Tokens:
        """The tokenizer of a model."""
        transformers = need_transformers(f"the tokenizer of {folder.name!r}")
        place = folder.core if any((folder.core / name).is_file() for name in TOKENIZERS) else folder.path
        try:
            with quiet():
                found = transformers.AutoTokenizer.from_pretrained(
                    place, local_files_only=True, trust_remote_code=False
                )
        except Exception as error:  # whatever the many tokenizers raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(
                f"the tokenizer in {place} cannot be loaded: {reason}",
                fix="Copy tokenizer.json and tokenizer_config.json from the model's repository.",
            ) from error
        padding = found.pad_token_id
        if padding is None:
            padding = folder.config.get("pad_token_id")
        backend = getattr(found, "backend_tokenizer", None) or found
        return cls(backend, int(padding or 0), found.mask_token_id, found.all_special_ids)

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Come back from :meth:`write`; needs no transformers."""
        import tokenizers

        backend = tokenizers.Tokenizer.from_file(str(path))
        return cls(backend, int((backend.padding or {}).get("pad_id", 0)))

    def write(self, path: Path) -> bool:
        """Write the tokenizer as one file; False if it cannot be."""
        if self._fast:
            self._backend.no_truncation()
            self._backend.enable_padding(pad_id=self.padding)
            self._backend.save(str(path))
            self._backend.no_padding()
        return self._fast

    def numbers(self, texts: Sequence[str], *, limit: int) -> list[list[int]]:
        """The tokens of each text, the special ones included, at most ``limit``."""
        if not self._fast:
            found: list[list[int]] = self._backend(list(texts), truncation=True, max_length=limit)["input_ids"]
            return found
        self._backend.enable_truncation(limit)
        return [encoding.ids for encoding in self._backend.encode_batch(list(texts))]

    def offsets(self, text: str, *, limit: int) -> list[tuple[int, int, int]]:
        """Every token as its number and where it stands in the text; an empty place for special ones.

        Empty for tokenizers written in Python, which do not tell places.
        """
        if not self._fast:
            return []
        self._backend.enable_truncation(limit)
        found = self._backend.encode_batch([text])[0]
        return [(number, start, end) for number, (start, end) in zip(found.ids, found.offsets, strict=True)]

    def cut(self, text: str, *, limit: int) -> str:
        """The beginning of a text that is at most ``limit`` tokens long, special ones not counted."""
        if len(text) <= limit:  # no token is shorter than a character
            return text
        if not self._fast:
            return " ".join(text.split()[:limit])
        self._backend.no_truncation()
        ends = [end for _, end in self._backend.encode(text, add_special_tokens=False).offsets]
        return text if len(ends) <= limit else text[: ends[limit - 1]]


def padded(
    numbers: Sequence[Sequence[int]], padding: int, *, length: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens as ``(n, t)``, filled up on the right, and where they are tokens, ``(n, t)`` of 1 and 0."""
    longest = max(max((len(row) for row in numbers), default=1), 1) if length is None else length
    ids = np.full((len(numbers), longest), padding, dtype=np.int64)
    mask = np.zeros((len(numbers), longest), dtype=np.int64)
    for i, row in enumerate(numbers):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
