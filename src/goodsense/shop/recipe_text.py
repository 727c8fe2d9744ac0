"""Recipes for people: one written out with what every table means, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from goodsense.shop.recipe import Recipe, toml_key, toml_value

WIDTH = 110


@dataclass(frozen=True)
class Difference:
    """One key that two recipes set differently; None where a recipe has no such key."""

    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        before, after = ("(none)" if value is None else toml_value(value) for value in (self.before, self.after))
        return f"{self.key}: {before} -> {after}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def recipe_differences(before: Recipe, after: Recipe) -> tuple[Difference, ...]:
    """Every key whose value differs, in the order of the recipe."""
    old, new = (dict(_flat(recipe.model_dump(mode="json"))) for recipe in (before, after))
    keys = list(dict.fromkeys([*old, *new]))
    return tuple(Difference(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))


def commented(recipe: Recipe) -> str:
    """The recipe as TOML with every default written out, what its tables mean, and what a changed key would be."""
    usual = dict(_flat(Recipe().model_dump(mode="json")))
    lines = list(_lines(recipe.model_dump(mode="json"), (), usual))
    meanings = {name: type(getattr(recipe, name)).__doc__ or "" for name in type(recipe).model_fields}
    written = [*_comment(Recipe.__doc__ or "")]
    for line in lines:
        if line.startswith("["):
            name = line[1:].partition("]")[0]
            written += ["", *(_comment(meanings[name]) if name in _TABLES else [])]
        written.append(line)
    return "\n".join(written) + "\n"


_TABLES = tuple(name for name, value in Recipe() if hasattr(type(value), "model_fields"))


def _lines(table: Mapping[str, Any], path: tuple[str, ...], usual: Mapping[str, Any]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield f"[{'.'.join(map(toml_key, path))}]"
    for key, value in plain.items():
        full = ".".join((*path, key))
        differs = f"  # default: {toml_value(usual[full])}" if full in usual and usual[full] != value else ""
        yield f"{toml_key(key)} = {toml_value(value)}{differs}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _lines(value, (*path, key), usual)


def _flat(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def _comment(text: str) -> list[str]:
    words = " ".join(text.replace("``", "").split())
    return [f"# {line}" for line in wrap(words, WIDTH)]
