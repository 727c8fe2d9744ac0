"""A cleaning plan: steps in a TOML file that people read, change and run."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, ValidationError

from goodsense.errors import DataError, GoodsenseError, UsageError
from goodsense.quality.cleaning.numbers import Outliers, Units
from goodsense.quality.cleaning.products import Deduplicate, Drop, DropMedia, MergeVariants, SplitVariants
from goodsense.quality.cleaning.step import Step
from goodsense.quality.cleaning.texts import Case, Html, Mojibake, Redact, Script, Whitespace, Width
from goodsense.quality.cleaning.values import DropValues, Fill, Rename, Set, Spelling

AnyStep = Annotated[
    Whitespace
    | Width
    | Html
    | Mojibake
    | Case
    | Script
    | Redact
    | Spelling
    | Rename
    | DropValues
    | Set
    | Fill
    | Units
    | Outliers
    | Drop
    | DropMedia
    | Deduplicate
    | MergeVariants
    | SplitVariants,
    Discriminator("do"),
]
STEPS: dict[str, type[Step]] = {
    step.model_fields["do"].default: step
    for step in (
        *(
            Whitespace,
            Width,
            Html,
            Mojibake,
            Case,
            Script,
            Redact,
            Spelling,
            Rename,
            DropValues,
            Set,
            Fill,
            Units,
            Outliers,
        ),
        *(Drop, DropMedia, Deduplicate, MergeVariants, SplitVariants),
    )
}
_LARGEST = 64 << 20
_HEAD = """\
# A cleaning plan for goodsense. Steps run from top to bottom; nothing happens before `goodsense clean SHOP --apply`.
# Change what you like, delete a step, or set `on = false` to leave it out. `goodsense clean SHOP --undo` brings
# everything back. Steps: {steps}.
"""


class Plan(BaseModel):
    """Steps in the order in which they run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    step: tuple[AnyStep, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are on."""
        return tuple(step for step in self.step if step.on)

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Plan:
        """A plan of these steps."""
        return cls.model_validate({"step": [step.model_dump(by_alias=True) for step in steps]})

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan.

        Raises
        ------
        UsageError
            If there is no such file.
        DataError
            If it is no TOML or no plan; names step, key, what was found and what was expected.
        """
        try:
            if path.stat().st_size > _LARGEST:
                raise DataError(f"{path}: larger than {_LARGEST >> 20} MiB.", fix="Is it a plan? Make smaller ones.")
            text = path.read_text("utf-8")
        except FileNotFoundError as error:
            raise UsageError(f"there is no plan {path}.", fix="Make one: goodsense clean SHOP --plan") from error
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: no readable text ({error}).", fix="Save it as UTF-8.") from error
        return cls.parse(text, name=str(path))

    @classmethod
    def parse(cls, text: str, *, name: str = "the plan") -> Plan:
        """Read a plan from TOML text."""
        try:
            data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise DataError(f"{name}: no valid TOML ({error}).", fix="Mend that line.") from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _explained(name, data, error) from error
        except GoodsenseError as error:
            raise DataError(f"{name}: {error.message}", fix=error.fix) from error

    def to_toml(self) -> str:
        """The plan as TOML, settings that are the default left out."""
        head = _HEAD.format(steps=", ".join(STEPS))
        return "\n".join([f"{head}\nformat = {self.format}", *map(_step_toml, self.step)]).rstrip() + "\n"


def _step_toml(step: Step) -> str:
    import tomli_w

    settings = _plain(step.model_dump(by_alias=True, exclude_defaults=True, exclude_none=True))
    plain = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    lines = ["", "[[step]]", tomli_w.dumps({"do": step.do} | plain)]
    lines += [f"[step.{name}]\n{tomli_w.dumps(value)}" for name, value in tables.items()]
    return "\n".join(line.rstrip("\n") for line in lines)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _explained(name: str, data: dict[str, Any], error: ValidationError) -> DataError:
    problem = error.errors()[0]
    where = [str(part) for part in problem["loc"]]
    if where[:1] == ["step"] and len(where) > 1 and where[1].isdigit():
        number = int(where[1])
        listed = data["step"][number] if isinstance(data.get("step"), list) else {}
        do = listed.get("do") if isinstance(listed, dict) else None
        if problem["type"].startswith("union_tag"):
            near = difflib.get_close_matches(str(do), list(STEPS), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return DataError(
                f"{name}: step {number + 1} does {str(do)[:80]!r}, which no step is called.",
                fix=f"{hint}Steps: {', '.join(STEPS)}.".capitalize(),
            )
        place, key = f"step {number + 1} ({do})", ".".join(where[3:])
        known = [field.alias or key for key, field in STEPS[str(do)].model_fields.items()] if do in STEPS else []
    else:
        place, key, known = "the plan", ".".join(where), list(Plan.model_fields)
    if problem["type"] == "extra_forbidden":
        return DataError(f"{name}: {place} has the unknown key {key[:80]!r}.", fix=f"Known keys: {', '.join(known)}.")
    found = str(problem.get("input"))[:120]
    about = f", key {key!r}" if key else ""
    return DataError(f"{name}: {place}{about}: {problem['msg']}; found {found!r}.", fix="Mend this step of the plan.")
