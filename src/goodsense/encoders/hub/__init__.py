"""Pretrained models, named ``hub:`` and a folder or repository: one adapter per interface, one row per architecture.

:mod:`~goodsense.encoders.hub.families` is the table, :mod:`~goodsense.encoders.hub.loading` finds and loads models.
"""

from __future__ import annotations

from goodsense.encoders.hub.cards import ModelCard, describe_model
from goodsense.encoders.hub.loading import allow_downloads

__all__ = ["PREFIX", "ModelCard", "allow_downloads", "describe_model", "encoder_class"]

PREFIX = "hub:"
_CLASSES = {
    "text": "goodsense.encoders.hub.text:HubTextEncoder",
    "image": "goodsense.encoders.hub.image:HubImageEncoder",
    "image+text": "goodsense.encoders.hub.image_text:HubImageTextEncoder",
    "audio": "goodsense.encoders.hub.audio:HubAudioEncoder",
    "audio+text": "goodsense.encoders.hub.audio:HubAudioTextEncoder",
    "video": "goodsense.encoders.hub.video:HubVideoEncoder",
    "video+text": "goodsense.encoders.hub.video:HubVideoTextEncoder",
}


def encoder_class(modality: str, source: str) -> str:
    """The place of the class that reads values of a modality by the model ``source``, as ``module:class``.

    Raises
    ------
    DependencyError
        If the model is not here or not whole.
    UsageError
        If there are no models for the modality, or this one is for something else.
    """
    from goodsense.encoders.hub.families import MODALITIES, interfaces_of
    from goodsense.encoders.hub.loading import find_model
    from goodsense.errors import UsageError

    interfaces = interfaces_of(modality)
    if not interfaces:
        kinds = ", ".join(dict.fromkeys(MODALITIES.values()))
        raise UsageError(f"there are no models of the hub for {modality!r}; there are for {kinds}.")
    return _CLASSES[find_model(source, *interfaces).family.interface]
