"""Pictures and texts in one space: a network of pictures, a bag of words, and one head over both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.bag import BagEncoder
from goodsense.encoders.cnn import CnnEncoder, levelled, shrunk
from goodsense.encoders.cnn_augment import to_batch
from goodsense.encoders.contrastive import Corpus, WordBatch
from goodsense.learning.backend import nn, torch
from goodsense.learning.losses import unit_rows
from goodsense.learning.temperature import Temperature
from goodsense.types import Vectors

AT_ONCE = 128  # pictures or texts encoded together


class SharedHead(nn.Module):  # type: ignore[misc]
    """Vectors of pictures and of texts, each projected to ``dim`` columns, then through the same two layers.

    Parameters
    ----------
    picture, text
        Columns of the vectors.
    dim
        Columns of the result; the layers between have twice as many.
    """

    def __init__(self, picture: int, text: int, *, dim: int) -> None:
        super().__init__()
        self.picture, self.text = nn.Linear(picture, dim), nn.Linear(text, dim)
        self.shared = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.temperature = Temperature()

    def of_pictures(self, vectors: torch.Tensor) -> torch.Tensor:
        """``(n, d) -> (n, dim)`` unit rows."""
        return self._shared(self.picture(vectors))

    def of_texts(self, vectors: torch.Tensor) -> torch.Tensor:
        """``(n, d) -> (n, dim)`` unit rows."""
        return self._shared(self.text(vectors))

    def _shared(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(rows + self.shared(rows))


class JointNetwork(nn.Module):  # type: ignore[misc]
    """Copies of two fitted encoders' networks, and a head over what they give.

    Until something is trained, :meth:`picture_vectors` and :meth:`text_vectors` are the encoders' own.

    Parameters
    ----------
    image, text
        Fitted encoders; they stay as they are.
    dim
        Columns of the common space.
    """

    def __init__(self, image: CnnEncoder, text: BagEncoder, *, dim: int) -> None:
        super().__init__()
        self.trunk, self.bag = image.network(), text.network()
        self.register_buffer("centre", torch.from_numpy(image.centre.copy()))
        self.head = SharedHead(image.dim, text.dim, dim=dim)
        self.requires_grad_(True)
        self._seen_side = image.seen_side
        # a function, so that copies of the network share the encoder
        self._read: Callable[[Sequence[str]], Corpus] = lambda texts: text.corpus(texts)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.centre.device

    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures ``(n, 3, h, w)`` around 0 to unit rows ``(n, d)``, told from the centre on."""
        return unit_rows(self.trunk(pictures).float() - self.centre)

    def forward(self, pictures: torch.Tensor, texts: WordBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Both in the common space, ``(n, dim)`` unit rows each."""
        return self.head.of_pictures(self.see(pictures)), self.head.of_texts(self.bag(texts))

    def picture_vectors(self, pictures: NDArray[np.uint8]) -> torch.Tensor:
        """Squares ``(n, side, side, 3)`` to what the head reads: the mean of a picture and its mirror image."""
        found = []
        for start in range(0, len(pictures), AT_ONCE):
            batch = levelled(to_batch(shrunk(pictures[start : start + AT_ONCE], self._seen_side))).to(self.device)
            both = (self.trunk(batch).float() + self.trunk(batch.flip(3)).float()) / 2
            found.append(unit_rows(both - self.centre))
        return torch.cat(found) if found else self.centre.new_zeros((0, len(self.centre)))

    def text_vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts to what the head reads; a zero row for one of unknown words."""
        corpus, width = self._read(texts), self.head.text.in_features
        found = self.centre.new_zeros((len(texts), width))
        filled = [row for row, words in enumerate(corpus.texts) if len(words)]
        for start in range(0, len(filled), AT_ONCE):
            rows = filled[start : start + AT_ONCE]
            found[rows] = self.bag(corpus.batch(rows)).float()
        return found

    def encode_pictures(self, pictures: NDArray[np.uint8]) -> Vectors:
        """Squares ``(n, side, side, 3)`` to the common space, ``(n, dim)`` unit rows."""
        return self._encoded(lambda: self.head.of_pictures(self.picture_vectors(pictures)))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to the common space, ``(n, dim)`` unit rows."""
        return self._encoded(lambda: self.head.of_texts(self.text_vectors(texts)))

    def _encoded(self, vectors: Callable[[], torch.Tensor]) -> Vectors:
        self.eval()
        with torch.inference_mode():
            return np.asarray(vectors().cpu().numpy(), dtype=np.float32)
