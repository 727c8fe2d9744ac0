"""Blocks of different widths brought to one, by linear maps that are learned once or drawn from a seed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from goodsense.errors import UsageError
from goodsense.fusion.blocks import Given

Widths: TypeAlias = Literal["pca", "orthogonal", "keep"]
WIDTHS: tuple[Widths, ...] = get_args(Widths)

Matrix: TypeAlias = NDArray[np.float64]


def common_maps(
    given: Mapping[str, Given], *, dim: int | None, widths: Widths, seed: int
) -> dict[str, NDArray[np.float32]]:
    """One linear map per block, ``(d, dim)``; without ``dim`` the widest block sets it.

    ``pca`` keeps the leading directions of a block and then turns them by an orthogonal matrix that is drawn for that
    block: principal components come in the order of their variance and with arbitrary signs, so that without the turn
    the strongest direction of one block would be added to the strongest of another, with which it has nothing to do.
    Turned, the directions of two blocks are unrelated, and their cross terms vanish on average (Johnson and
    Lindenstrauss, 1984). ``orthogonal`` only draws, and keeps all directions alike: for blocks of few training rows.
    ``keep`` is for blocks that already share a space, and leaves them as they are.

    Raises
    ------
    UsageError
        If blocks are kept that differ in width.
    """
    dims = {name: rows.vectors.shape[1] for name, rows in given.items()}
    target = dim or max(dims.values())
    if widths == "keep":
        for name, width in dims.items():
            if width != target:
                raise UsageError(
                    f"the block {name!r} has {width} columns and cannot be kept beside {target}.",
                    fix='Bring blocks to one width by widths="pca", or align them (cca, ridge) first.',
                )
        return {name: np.eye(target, dtype=np.float32) for name in given}
    found = {}
    for name, rows in given.items():
        turn = orthogonal(min(dims[name], target), target, block_random(name, seed))
        if widths == "pca":
            turn = leading(rows.vectors[rows.present], len(turn), seed=seed) @ turn
        elif dims[name] > target:
            turn = orthogonal(target, dims[name], block_random(name, seed)).T
        found[name] = turn.astype(np.float32)
    return found


def block_random(name: str, seed: int) -> np.random.Generator:
    """A generator of a block's own, so that what is drawn for it does not depend on the other blocks."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def orthogonal(rows: int, columns: int, random: np.random.Generator) -> Matrix:
    """Orthonormal rows ``(rows, columns)``, uniformly at random (Mezzadri, 2007); ``rows`` is at most ``columns``."""
    drawn = random.standard_normal((columns, rows))
    basis, triangle = np.linalg.qr(drawn)
    return np.asarray((basis * np.where(np.diag(triangle) < 0, -1.0, 1.0)).T)


def leading(rows: NDArray[np.floating], count: int, *, seed: int) -> Matrix:
    """The directions in which rows ``(n, d)`` are longest, as orthonormal columns ``(d, count)``, strongest first.

    These are principal components where the rows are centred. Where the rows span fewer than ``count`` directions,
    as one product does, seeded ones complete the basis, so that products not yet seen keep what is new about them.
    Signs are fixed: the largest entry of each learned column is positive.
    """
    exact = rows.astype(np.float64)
    tall = exact.shape[0] >= exact.shape[1]
    squares, vectors = np.linalg.eigh(exact.T @ exact if tall else exact @ exact.T)
    order = np.argsort(-squares, kind="stable")[:count]
    order = order[squares[order] > max(float(squares.max(initial=0.0)) * 1e-10, 1e-12)]
    found = vectors[:, order] if tall else exact.T @ (vectors[:, order] / np.sqrt(squares[order]))
    return _completed(signed(found), count, seed)


def signed(columns: Matrix) -> Matrix:
    """Columns with the largest entry of each positive."""
    if not columns.size:
        return columns
    return np.asarray(columns * np.sign(columns[np.abs(columns).argmax(axis=0), np.arange(columns.shape[1])]))


def _completed(columns: Matrix, count: int, seed: int) -> Matrix:
    """Orthonormal columns ``(d, r)`` with seeded ones beside them: ``(d, count)``."""
    lacking = count - columns.shape[1]
    if lacking <= 0:
        return columns
    drawn = np.random.default_rng(seed).standard_normal((len(columns), lacking))
    drawn -= columns @ (columns.T @ drawn)
    more, _ = np.linalg.qr(drawn - columns @ (columns.T @ drawn))  # twice is enough (Parlett, 1980)
    return np.concatenate([columns, more], axis=1)
