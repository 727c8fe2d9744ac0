"""The contract's cases: every module here has a list ``CASES``."""

from __future__ import annotations

import importlib
import pkgutil

from tests.encoders.case import Case

CASES: list[Case] = [
    case
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__))
    for case in importlib.import_module(f"{__name__}.{module}").CASES
]
