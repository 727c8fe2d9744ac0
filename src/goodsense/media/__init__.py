"""Media: bytes to arrays safely, the content-addressed store, and preprocessing."""

from goodsense.media.audio import AudioLimits, decode_audio
from goodsense.media.decode import ImageLimits, decode_image
from goodsense.media.sniff import sniff_media
from goodsense.media.store import MediaStore, resolve_media_path
from goodsense.media.video import VideoLimits, decode_video

__all__ = [
    "AudioLimits",
    "ImageLimits",
    "MediaStore",
    "VideoLimits",
    "decode_audio",
    "decode_image",
    "decode_video",
    "resolve_media_path",
    "sniff_media",
]
