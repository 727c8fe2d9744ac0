"""The small residual network of the ``cnn`` encoder, and the two losses it learns from. torch is imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from goodsense.learning.networks import need_torch

if TYPE_CHECKING:
    import torch

SMOOTHING = 0.1  # of the labels: some of a shop's are wrong
TEMPERATURE = 0.1  # of the contrast


def residual_network(width: int, sizes: Mapping[str, int], *, sketch: int = 128) -> Any:
    """A residual network (He et al., CVPR 2016) of four stages with ``width``, 2, 4 and 8 times ``width`` channels.

    Its forward pass maps pictures ``(n, 3, h, w)`` to pooled features ``(n, 8 * width)``. ``heads`` tell the classes of
    each field apart, ``sketch`` is what the contrast compares (Chen et al., SimCLR, ICML 2020).
    """
    torch = need_torch("the image encoder 'cnn'")
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            self.way_round = nn.Identity()
            if stride != 1 or before != after:  # averaged before it is thinned out (He et al., CVPR 2019)
                pool = nn.AvgPool2d(2, ceil_mode=True) if stride == 2 else nn.Identity()
                self.way_round = nn.Sequential(pool, nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))
            nn.init.zeros_(self.body[4].weight)  # begins as the identity

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.way_round(x))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = [nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            before = width
            for stage in range(4):
                after = width * 2**stage
                layers += [Block(before, after, 1 if stage == 0 else 2), Block(after, after, 1)]
                before = after
            self.trunk = nn.Sequential(*layers)
            self.dropout = nn.Dropout(0.2)
            self.heads = nn.ModuleList([nn.Linear(before, sizes[name]) for name in sorted(sizes)])
            self.sketch = nn.Sequential(nn.Linear(before, before), nn.ReLU(), nn.Linear(before, sketch))

        def forward(self, x: Any) -> Any:
            return self.trunk(x).mean(dim=(2, 3))  # (n, 8 * width)

    return Network().to(memory_format=torch.channels_last)


def label_loss(network: Any, features: torch.Tensor, codes: Mapping[str, Any], shares: Any, other: Any) -> torch.Tensor:
    """Cross entropy, the mean over all fields.

    Parameters
    ----------
    features
        ``(n, d)`` of pictures, each ``shares`` ``(n,)`` of itself and the rest of the picture ``other`` ``(n,)``.
    codes
        Field -> classes ``(n,)``; -1 where a picture has none.
    """
    torch = need_torch("the image encoder 'cnn'")
    features = network.dropout(features.float())
    losses = []
    for head, name in zip(network.heads, sorted(codes), strict=True):
        scores, truth = head(features), codes[name]  # (n, classes), (n,)
        one = _cross_entropy(torch, scores, truth)
        two = _cross_entropy(torch, scores, truth[other])
        known = (shares * (truth >= 0) + (1 - shares) * (truth[other] >= 0)).sum()
        losses.append((shares * one + (1 - shares) * two).sum() / known.clamp_min(1e-6))
    return torch.stack(losses).mean()


def _cross_entropy(torch: Any, scores: Any, truth: Any) -> Any:
    """``(n,)``, 0 where there is no label."""
    return torch.nn.functional.cross_entropy(
        scores, truth, ignore_index=-1, label_smoothing=SMOOTHING, reduction="none"
    )


def contrast(sketches: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """The supervised contrastive loss (Khosla et al., NeurIPS 2020): rows of one group are near, all others far.

    With two views per group this is NT-Xent, instance discrimination. Rows alone in their group count for nothing.

    Parameters
    ----------
    sketches
        ``(n, d)``; brought to unit length here.
    groups
        ``(n,)`` whole numbers.
    """
    torch = need_torch("the image encoder 'cnn'")
    unit = torch.nn.functional.normalize(sketches.float(), dim=1)
    alike = unit @ unit.T / TEMPERATURE  # (n, n)
    self_mask = torch.eye(len(unit), dtype=torch.bool)
    alike = alike.masked_fill(self_mask, -1e9)
    share = alike - torch.logsumexp(alike, dim=1, keepdim=True)
    friends = (groups[:, None] == groups[None, :]) & ~self_mask
    counts = friends.sum(dim=1)
    per_row = -(share * friends).sum(dim=1) / counts.clamp_min(1)
    return per_row[counts > 0].mean() if bool((counts > 0).any()) else per_row.sum() * 0
