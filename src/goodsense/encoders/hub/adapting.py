"""Trainings of low-rank adapters (:mod:`goodsense.encoders.hub.adapters`): pairs of texts, hidden words, pictures.

The model itself stays frozen and in evaluation mode; its preprocessing, prefixes and pooling are those of the encoders.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from goodsense.encoders.hub.adapters import ADAPTED, Adapter, LowRank, injected
from goodsense.encoders.hub.image import HubImageEncoder
from goodsense.encoders.hub.image_text import HubImageTextEncoder
from goodsense.encoders.hub.loading import ModelFolder, find_model, load_network
from goodsense.encoders.hub.sentence import read_layout
from goodsense.encoders.hub.text import capacity
from goodsense.encoders.hub.tokens import Tokens, padded
from goodsense.encoders.hub.towers import text_network
from goodsense.encoders.text_pairs import LEAST_BATCH, TextPairs
from goodsense.errors import DataError, UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.corruption import NOT_ASKED, SHARE, mask_tokens
from goodsense.learning.heads import cross_entropy
from goodsense.learning.history import History
from goodsense.learning.losses import info_nce
from goodsense.learning.low_rank import thin_arrays
from goodsense.learning.networks import checked_device, seeded
from goodsense.learning.schedules import Schedule
from goodsense.learning.stepping import Precision
from goodsense.learning.trainer import train
from goodsense.learning.transformer import Told
from goodsense.progress import Progress, silent
from goodsense.types import Image

LOW_RANK = LowRank()
SCHEDULE = Schedule(epochs=3, batch=64, rate=1e-3)
TEMPERATURE = 0.05
MAX_TOKENS = 128  # of a text in training
_NOTHING = History((), (), (), None, 0, "epochs", False)

Inputs: TypeAlias = dict[str, torch.Tensor]


def adapt_texts(
    source: str,
    pairs: TextPairs,
    *,
    settings: LowRank = LOW_RANK,
    schedule: Schedule = SCHEDULE,
    temperature: float = TEMPERATURE,
    max_tokens: int = MAX_TOKENS,
    seed: int = 0,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> Adapter:
    """Adapt a model of texts to pairs that belong together, by contrast with the other pairs of a batch.

    Parameters
    ----------
    source
        The model: a local folder, or a repository of the hub.
    pairs
        Such as :meth:`TextPairs.of` finds in a catalog. The left texts are read as queries, the right ones as passages;
        pairs of a text with itself teach nothing here and are left out.
    settings, schedule, temperature, max_tokens
        What is adapted, how long and how fast, the temperature of the contrast, and how many tokens of a text are read.
    seed, precision, device, progress
        As :func:`goodsense.learning.trainer.train` has them.

    Raises
    ------
    DependencyError, UsageError
        If the model is not here or none for texts, or has no layer that the settings name.
    DataError
        If there are no two pairs of different texts of one kind.
    """
    folder = find_model(source, "text")
    pairs = _different(pairs)
    if not pairs.steps(schedule.batch):
        raise DataError("there are no pairs of different texts to learn from.", fix="Give products a second field.")
    layout, tokens, network = read_layout(folder), Tokens.of(folder), load_network(folder)
    found = injected(network, settings, seed=seed)
    tower = text_network(network, layout.poolings, layout.dense)
    limit = min(max_tokens, capacity(folder, layout))

    def read(rows: NDArray[np.int64], prefix: str) -> Inputs:
        texts = [prefix + " ".join(pairs.texts[row].split()) for row in rows.tolist()]
        return _numbered([text.lower() for text in texts] if layout.lower else texts, tokens, limit)

    def batches(_: int, rng: np.random.Generator) -> Iterator[tuple[Inputs, Inputs, torch.Tensor]]:
        for batch in pairs.batches(schedule.batch, rng):
            equal = torch.from_numpy(pairs.equal(batch))
            yield read(pairs.left[batch], layout.query), read(pairs.right[batch], layout.passage), equal

    def loss(batch: tuple[Inputs, Inputs, torch.Tensor]) -> torch.Tensor:
        left, right, equal = batch
        return info_nce(tower(**left), tower(**right), equal, temperature=temperature, same="ignored")

    course = {"precision": precision, "device": device, "progress": progress}
    stage = f"adapt texts, {folder.hash[:8]}"
    history = _taught(stage, tower, found, (), batches, loss, schedule, pairs.steps(schedule.batch), seed, **course)
    return _adapter(folder, settings, found, history)


def adapt_words(
    source: str,
    texts: Sequence[str],
    *,
    settings: LowRank = LOW_RANK,
    schedule: Schedule = SCHEDULE,
    share: float = SHARE,
    max_tokens: int = MAX_TOKENS,
    seed: int = 0,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> Adapter:
    """Adapt a model of texts to a shop's language: hidden words are guessed (masked language modelling).

    The model's own head tells the words where its weights have one. Else a head over its table of words learns beside
    the adapter and is thrown away after. Other parameters and errors are those of :func:`adapt_texts`.

    Parameters
    ----------
    texts
        At least one that is not empty.
    share
        Of the words are asked for.
    """
    folder = find_model(source, "text")
    layout, tokens = read_layout(folder), Tokens.of(folder)
    if tokens.mask is None:
        raise UsageError(
            f"the model {folder.name!r} has no token that hides a word.",
            fix="Adapt it to pairs of texts instead.",
        )
    filled = [" ".join(text.split()) for text in texts if text.strip()]
    if not filled:
        raise DataError("there are no texts to learn from.", fix="Give texts that are not empty.")
    limit = min(max_tokens, capacity(folder, layout))
    network, guesser = guessing(folder, seed)
    found = injected(network, settings, seed=seed)
    words = network.get_input_embeddings().weight.shape[0]

    def batches(_: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
        order = rng.permutation(len(filled)).tolist()
        for start in range(0, len(order), schedule.batch):
            chosen = [filled[row] for row in order[start : start + schedule.batch]]
            given = _numbered([text.lower() for text in chosen] if layout.lower else chosen, tokens, limit)
            ids, there = given["ids"].numpy(), given["mask"].numpy() > 0
            eligible = there & ~np.isin(ids, sorted(tokens.special))
            shown, targets = mask_tokens(ids, eligible, rng, mask=int(tokens.mask or 0), words=(0, words), share=share)
            yield {**given, "ids": torch.from_numpy(shown), "targets": torch.from_numpy(targets)}

    def loss(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        asked = batch["targets"] != NOT_ASKED
        logits = guesser(batch["ids"], batch["mask"], asked)
        return cross_entropy(logits, batch["targets"][asked], smoothing=0.0)

    course = {"precision": precision, "device": device, "progress": progress}
    stage = f"adapt words, {folder.hash[:8]}"
    steps = math.ceil(len(filled) / schedule.batch)
    history = _taught(stage, guesser, found, guesser.learning, batches, loss, schedule, steps, seed, **course)
    return _adapter(folder, settings, found, history)


def adapt_pictures(
    source: str,
    pictures: Sequence[Image],
    partners: Sequence[Image] | Sequence[str],
    groups: NDArray[np.int64] | None = None,
    *,
    settings: LowRank = LOW_RANK,
    schedule: Schedule = SCHEDULE,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    precision: Precision | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> Adapter:
    """Adapt a model of pictures to pairs: another picture of each product, or its text where the model has both towers.

    Other parameters and errors are those of :func:`adapt_texts`.

    Parameters
    ----------
    pictures, partners
        ``n`` pictures ``(h, w, 3)`` uint8, and as many pictures or texts.
    groups
        ``(n,)``: pairs of one group are no contrast to each other, but belong together; None: each is a group.
    """
    if len(partners) != len(pictures) or len(pictures) < LEAST_BATCH:
        raise DataError(
            f"there are {len(pictures)} pictures and {len(partners)} partners; expected as many, two or more."
        )
    worded = isinstance(partners[0], str)
    folder = find_model(source, *(("image+text",) if worded else ("image", "image+text")))
    if folder.model_type == "vgg":
        raise UsageError(f"the model {folder.name!r} has convolutions alone, and no linear layer to adapt.")
    encoder: Any = (HubImageEncoder if folder.family.interface == "image" else HubImageTextEncoder)(source=source)
    found = injected(encoder._network, settings, seed=seed)
    see = encoder._original()
    read = encoder._words.original(encoder._network) if worded else see
    numbers = np.arange(len(pictures)) if groups is None else np.asarray(groups, dtype=np.int64)

    def side(values: Sequence[Any], rows: Sequence[int]) -> list[torch.Tensor]:
        chosen = [values[row] for row in rows]
        if isinstance(chosen[0], str):
            given, names = encoder._words.inputs_of(chosen), read.inputs
        else:
            given, names = encoder._inputs([encoder.describe(picture) for picture in chosen]), see.inputs
        return [torch.from_numpy(np.ascontiguousarray(given[name])) for name in names]

    def batches(_: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any, torch.Tensor]]:
        for rows in _in_batches(rng.permutation(len(pictures)), schedule.batch):
            chosen = rows.tolist()
            yield side(pictures, chosen), side(partners, chosen), torch.from_numpy(numbers[rows])

    def loss(batch: tuple[Any, Any, torch.Tensor]) -> torch.Tensor:
        left, right, same = batch
        return info_nce(see.network(*left), read.network(*right), same, temperature=temperature)

    course = {"precision": precision, "device": device, "progress": progress}
    stage = f"adapt pictures, {folder.hash[:8]}"
    steps = len(_in_batches(numbers, schedule.batch))
    history = _taught(stage, encoder._network, found, (), batches, loss, schedule, steps, seed, **course)
    return _adapter(folder, settings, found, history)


class _Guesser(nn.Module):  # type: ignore[misc]
    """Tokens ``(n, t)`` to scores ``(m, words)`` of those that are asked for ``(n, t)``, by the model's own head."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.learning: tuple[Any, ...] = ()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask).logits[asked]


