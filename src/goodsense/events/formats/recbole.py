"""Interactions as RecBole keeps them: tables with tabs whose columns name their types (``user_id:token``).

Follows https://recbole.io/docs/user_guide/data/atomic_files.html. They are read as any table, the types left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME = "recbole"
TITLE = "an atomic file of RecBole"
_TYPED = re.compile(r".+:(?:token|token_seq|float|float_seq)")


def is_own(header: Sequence[str]) -> bool:
    """Whether all columns name a type of RecBole."""
    return bool(header) and all(_TYPED.fullmatch(name) for name in header)
