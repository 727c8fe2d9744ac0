"""The small networks of the ``conv3d`` encoder, over space and time at once. torch is imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goodsense.learning.networks import need_torch

KINDS = ("3d", "2+1d")
NEEDED_FOR = "the video encoder 'conv3d'"


def clip_network(kind: str, width: int, sizes: Mapping[str, int], *, sketch: int = 64) -> Any:
    """A residual network over clips (Tran & others, CVPR 2018) of three stages: ``width``, 2 and 4 times ``width``.

    Its forward pass maps clips ``(n, 3, t, h, w)`` to pooled features ``(n, 4 * width)``. ``heads`` tell the classes of
    each field apart, ``sketch`` is what the contrast compares.

    Parameters
    ----------
    kind
        ``3d``: kernels of 3 x 3 x 3; ``2+1d``: each as one over space and one over time with a rectifier between,
        and about as many weights.
    """
    torch = need_torch(NEEDED_FOR)
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                _convolution(torch, kind, before, after, stride),
                nn.BatchNorm3d(after),
                nn.ReLU(inplace=True),
                _convolution(torch, kind, after, after, 1),
                nn.BatchNorm3d(after),
            )
            self.way_round = nn.Identity()
            if stride != 1 or before != after:
                pool = nn.AvgPool3d(stride, ceil_mode=True) if stride != 1 else nn.Identity()
                self.way_round = nn.Sequential(pool, nn.Conv3d(before, after, 1, bias=False), nn.BatchNorm3d(after))
            nn.init.zeros_(self.body[4].weight)  # begins as the identity

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.way_round(x))

    class Network(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(
                nn.Conv3d(3, width, (1, 5, 5), (1, 2, 2), (0, 2, 2), bias=False),
                nn.BatchNorm3d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool3d((1, 2, 2)),
                Block(width, width, 1),
                Block(width, 2 * width, 2),
                Block(2 * width, 4 * width, 2),
            )
            self.dropout = nn.Dropout(0.2)
            self.heads = nn.ModuleList([nn.Linear(4 * width, sizes[name]) for name in sorted(sizes)])
            self.sketch = nn.Sequential(nn.Linear(4 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, sketch))

        def forward(self, x: Any) -> Any:
            return self.trunk(x).mean(dim=(2, 3, 4))  # (n, 4 * width)

    return Network().to(memory_format=torch.channels_last_3d)


def _convolution(torch: Any, kind: str, before: int, after: int, stride: int) -> Any:
    nn = torch.nn
    if kind == "3d":
        return nn.Conv3d(before, after, 3, stride, 1, bias=False)
    between = (27 * before * after) // (9 * before + 3 * after)  # as many weights as the kernel that it stands for
    return nn.Sequential(
        nn.Conv3d(before, between, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(between),
        nn.ReLU(inplace=True),
        nn.Conv3d(between, after, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    )