class _FreshGuesser(nn.Module):  # type: ignore[misc]
    """The same by a head that learns, over the model's own table of words."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.table = network.get_input_embeddings().weight
        self.told = Told(int(network.config.hidden_size), len(self.table), table_width=self.table.shape[1])
        self.learning = (self.told,)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state  # (n, t, d)
        found: torch.Tensor = self.told(states[asked], self.table)
        return found


def guessing(folder: ModelFolder, seed: int) -> tuple[Any, Any]:
    """A model's network without a head, and what guesses words by it: the model's own head, or one that learns."""
    try:
        model = load_network(folder, model="AutoModelForMaskedLM")
    except DataError:  # no such head, in the weights or at all
        network = load_network(folder)
        with seeded(seed):
            return network, _FreshGuesser(network)
    return model.base_model, _Guesser(model)


def _taught(
    stage: str,
    network: Any,
    found: dict[str, Any],
    extras: Iterable[Any],
    batches: Any,
    loss: Any,
    schedule: Schedule,
    steps: int,
    seed: int,
    *,
    device: str | torch.device,
    **course: Any,
) -> History:
    """Train the thin layers and the extras alone; without any there is nothing to learn.

    The stage names the model, which is no part of what learns, so that checkpoints of two models are told apart.
    """
    if not found:
        return _NOTHING
    network.to(checked_device(device))
    learning = nn.ModuleList([*(layer.thin for layer in found.values()), *extras])
    return train(learning, batches, loss, schedule, steps=steps, seed=seed, device=device, stage=stage, **course)


def _adapter(folder: ModelFolder, settings: LowRank, found: dict[str, Any], history: History) -> Adapter:
    assert folder.family.interface in ADAPTED
    return Adapter(folder.name, folder.hash, settings, thin_arrays(found), history)


def _numbered(texts: Sequence[str], tokens: Tokens, limit: int) -> Inputs:
    rows = [row or [tokens.padding] for row in tokens.numbers(texts, limit=limit)]
    ids, mask = padded(rows, tokens.padding)
    return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask)}


def _different(pairs: TextPairs) -> TextPairs:
    kept = pairs.left != pairs.right
    return TextPairs(pairs.texts, pairs.left[kept], pairs.right[kept], pairs.kind[kept], pairs.kinds)


def _in_batches(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """In order; a last batch of one has nothing to be told apart from and is left out."""
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    return [part for part in parts if len(part) >= LEAST_BATCH]
