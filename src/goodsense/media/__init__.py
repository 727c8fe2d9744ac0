"""Media: bytes to arrays safely, the content-addressed store, and preprocessing."""

from goodsense.media.decode import ImageLimits, decode_image
from goodsense.media.sniff import sniff_media
from goodsense.media.store import MediaStore, resolve_media_path

__all__ = ["ImageLimits", "MediaStore", "decode_image", "resolve_media_path", "sniff_media"]
