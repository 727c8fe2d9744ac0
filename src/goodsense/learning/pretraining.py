"""Pretraining of small transformers on a shop's own token sequences: masked words, next sentences, next words, spans.

An objective holds the texts, makes batches of them and scores a network on one; :func:`pretrain` trains with any.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError
from goodsense.learning.backend import torch
from goodsense.learning.corruption import NOT_ASKED, SHARE, SPAN, corrupt_spans, draw_next, mask_tokens
from goodsense.learning.heads import cross_entropy
from goodsense.learning.history import History
from goodsense.learning.networks import checked_device, moved
from goodsense.learning.schedules import Schedule
from goodsense.learning.stepping import Precision
from goodsense.learning.token_numbers import CLASS, END, MASK, SEPARATOR, Numbers, TokenNumbers, filled_up
from goodsense.learning.trainer import train
from goodsense.learning.transformer import TokenTransformer, WritingTransformer
from goodsense.progress import Progress, silent

LONGEST = 64  # tokens of a text, special ones included


class Objective(Protocol):
    """What a network learns from unlabelled texts."""

    def __len__(self) -> int:
        """How many texts or documents there are."""
        ...

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Any:
        """Some of them as tensors, with what is hidden or asked drawn anew."""
        ...

    def loss(self, network: Any, batch: Any) -> torch.Tensor:
        """How badly the network does on a batch: a scalar."""
        ...


class Asked(NamedTuple):
    """Tokens ``ids``, where there is one ``there`` and ``targets``, -1 where nothing is asked; all ``(n, t)``."""

    ids: torch.Tensor
    there: torch.Tensor
    targets: torch.Tensor


class AskedPairs(NamedTuple):
    """Two sentences a row, of which is each token ``(n, t)``, and whether the second follows the first ``(n,)``."""

    asked: Asked
    segments: torch.Tensor
    follows: torch.Tensor


class AskedSpans(NamedTuple):
    """A text ``(n, t)`` with runs left out, and the answer ``(n, s)`` that has them."""

    ids: torch.Tensor
    there: torch.Tensor
    answer: Asked


@dataclass(frozen=True, eq=False)
class MaskedWords:
    """Masked language modelling for a :class:`TokenTransformer` (Devlin et al., BERT, NAACL 2019).

    Parameters
    ----------
    texts
        Words of each text as numbers, none empty.
    numbers
        The vocabulary.
    longest
        Tokens of a text that a step sees; of a longer one a run, drawn anew.
    share
        Of the words are asked for.
    """

    texts: Sequence[Numbers]
    numbers: TokenNumbers
    longest: int = LONGEST
    share: float = SHARE

    def __post_init__(self) -> None:
        _check_texts(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Asked:
        runs = [run(self.texts[row], self.longest - 2, rng) for row in rows]
        return _masked([np.array([CLASS, *words, SEPARATOR]) for words in runs], self.numbers, self.share, rng)

    def loss(self, network: TokenTransformer, batch: Asked) -> torch.Tensor:
        return told_loss(network, network(batch.ids, batch.there), batch.targets)


@dataclass(frozen=True, eq=False)
class NextSentences:
    """Whether one sentence follows another, and masked words of both, for a :class:`TokenTransformer` (BERT's two).

    ``documents`` are sentences of numbers in reading order (a title, then its description, say): those with two and
    more, by :meth:`of`. With ``share`` 0 no words are asked for.
    """

    documents: Sequence[Sequence[Numbers]]
    numbers: TokenNumbers
    longest: int = LONGEST
    share: float = SHARE

    @classmethod
    def of(cls, documents: Sequence[Sequence[Numbers]], numbers: TokenNumbers, **options: Any) -> Self:
        """Empty sentences are left out, and documents with fewer than two others."""
        filled = [[sentence for sentence in document if len(sentence)] for document in documents]
        return cls([document for document in filled if len(document) > 1], numbers, **options)

    def __post_init__(self) -> None:
        if not self.documents or any(len(document) < 2 for document in self.documents):
            raise DataError("next sentences need documents of two sentences and more.", fix="Use NextSentences.of.")

    def __len__(self) -> int:
        return len(self.documents)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> AskedPairs:
        drawn = [draw_next(self.documents, row, rng) for row in rows]
        cut = [shortened(first, second, self.longest - 3) for first, second, _ in drawn]
        texts = [np.array([CLASS, *first, SEPARATOR, *second, SEPARATOR]) for first, second in cut]
        asked = _masked(texts, self.numbers, self.share, rng)
        segments = np.arange(asked.ids.shape[1]) >= np.array([len(first) + 2 for first, _ in cut])[:, None]
        follows = torch.tensor([follows for _, _, follows in drawn], dtype=torch.long)
        return AskedPairs(asked, torch.from_numpy(segments.astype(np.int64)), follows)

    def loss(self, network: TokenTransformer, batch: AskedPairs) -> torch.Tensor:
        states = network(batch.asked.ids, batch.asked.there, segments=batch.segments)
        pairs = cross_entropy(network.follows(states[:, 0]), batch.follows, smoothing=0.0)
        return pairs + told_loss(network, states, batch.asked.targets)


@dataclass(frozen=True, eq=False)
class NextWords:
    """Causal language modelling for a :class:`TokenTransformer`: each word from those before it, and where a text ends.

    Radford et al., GPT (2018). Parameters are those of :class:`MaskedWords`.
    """

    texts: Sequence[Numbers]
    numbers: TokenNumbers
    longest: int = LONGEST

    def __post_init__(self) -> None:
        _check_texts(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Asked:
        texts = [np.array([CLASS, *run(self.texts[row], self.longest - 1, rng), END]) for row in rows]
        return _shifted(texts)

    def loss(self, network: TokenTransformer, batch: Asked) -> torch.Tensor:
        return told_loss(network, network(batch.ids, batch.there, causal=True), batch.targets)


@dataclass(frozen=True, eq=False)
class MissingSpans:
    """Span corruption for a :class:`WritingTransformer`: runs of words are left out, and written.

    Raffel et al., T5 (JMLR 2020). ``share`` of the words are in runs, of ``span`` words on average; other parameters
    are those of :class:`MaskedWords`.
    """

    texts: Sequence[Numbers]
    numbers: TokenNumbers
    longest: int = LONGEST
    share: float = SHARE
    span: float = SPAN

    def __post_init__(self) -> None:
        _check_texts(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> AskedSpans:
        given: dict[str, Any] = {
            "first_sentinel": self.numbers.first_sentinel,
            "sentinels": self.numbers.sentinels,
            "share": self.share,
            "mean": self.span,
        }
        # runs and their sentinels are at most one more than the words; a last sentinel and the end come on top
        pairs = [corrupt_spans(run(self.texts[row], self.longest - 3, rng), rng, **given) for row in rows]
        ids, there = filled_up([shown for shown, _ in pairs])
        answers = _shifted([np.array([CLASS, *answer, END]) for _, answer in pairs])
        return AskedSpans(torch.from_numpy(ids), torch.from_numpy(there), answers)

    def loss(self, network: WritingTransformer, batch: AskedSpans) -> torch.Tensor:
        states = network(batch.ids, batch.there, batch.answer.ids, batch.answer.there)
        return told_loss(network, states, batch.answer.targets)


def pretrain(
    network: torch.nn.Module,
    objective: Objective,
    schedule: Schedule,
    *,
    seed: int,
    held_out: Objective | None = None,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
    stage: str = "pretrain",
) -> History:
    """Train a network with an objective, in place; parameters are those of :func:`goodsense.learning.trainer.train`.

    With ``held_out`` texts the network ends with the weights of the epoch that did best on them; the validation figure
    is their mean loss, negated.
    """

    def batches(_: int, rng: np.random.Generator) -> Iterator[Any]:
        order = rng.permutation(len(objective)).tolist()
        return (
            objective.batch(order[start : start + schedule.batch], rng)
            for start in range(0, len(order), schedule.batch)
        )

    def validate() -> float:
        assert held_out is not None
        return -mean_loss(network, held_out, batch=schedule.batch, seed=seed, device=device)

    return train(
        network,
        batches,
        lambda batch: objective.loss(network, batch),
        schedule,
        steps=math.ceil(len(objective) / schedule.batch),
        seed=seed,
        validate=None if held_out is None else validate,
        precision=precision,
        device=device,
        progress=progress,
        stage=stage,
    )


def mean_loss(
    network: torch.nn.Module,
    objective: Objective,
    *,
    batch: int = 64,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> float:
    """The mean loss over an objective's texts, each seen once, weighted by batch; its exponential is the perplexity.

    What is hidden follows from the seed, so that two networks are asked the same.
    """
    rng, place, total = np.random.default_rng(seed), checked_device(device), 0.0
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(objective), batch):
            rows = range(start, min(start + batch, len(objective)))
            total += len(rows) * float(objective.loss(network, moved(objective.batch(rows, rng), place)))
    network.train(was_training)
    return total / len(objective)


def told_loss(network: Any, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the words that are asked for: states ``(n, t, d)``, targets ``(n, t)``, -1: not asked.

    0 where nothing is asked. Only states that are asked for are scored against the vocabulary.
    """
    assert states.ndim == 3, f"states are {tuple(states.shape)}; expected (n, t, d)"
    assert targets.shape == states.shape[:2], f"targets are {tuple(targets.shape)}; expected {tuple(states.shape[:2])}"
    asked = targets != NOT_ASKED
    return cross_entropy(network.logits(states[asked]), targets[asked], smoothing=0.0)


def run(words: Numbers, most: int, rng: np.random.Generator) -> Numbers:
    """A run of at most ``most`` words, drawn at random where there are more."""
    if len(words) <= most:
        return words
    start = int(rng.integers(len(words) - most + 1))
    return words[start : start + most]


def shortened(first: Numbers, second: Numbers, most: int) -> tuple[Numbers, Numbers]:
    """Two sentences of ``most`` words together: the longer one loses its end first, as in BERT."""
    half = most // 2
    kept = max(half, most - len(second))
    first = first[:kept]
    return first, second[: most - len(first)]


def _masked(texts: Sequence[NDArray[Any]], numbers: TokenNumbers, share: float, rng: np.random.Generator) -> Asked:
    ids, there = filled_up(texts)
    eligible = there & (ids != CLASS) & (ids != SEPARATOR)
    shown, targets = mask_tokens(ids, eligible, rng, mask=MASK, words=(numbers.first_word, len(numbers)), share=share)
    return Asked(torch.from_numpy(shown), torch.from_numpy(there), torch.from_numpy(targets))


def _shifted(texts: Sequence[NDArray[Any]]) -> Asked:
    """Every token asks for the one after it."""
    ids, there = filled_up([text[:-1] for text in texts])
    targets = np.where(there, filled_up([text[1:] for text in texts])[0], NOT_ASKED)
    return Asked(torch.from_numpy(ids), torch.from_numpy(there), torch.from_numpy(targets))


def _check_texts(texts: Sequence[NDArray[Any]]) -> None:
    if not texts or not all(len(text) for text in texts):
        empty = sum(not len(text) for text in texts)
        raise DataError(
            f"there are {len(texts)} texts to learn from, {empty} of them without a token; "
            f"expected at least one, none empty.",
            fix="Leave out texts without words.",
        )
