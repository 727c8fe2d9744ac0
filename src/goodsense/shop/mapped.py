"""Feeds that a mapping file describes: a source read with it, or the API that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goodsense.catalog.feeds import Feed, read_feed
from goodsense.errors import UsageError
from goodsense.media.fetch import Fetcher, FetchPolicy
from goodsense.shop.sources import FeedFile
from goodsense.tables import Rejects


@contextmanager
def opened_feed(file: FeedFile, directory: Path, *, rejects: Rejects, policy: FetchPolicy) -> Iterator[Feed]:
    """The feed of a file, by its mapping file if it has one; a mapping file with ``[api]`` is a feed itself.

    Parameters
    ----------
    directory
        The shop's; pages of an API are kept below it until all are read.

    Raises
    ------
    UsageError
        If the mapping file is wrong, or other ways of reading are asked for beside it.
    DataError
        If the feed cannot be read.
    """
    source = file.source
    if source.mapping_file is None and not _is_api(file.path):
        yield read_feed(
            file.path, format=source.format, mapping=source.mapping, rejects=rejects, currency=source.currency
        )
        return
    if source.mapping or source.format != "auto":
        raise UsageError(
            f"{file.name}: a mapping file says all about fields and format.", fix="Leave --map and --format out."
        )
    from goodsense.tables.mapping import load_mapping

    if source.mapping_file is not None:
        from goodsense.catalog.feeds.mapped import read_mapped

        yield read_mapped(file.path, load_mapping(source.mapping_file), rejects=rejects, currency=source.currency)
        return
    from goodsense.catalog.feeds.api import policy_of, read_api

    mapping = load_mapping(file.path)
    if mapping.api is None:
        raise UsageError(
            f"{file.path}: this is a mapping file without [api], no feed.",
            fix=f"Give the data too: goodsense ingest SHOP DATA --mapping {file.path}",
        )
    with Fetcher(policy_of(mapping.api, policy)) as fetcher:
        yield read_api(
            mapping, fetcher=fetcher, folder=directory / "fetch" / "api", rejects=rejects, currency=source.currency
        )


def _is_api(path: Path) -> bool:
    if path.suffix.lower() != ".toml" or not path.is_file():
        return False
    from goodsense.tables.mapping import is_mapping

    return is_mapping(path)
