"""torch, for modules that are made of it; importing this says what to install where it is missing."""

from __future__ import annotations

from goodsense.errors import DependencyError

try:
    import torch
except ImportError as error:
    raise DependencyError("training networks needs torch.", fix="pip install 'goodsense[torch]'") from error

nn = torch.nn

__all__ = ["nn", "torch"]
