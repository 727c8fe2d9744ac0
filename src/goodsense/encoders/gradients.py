"""Integrated gradients of the words of a text that a network reads, for encoders that are networks of torch.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017): gradients of the output with respect
to the words' embeddings, averaged along the straight line from none of them to all, times the embeddings. They sum to
the output less that of the text with all its words silent (completeness). Scaling embeddings by a gate per word gives
the same numbers with one gradient per word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.contrastive import TrainedOnPairs, WordBatch
from goodsense.encoders.hub.text import HubTextEncoder, TextModel
from goodsense.encoders.hub.towers import TorchTower
from goodsense.encoders.minilm import MiniLmEncoder
from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch

STEPS = 32  # along the line, at the middles of as many pieces
NEEDED_FOR = "integrated gradients"

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class WordGradients:
    """Attributions of a cosine: ``values`` of the words ``(w,)``, and ``rest``, what none of them does.

    ``rest`` is the cosine of the silent text and what marks of the network's own add to it. With the values it sums to
    ``cosine`` but for the error of averaging over so many steps.
    """

    values: NDArray[np.float64]
    rest: float
    cosine: float


def word_gradients(
    encoder: object, text: str, spans: Spans, target: NDArray[np.float32], *, steps: int = STEPS
) -> WordGradients | None:
    """What each word of a query does for the cosine of its vector and another one ``(d,)``.

    ``spans`` say where the words stand. None for an encoder that is no network of torch reading words in their
    context; there a word is worth what is lost without it.
    """
    gated = _gated(encoder, text, spans)
    if gated is None or not np.any(target):
        return None
    backend: Any = need_torch(NEEDED_FOR)
    unit = backend.from_numpy(np.ascontiguousarray(target / np.linalg.norm(target), dtype=np.float32))

    def cosine(gates: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = backend.nn.functional.normalize(gated.vector(gates), dim=0) @ unit
        return found

    total = backend.zeros(gated.count)
    for step in range(steps):
        gates = backend.full((gated.count,), (step + 0.5) / steps, requires_grad=True)
        total += backend.autograd.grad(cosine(gates), gates)[0]
    with backend.no_grad():
        silent, whole = (float(cosine(backend.full((gated.count,), gate))) for gate in (0.0, 1.0))
    tokens = (total / steps).double().numpy()
    values = np.zeros(len(spans))
    for word, value in zip(gated.words, tokens.tolist(), strict=True):
        if word >= 0:
            values[word] += value
    return WordGradients(values, silent + float(tokens.sum() - values.sum()), whole)


@dataclass(frozen=True, eq=False)
class _Gated:
    """A text as a network reads it: a vector ``(d,)`` by the gates ``(t,)`` of its tokens, and the word of each.

    A token of no word has the word -1.
    """

    vector: Callable[[Any], Any]
    words: Sequence[int]

    @property
    def count(self) -> int:
        return len(self.words)


def _gated(encoder: object, text: str, spans: Spans) -> _Gated | None:
    if isinstance(encoder, HubTextEncoder):
        return _of_model(encoder._model, text, spans, prefix=encoder._query, lower=encoder._layout.lower)
    if isinstance(encoder, MiniLmEncoder):
        return _of_model(encoder._model, text, spans)
    if isinstance(encoder, TrainedOnPairs) and encoder.KIND != "bag":  # a sum has no context
        return _of_pairs(encoder, text, spans)
    return None


# ---- pretrained transformers: the embeddings that their first layer is given


def _of_model(model: TextModel, text: str, spans: Spans, *, prefix: str = "", lower: bool = False) -> _Gated | None:
    tower, read = model._tower, prefix + text
    offsets = model._tokens.offsets(read.lower() if lower else read, limit=model._limit)
    if not isinstance(tower, TorchTower) or not offsets:
        return None
    backend: Any = need_torch(NEEDED_FOR)
    network: Any = tower.network
    embedding = network.model.get_input_embeddings()
    ids = backend.tensor([[number for number, _, _ in offsets]])
    mask = backend.ones_like(ids)

    def vector(gates: torch.Tensor) -> torch.Tensor:
        hook = embedding.register_forward_hook(lambda _, __, states: states * gates[None, :, None].to(states.dtype))
        try:
            found: torch.Tensor = network(ids, mask)[0].float()
            return found
        finally:
            hook.remove()

    places = [(start - len(prefix), end - len(prefix)) for _, start, end in offsets]
    return _Gated(vector, [_word_at(place, spans) for place in places])


def _word_at(place: tuple[int, int], spans: Spans) -> int:
    """The word that a token is in; -1 for marks, prefixes and what stands between words."""
    start, end = place
    inside = [max(0, min(end, stop) - max(start, begin)) for begin, stop in spans]
    best = int(np.argmax(inside)) if inside else -1
    return best if best >= 0 and inside[best] > 0 else -1


# ---- networks over the shop's own words


@dataclass(frozen=True, eq=False)
class _GatedBatch(WordBatch):
    """A batch whose words' vectors are scaled by gates ``(words,)``."""

    gates: Any = None

    def word_vectors(self, table: torch.Tensor) -> torch.Tensor:
        return super().word_vectors(table) * self.gates[:, None]


def _of_pairs(encoder: TrainedOnPairs, text: str, spans: Spans) -> _Gated | None:
    corpus = encoder.corpus([text])
    if not len(corpus.texts[0]):
        return None
    network: Any = encoder.network()
    batch = corpus.batch([0])
    given = {entry.name: getattr(batch, entry.name) for entry in fields(batch)}

    def vector(gates: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network(_GatedBatch(**given, gates=gates))[0]
        return found

    first: dict[str, int] = {}
    for place, (start, end) in enumerate(spans):
        for token in encoder.tokens_of(text[start:end]):
            first.setdefault(token, place)
    known = [token for token in dict.fromkeys(encoder.tokens_of(text)) if encoder.reads(token)]
    return _Gated(vector, [first.get(token, -1) for token in known])
