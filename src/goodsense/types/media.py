"""Typed references to media. A ``str`` is always text; a picture is an ``ImageRef``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

Modality: TypeAlias = Literal["text", "image", "audio", "video", "attributes", "reviews", "behaviour"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True, slots=True)
class MediaRef:
    """Where one picture, sound or clip comes from.

    ``uri`` is what the feed said: a path relative to the feed or an http(s) URL. ``sha256`` names the bytes in the
    shop's own media store once they are there; until then the medium is "not fetched".
    """

    modality: ClassVar[Modality]
    uri: str
    sha256: str | None = None

    @property
    def is_url(self) -> bool:
        return self.uri.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class ImageRef(MediaRef):
    modality: ClassVar[Modality] = "image"


@dataclass(frozen=True, slots=True)
class AudioRef(MediaRef):
    modality: ClassVar[Modality] = "audio"


@dataclass(frozen=True, slots=True)
class VideoRef(MediaRef):
    modality: ClassVar[Modality] = "video"


REF_TYPES: dict[Modality, type[MediaRef]] = {"image": ImageRef, "audio": AudioRef, "video": VideoRef}


def media_to_json(ref: MediaRef) -> dict[str, str]:
    """A reference as a plain dictionary; :func:`media_from_json` gives it back."""
    found = {"kind": ref.modality, "uri": ref.uri}
    if ref.sha256:
        found["sha256"] = ref.sha256
    return found


def media_from_json(data: Mapping[str, str]) -> MediaRef:
    """The reference that :func:`media_to_json` wrote."""
    return REF_TYPES[data["kind"]](data["uri"], data.get("sha256"))  # type: ignore[index]
