"""Encoders: values of one modality to vectors. One file per family; what is heavy is imported on use.

Every encoder has ``dim``, ``fingerprint``, ``accepts``, ``fit``, ``encode``, ``encode_query``, ``save`` and ``load``
(:class:`goodsense.types.FittedEncoder`).
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goodsense.encoders.hub import PREFIX as HUB
from goodsense.encoders.hub import encoder_class
from goodsense.errors import UsageError
from goodsense.types import FittedEncoder, Modality

__all__ = ["ENCODERS", "encoder_options", "load_encoder", "make_encoder"]

ENCODERS: Mapping[tuple[Modality, str], str] = {
    ("text", "lsa"): "goodsense.encoders.lsa:LsaEncoder",
    ("text", "word2vec"): "goodsense.encoders.word2vec:Word2VecEncoder",
    ("text", "glove"): "goodsense.encoders.glove:GloveEncoder",
    ("text", "bag"): "goodsense.encoders.bag:BagEncoder",
    ("text", "rnn"): "goodsense.encoders.rnn:RnnEncoder",
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
    """The options of an encoder and their defaults, in the order of its signature."""
    parameters = inspect.signature(_class(modality, name)).parameters
    hidden = ("tokenizer", "source") if name.startswith(HUB) else ("tokenizer",)
    return {option: found.default for option, found in parameters.items() if option not in hidden}


def _class(modality: Modality, name: str) -> Any:
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
