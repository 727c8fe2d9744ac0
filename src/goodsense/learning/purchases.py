"""Whether somebody who bought these products buys that one: a network over sequences of products' vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import DataError, UsageError
from goodsense.learning.backend import nn, torch
from goodsense.learning.history import History
from goodsense.learning.networks import checked_device, restore, seeded, weights_of
from goodsense.learning.purchase_cases import PurchaseCases
from goodsense.learning.purchase_network import PurchaseNetwork
from goodsense.learning.schedules import Schedule
from goodsense.learning.trainer import train
from goodsense.progress import Progress, silent
from goodsense.types import Embeddings, Vectors, normalise

AT_ONCE = 1_024  # questions answered at a time
STAGE = "train purchases"
Batch = tuple[torch.Tensor, ...]


class PurchasePredictor:
    """Answers :class:`goodsense.learning.purchase_cases.PurchaseCases` from one vector per product.

    Parameters
    ----------
    network
        ``transformer``, ``gru`` or ``lstm``.
    width, layers, heads, dropout
        As :class:`goodsense.learning.purchase_network.PurchaseNetwork`.
    history
        Most products that are looked back on.
    epochs, batch, rate, patience
        How long and how fast; with validation cases the best epoch is kept, and training ends after ``patience``
        epochs that were no better.
    device
        Where to learn and to answer.

    Notes
    -----
    Products' vectors are brought to unit length, and then to about unit size per column.
    """

    def __init__(
        self,
        network: str = "transformer",
        *,
        width: int = 512,
        layers: int = 12,
        heads: int = 8,
        dropout: float = 0.1,
        history: int = 20,
        epochs: int = 10,
        batch: int = 128,
        rate: float = 3e-4,
        patience: int | None = 2,
        device: str = "cpu",
    ) -> None:
        self._shape: dict[str, Any] = {
            "network": network,
            "width": width,
            "layers": layers,
            "heads": heads,
            "dropout": dropout,
        }
        self._shape["longest"] = history
        PurchaseNetwork(1, **{**self._shape, "layers": 1, "width": heads, "heads": heads})
        if batch < 2 or epochs < 0:
            raise UsageError(f"batch and epochs are {batch} and {epochs}; expected at least 2 and 0.")
        self._schedule = Schedule(
            epochs=epochs, batch=batch, rate=rate, decay=0.01, warm_up=0.1, shape="cosine", clip=1.0, patience=patience
        )
        self._device, self._dim = device, 0
        self._network: Any = None
        self.history: History | None = None

    @property
    def parameters(self) -> int:
        """How many numbers the network learns; 0 before the fit."""
        return sum(each.numel() for each in self._network.parameters()) if self._network is not None else 0

    def fit(
        self,
        products: Embeddings,
        cases: PurchaseCases,
        validation: PurchaseCases | None = None,
        *,
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn from questions about these products.

        Raises
        ------
        DataError
            If the cases have one answer only.
        UsageError
            If a case names a product that is not there.
        """
        bought = cases.bought
        if not bought.any() or bought.all():
            raise DataError(
                f"all {len(cases)} cases have the same answer, so there is nothing to tell apart.",
                fix="Give cases that were bought and others that were not.",
            )
        table = self._table(products, cases)
        checked_device(self._device)
        self._dim = products.dim
        with seeded(seed):
            self._network = self._made()
        self.history = train(
            self._network,
            lambda epoch, rng: self._batches(table, cases, rng.permutation(len(cases))),
            self._loss,
            self._schedule,
            steps=math.ceil(len(cases) / self._schedule.batch),
            seed=seed,
            validate=self._validation(products, validation),
            device=self._device,
            progress=progress,
            stage=STAGE,
        )
        return self

    def logits(self, products: Embeddings, cases: PurchaseCases) -> NDArray[np.float64]:
        """``(m,)``: how much speaks for a purchase; 0 is even.

        Raises
        ------
        UsageError
            Before a fit, or if vectors have another width than at the fit.
        """
        if self._network is None:
            raise UsageError("this predictor of purchases was not fitted yet.", fix="Call fit, or load a fitted one.")
        if products.dim != self._dim:
            raise UsageError(f"vectors have {products.dim} columns; the predictor was fitted with {self._dim}.")
        table, found = self._table(products, cases), [np.zeros(0)]
        self._network.to(self._device).eval()
        with torch.inference_mode():
            for batch in self._batches(table, cases, np.arange(len(cases)), size=AT_ONCE):
                given = [part.to(self._device) for part in batch[:3]]
                found.append(self._network(*given).double().cpu().numpy())
        return np.concatenate(found)

    def predict_proba(self, products: Embeddings, cases: PurchaseCases) -> NDArray[np.float64]:
        """``(m,)``; the share of purchases is that of the cases learned from."""
        return 1 / (1 + np.exp(-self.logits(products, cases)))

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings for JSON and arrays for safetensors, to predict with later."""
        if self._network is None:
            raise UsageError("this predictor of purchases was not fitted yet.", fix="Call fit first.")
        return {**self._shape, "dim": self._dim}, weights_of(self._network)

    @classmethod
    def from_parts(cls, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], device: str = "cpu") -> Self:
        """Come back from :meth:`to_parts`."""
        shape = {name: settings[name] for name in ("network", "width", "layers", "heads", "dropout")}
        found = cls(**shape, history=int(settings["longest"]), device=device)
        found._dim = int(settings["dim"])
        found._network = found._made()
        restore(found._network, arrays)
        return found

    def _made(self) -> PurchaseNetwork:
        return PurchaseNetwork(self._dim, **self._shape)

    def _table(self, products: Embeddings, cases: PurchaseCases) -> torch.Tensor:
        """Vectors ``(n + 1, d)``; the last row is of no product, and zero."""
        most = max((int(part.max()) for part in (cases.history, cases.candidates) if part.size), default=-1)
        if most >= len(products):
            raise UsageError(f"a case names the product in row {most}; there are {len(products)}.")
        rows: Vectors = normalise(np.where(products.present[:, None], products.vectors, np.float32(0)))
        scaled = np.float32(products.dim**0.5) * np.concatenate([rows, np.zeros((1, products.dim), np.float32)])
        return torch.from_numpy(scaled)

    def _batches(
        self, table: torch.Tensor, cases: PurchaseCases, order: NDArray[np.int64], size: int | None = None
    ) -> Iterator[Batch]:
        """History ``(b, h, d)`` as long as the longest of the batch, where it is, candidates, and answers."""
        step = size or self._schedule.batch
        for start in range(0, len(order), step):
            some = cases.take(order[start : start + step])
            past = some.history[:, : self._shape["longest"]]
            past = past[:, : int((past >= 0).sum(axis=1).max(initial=0))]
            rows, candidates = torch.from_numpy(past), torch.from_numpy(some.candidates)
            yield table[rows], rows >= 0, table[candidates], torch.from_numpy(some.bought.astype(np.float32))

    def _loss(self, batch: Batch) -> torch.Tensor:
        found: torch.Tensor = nn.functional.binary_cross_entropy_with_logits(
            self._network(*batch[:3]).float(), batch[3]
        )
        return found

    def _validation(self, products: Embeddings, cases: PurchaseCases | None) -> Callable[[], float] | None:
        """Minus the log loss of validation cases."""
        if cases is None or not len(cases):
            return None
        signs = np.where(cases.bought, 1.0, -1.0)
        return lambda: -float(np.logaddexp(0, -signs * self.logits(products, cases)).mean())
