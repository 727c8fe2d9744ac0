"""The architectures that ``hub:`` loads, one row each. A family that is a row needs no code of its own.

The key is ``model_type`` in a model's ``config.json``. A row says which interface the model serves, which class of
transformers holds it, how its states become one vector, and where it departs from its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from goodsense.types import Modality

Interface: TypeAlias = Literal["text", "image", "image+text", "audio", "audio+text", "video", "video+text", "objects"]


@dataclass(frozen=True)
class Family:
    """One architecture.

    Parameters
    ----------
    interface
        What goes in. Models of pictures, sounds or clips with a text tower are found by words, too.
    model
        Class of transformers; ``vgg`` is a network of this package.
    pooling
        How states become a vector. Text: ``mean``, ``cls`` or ``lasttoken``, where the model's own folder says nothing.
        Pictures: ``pooler`` (what the model itself pools) or ``cls``; sounds and clips: ``mean``, ``cls``, ``pooler``.
    version
        Goes up when a change here changes vectors.
    arguments
        For the class, when it is loaded.
    absent
        Regular expression of weights that a file may lack, because they do not reach the vector.
    positions_lost
        Positions of ``max_position_embeddings`` that no token can take.
    text_length
        Texts are padded to so many tokens, and the padding is attended to, as it was in training.
    lower
        Texts are lower-cased, as they were in training.
    plain_size
        What a size of one number means: the ``shortest`` side, or both (``exact``).
    window
        Seconds of sound that the model reads at once.
    scores
        Objects: ``softmax`` over classes and nothing, or ``sigmoid`` per class.
    multiple
        Objects: sides are multiples of so many pixels.
    square
        Objects: pictures are filled up to squares, below and to the right.
    int8
        Whether most of the work is matrix products, which int8 speeds up.
    """

    interface: Interface
    model: str
    pooling: str = "pooler"
    version: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    absent: str = r"(^|\.)pooler\.|position_ids$"
    positions_lost: int = 0
    text_length: int | None = None
    lower: bool = False
    plain_size: Literal["shortest", "exact"] = "exact"
    window: float = 10.0
    scores: Literal["softmax", "sigmoid"] = "softmax"
    multiple: int = 1
    square: bool = False
    int8: bool = True


_NO_POOLER: Mapping[str, Any] = {"add_pooling_layer": False}


def _words(model: str, **more: Any) -> Family:
    return Family("text", model, "mean", **more)


def _causal(model: str, **more: Any) -> Family:
    return Family("text", model, "lasttoken", **more)


def _picture(model: str, pooling: str = "pooler", **more: Any) -> Family:
    return Family("image", model, pooling, **more)


def _convolutional(model: str, **more: Any) -> Family:
    return Family("image", model, "pooler", int8=False, plain_size="shortest", **more)


def _pair(model: str, **more: Any) -> Family:
    return Family("image+text", model, absent=r"position_ids$|logit_(scale|bias)$", plain_size="shortest", **more)


def _objects(model: str, **more: Any) -> Family:
    return Family("objects", model, absent=r"position_ids$|num_batches_tracked$", int8=False, **more)


FAMILIES: Mapping[str, Family] = {
    # texts, read in both directions
    "bert": _words("BertModel", arguments=_NO_POOLER),
    "roberta": _words("RobertaModel", arguments=_NO_POOLER, positions_lost=2),
    "xlm-roberta": _words("XLMRobertaModel", arguments=_NO_POOLER, positions_lost=2),
    "camembert": _words("CamembertModel", arguments=_NO_POOLER, positions_lost=2),
    "distilbert": _words("DistilBertModel"),
    "mpnet": _words("MPNetModel", arguments=_NO_POOLER, positions_lost=2),
    "albert": _words("AlbertModel", arguments=_NO_POOLER),
    "electra": _words("ElectraModel"),
    "ernie": _words("ErnieModel", arguments=_NO_POOLER),
    "deberta": _words("DebertaModel"),
    "deberta-v2": _words("DebertaV2Model"),
    "modernbert": _words("ModernBertModel"),
    "nomic_bert": _words("NomicBertModel", arguments=_NO_POOLER),
    "eurobert": _words("EuroBertModel"),
    # texts, read from left to right
    "gpt2": _causal("GPT2Model"),
    "gpt_neo": _causal("GPTNeoModel"),
    "opt": _causal("OPTModel", positions_lost=2),
    "bloom": _causal("BloomModel"),
    "llama": _causal("LlamaModel"),
    "mistral": _causal("MistralModel"),
    "qwen2": _causal("Qwen2Model"),
    "qwen3": _causal("Qwen3Model"),
    "gemma2": _causal("Gemma2Model"),
    "gemma3_text": _words("Gemma3TextModel"),  # as EmbeddingGemma has it: in both directions
    # texts, the reading half of a translator
    "t5": _words("T5EncoderModel"),
    "mt5": _words("MT5EncoderModel"),
    "umt5": _words("UMT5EncoderModel"),
    # pictures
    "resnet": _convolutional("ResNetModel"),
    "vgg": _convolutional("vgg"),
    "regnet": _convolutional("RegNetModel"),
    "convnext": _convolutional("ConvNextModel"),
    "convnextv2": _convolutional("ConvNextV2Model"),
    "efficientnet": _convolutional("EfficientNetModel"),
    "mobilenet_v1": _convolutional("MobileNetV1Model"),
    "mobilenet_v2": _convolutional("MobileNetV2Model"),
    "vit": _picture("ViTModel", "cls", arguments=_NO_POOLER),
    "deit": _picture("DeiTModel", "cls", arguments=_NO_POOLER),
    "beit": _picture("BeitModel", absent=r"position_ids$|relative_position_index$"),
    "swin": _picture("SwinModel"),
    "swinv2": _picture("Swinv2Model"),
    "dinov2": _picture("Dinov2Model", plain_size="shortest", absent=r"mask_token$"),
    "dinov2_with_registers": _picture("Dinov2WithRegistersModel", plain_size="shortest", absent=r"mask_token$"),
    "dinov3_vit": _picture("DINOv3ViTModel", absent=r"mask_token$"),
    "dinov3_convnext": Family("image", "DINOv3ConvNextModel", int8=False),
    # pictures and texts in one space
    "clip": _pair("CLIPModel"),
    "metaclip_2": _pair("MetaClip2Model"),
    "chinese_clip": _pair("ChineseCLIPModel"),
    "altclip": _pair("AltCLIPModel"),
    "siglip": _pair("SiglipModel", text_length=64, lower=True),
    "siglip2": _pair("Siglip2Model", text_length=64, lower=True, int8=False),
    "align": _pair("AlignModel", int8=False),
    # sounds
    "wav2vec2": Family("audio", "Wav2Vec2Model", "mean", absent="masked_spec_embed", window=20.0),
    "hubert": Family("audio", "HubertModel", "mean", absent="masked_spec_embed", window=20.0),
    "wavlm": Family("audio", "WavLMModel", "mean", absent="masked_spec_embed", window=20.0),
    "data2vec-audio": Family("audio", "Data2VecAudioModel", "mean", absent="masked_spec_embed", window=20.0),
    "audio-spectrogram-transformer": Family("audio", "ASTModel", "pooler", window=10.24),
    "whisper": Family("audio", "WhisperModel", "mean", window=30.0),
    # sounds and texts in one space
    "clap": Family("audio+text", "ClapModel", absent=r"position_ids$|logit_scale|num_batches_tracked$", window=10.0),
    # clips
    "videomae": Family("video", "VideoMAEModel", "mean", plain_size="shortest"),
    "timesformer": Family("video", "TimesformerModel", "cls", plain_size="shortest"),
    "vivit": Family("video", "VivitModel", "cls", arguments=_NO_POOLER, plain_size="shortest"),
    # clips and texts in one space
    "xclip": Family("video+text", "XCLIPModel", absent=r"position_ids$|logit_scale", plain_size="shortest"),
    # objects in pictures
    "yolos": _objects("YolosForObjectDetection", plain_size="shortest", multiple=16),
    "detr": _objects("DetrForObjectDetection", plain_size="shortest"),
    "conditional_detr": _objects("ConditionalDetrForObjectDetection", plain_size="shortest", scores="sigmoid"),
    "deformable_detr": _objects("DeformableDetrForObjectDetection", plain_size="shortest", scores="sigmoid"),
    "rt_detr": _objects("RTDetrForObjectDetection", scores="sigmoid"),
    "rt_detr_v2": _objects("RTDetrV2ForObjectDetection", scores="sigmoid"),
    "d_fine": _objects("DFineForObjectDetection", scores="sigmoid"),
    "owlvit": _objects("OwlViTForObjectDetection", scores="sigmoid"),
    "owlv2": _objects("Owlv2ForObjectDetection", scores="sigmoid", square=True),
}

MODALITIES: Mapping[Interface, Modality] = {
    "text": "text",
    "image": "image",
    "image+text": "image",
    "audio": "audio",
    "audio+text": "audio",
    "video": "video",
    "video+text": "video",
}


def interfaces_of(modality: str) -> tuple[Interface, ...]:
    """The interfaces that give vectors of a modality."""
    return tuple(interface for interface, kind in MODALITIES.items() if kind == modality)


def names_of(*interfaces: Interface) -> tuple[str, ...]:
    """The ``model_type`` of every family with one of these interfaces."""
    return tuple(name for name, family in FAMILIES.items() if family.interface in interfaces)
