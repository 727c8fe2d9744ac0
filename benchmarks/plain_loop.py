"""A plain torch loop over the network of a trained fusion, written out: what our trainer is measured against.

Towers of linear layers, the mean of the tokens that are there, and cross entropy between views of the batch; no groups,
no report, no checkpoint, no choice of anything.
"""

from __future__ import annotations

import math
import time
from itertools import combinations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from goodsense.types import Vectors

WIDTH, HIDDEN, DROPOUT, RATE, DECAY, CLIP = 256, 2048, 0.2, 1e-3, 0.05, 5.0


def towers(dims: list[int]) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(dim, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, WIDTH),
        )
        for dim in dims
    )


def plain_loop(rows: list[Vectors], present: np.ndarray, *, steps: int, batch: int, seed: int) -> float:
    """Train for some steps; gives processor seconds per step."""
    torch.manual_seed(seed)
    network = towers([own.shape[1] for own in rows])
    logarithm = nn.Parameter(torch.tensor(math.log(0.07)))
    optimiser = torch.optim.AdamW([*network.parameters(), logarithm], lr=RATE, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=steps + 1)
    given = [torch.from_numpy(own) for own in rows]
    there = torch.from_numpy(present)
    order = torch.randperm(len(there))
    started = time.process_time()
    for step in range(steps):
        picked = order[step * batch : (step + 1) * batch]
        loss = contrasts(network, [own[picked] for own in given], there[picked], logarithm.exp())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*network.parameters(), logarithm], CLIP)
        optimiser.step()
        rates.step()
        if not math.isfinite(loss.item()):
            raise SystemExit("the plain loop diverged")
    return (time.process_time() - started) / steps


def contrasts(
    network: nn.ModuleList, rows: list[torch.Tensor], there: torch.Tensor, temperature: torch.Tensor
) -> torch.Tensor:
    """A random part of each product against the rest, that against the whole, and every block against every other."""
    made = [tower(own) for tower, own in zip(network, rows, strict=True)]
    tokens = functional.normalize(torch.stack(made, dim=1), dim=2)  # (b, B, D)
    left = there & (torch.rand(there.shape) < 0.5)
    right, blocks = there & ~left, tokens.shape[1]
    views = [left, right, there, *(there & one for one in torch.eye(blocks, dtype=torch.bool))]
    a, b, whole, *alone = (functional.normalize((tokens * view[:, :, None]).mean(dim=1), dim=1) for view in views)
    total = both_ways(a, b, temperature) + both_ways(b, whole, temperature)
    across = []
    for i, j in combinations(range(blocks), 2):
        both = there[:, i] & there[:, j]
        across.append(both_ways(alone[i][both], alone[j][both], temperature))
    return total + torch.stack(across).mean()


def both_ways(a: torch.Tensor, b: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    scores, own = a @ b.T / temperature, torch.arange(len(a))
    return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2
