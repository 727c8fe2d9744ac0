"""Encoders: values of one modality to vectors. One file per family; what is heavy is imported on use.

Every encoder has ``dim``, ``fingerprint``, ``accepts``, ``fit``, ``encode``, ``encode_query``, ``save`` and ``load``
(:class:`goodsense.types.FittedEncoder`).
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goodsense.encoders.hub import PREFIX as HUB
from goodsense.encoders.hub import encoder_class
from goodsense.errors import UsageError
from goodsense.types import FittedEncoder, Modality

__all__ = ["ENCODERS", "encoder_options", "load_encoder", "make_encoder", "parts_of"]

ENCODERS: Mapping[tuple[Modality, str], str] = {
    ("text", "lsa"): "goodsense.encoders.lsa:LsaEncoder",
    ("text", "sketch"): "goodsense.encoders.sketch:SketchEncoder",
    ("text", "word2vec"): "goodsense.encoders.word2vec:Word2VecEncoder",
    ("text", "glove"): "goodsense.encoders.glove:GloveEncoder",
    ("text", "bag"): "goodsense.encoders.bag:BagEncoder",
    ("text", "rnn"): "goodsense.encoders.rnn:RnnEncoder",
    ("text", "transformer"): "goodsense.encoders.transformer:TransformerEncoder",
    ("text", "minilm"): "goodsense.encoders.minilm:MiniLmEncoder",
    ("image", "descriptors"): "goodsense.encoders.descriptors:DescriptorsEncoder",
    ("image", "fisher"): "goodsense.encoders.fisher:FisherEncoder",
    ("image", "cnn"): "goodsense.encoders.cnn:CnnEncoder",
    ("audio", "spectral"): "goodsense.encoders.spectral:SpectralEncoder",
    ("audio", "logmel-cnn"): "goodsense.encoders.logmel_cnn:LogMelCnnEncoder",
    ("video", "frames"): "goodsense.encoders.frames:FramesEncoder",
    ("video", "motion"): "goodsense.encoders.motion:MotionEncoder",
    ("video", "conv3d"): "goodsense.encoders.conv3d:Conv3dEncoder",
    ("attributes", "columns"): "goodsense.encoders.attributes:ColumnsEncoder",
    ("reviews", "opinions"): "goodsense.encoders.opinions:OpinionsEncoder",
    ("behaviour", "ppmi"): "goodsense.encoders.ppmi:PpmiEncoder",
    ("behaviour", "als"): "goodsense.encoders.als:AlsEncoder",
}


def make_encoder(
    modality: Modality, name: str, options: Mapping[str, Any] | None = None, *, tokenizer: Any = None
) -> FittedEncoder:
    """Make a fresh encoder, ready to be fitted.

    ``tokenizer`` goes to encoders that cut text into words and is left out for all others.

    Raises
    ------
    UsageError
        For a name or an option that does not exist; the message lists those that do.
    """
    parts = parts_of(modality, name)
    if parts:
        return _joined(modality, name, parts, options or {}, tokenizer)
    kind = _class(modality, name)
    given = dict(options or {})
    known = encoder_options(modality, name)
    for option in given:
        if option not in known:
            raise UsageError(
                f"the {modality} encoder {name!r} has no option {option!r}; it has {', '.join(known) or 'none'}.",
                fix=_nearest(option, known),
            )
    if tokenizer is not None and "tokenizer" in inspect.signature(kind).parameters:
        given["tokenizer"] = tokenizer
    if name.startswith(HUB):
        given["source"] = name.removeprefix(HUB)
    made: FittedEncoder = kind(**given)
    return made


def load_encoder(modality: Modality, name: str, directory: Path) -> FittedEncoder:
    """Load an encoder that was saved into ``directory``."""
    loaded: FittedEncoder = _class(modality, name).load(directory)
    return loaded


def encoder_options(modality: Modality, name: str) -> dict[str, Any]:
    """The options of an encoder and their defaults, in the order of its signature.

    Encoders that are joined have a table of options for each part, and ``weights``.
    """
    parts = parts_of(modality, name)
    if parts:
        return {**{part: encoder_options(modality, part) for part in parts}, "weights": None}
    parameters = inspect.signature(_class(modality, name)).parameters
    hidden = ("tokenizer", "source") if name.startswith(HUB) else ("tokenizer",)
    return {option: found.default for option, found in parameters.items() if option not in hidden}


def parts_of(modality: Modality, name: str) -> tuple[str, ...]:
    """The names of encoders joined by ``+``; none for an encoder by itself.

    The folder of a pretrained model may have a ``+`` in its name: it is split only where encoders are on both sides.
    """
    parts = tuple(part.strip() for part in name.split("+"))
    known = [(modality, part) in ENCODERS or part.startswith(HUB) for part in parts]
    if len(parts) == 1 or (name.startswith(HUB) and not all(known)):
        return ()
    if len(set(parts)) < len(parts):
        raise UsageError(f"the {modality} encoder {name!r} names one of its parts twice.")
    return parts


def _joined(
    modality: Modality, name: str, parts: Sequence[str], options: Mapping[str, Any], tokenizer: Any
) -> FittedEncoder:
    from goodsense.encoders import joined

    known = [*parts, joined.WEIGHTS]
    for option, value in options.items():
        if option not in known:
            raise UsageError(
                f"the {modality} encoder {name!r} has no option {option!r}; it has {', '.join(known)}.",
                fix=f"Options belong to a part: [options.{modality}.{parts[0]}].",
            )
        if not isinstance(value, Mapping):
            raise UsageError(f"the option {option!r} of {name!r} is {value!r}; expected a table.")
    made = {part: make_encoder(modality, part, options.get(part), tokenizer=tokenizer) for part in parts}
    return joined.join(modality, made, options.get(joined.WEIGHTS))


def _class(modality: Modality, name: str) -> Any:
    parts = parts_of(modality, name)
    if parts:
        from goodsense.encoders import joined

        return joined.kind_of([_class(modality, part) for part in parts])
    place = ENCODERS.get((modality, name))
    if name.startswith(HUB):
        place = encoder_class(modality, name.removeprefix(HUB))
    if place is None:
        names = [known for kind, known in ENCODERS if kind == modality]
        if not names:
            kinds = sorted({kind for kind, _ in ENCODERS})
            raise UsageError(f"there is no encoder for {modality!r}; encoders exist for {', '.join(kinds)}.")
        raise UsageError(
            f"there is no {modality} encoder {name!r}; there are {', '.join(names)}.", fix=_nearest(name, names)
        )
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
