"""The command line: the one place, beside the HTTP layer, where errors become text."""

from goodsense.cli.app import main

__all__ = ["main"]
