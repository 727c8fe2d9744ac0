"""Tiny models with random weights, one for every row of the table, as folders that look like those of the hub."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from goodsense.encoders.hub.families import FAMILIES
from tests.encoders import samples

CHINESE = "红色蓝绿棉鞋子手表"
SIDE = 32  # pixels of the pictures that they see

_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
_VIT = {**_BERT, "image_size": SIDE, "patch_size": 8}
_TEXT_TOWER = {**_BERT, "max_position_embeddings": 40}
_STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
_DETR = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "num_queries": 6,
    "num_labels": 3,
}
_RT_DETR = {
    "d_model": 32,
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [16, 16, 16],
    "feat_strides": [8, 16, 32],
    "encoder_layers": 1,
    "encoder_ffn_dim": 32,
    "encoder_attention_heads": 2,
    "decoder_in_channels": [32, 32, 32],
    "decoder_layers": 2,
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 2,
    "decoder_n_points": 2,
    "num_queries": 6,
    "num_labels": 3,
    "anchor_image_size": None,
}
_RT_BACKBONE = {
    "model_type": "rt_detr_resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 16, 16],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_features": ["stage2", "stage3", "stage4"],
}
_WAVE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_feat_extract_layers": 3,
}
_EFFICIENT = {
    "in_channels": [32, 8],
    "out_channels": [8, 16],
    "kernel_sizes": [3, 3],
    "strides": [1, 2],
    "num_block_repeats": [1, 1],
    "expand_ratios": [1, 2],
    "depthwise_padding": [],
    "hidden_dim": 320,
    "width_coefficient": 0.25,
    "depth_coefficient": 1.0,
    "image_size": SIDE,
}
_SETTINGS: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48},
    "albert": {**_BERT, "embedding_size": 16},
    "electra": {**_BERT, "embedding_size": 16},
    "modernbert": {**_BERT, "global_attn_every_n_layers": 2, "local_attention": 8},
    "eurobert": {**_BERT, "head_dim": 16},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "gpt_neo": {
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 2,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 8,
    },
    "opt": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "ffn_dim": 48,
        "word_embed_proj_dim": 32,
    },
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 2},
    **{
        kind: {**_BERT, "num_key_value_heads": 1, "head_dim": 16}
        for kind in ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text")
    },
    **{
        kind: {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2} for kind in ("t5", "mt5", "umt5")
    },
    "resnet": _STAGES,
    "regnet": {**_STAGES, "groups_width": 8},
    "convnext": {"num_stages": 2, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "convnextv2": {"num_stages": 2, "hidden_sizes": [8, 16], "depths": [1, 1]},
    "efficientnet": _EFFICIENT,
    "mobilenet_v1": {"depth_multiplier": 0.25, "min_depth": 4},
    "mobilenet_v2": {"depth_multiplier": 0.25, "min_depth": 4, "depth_divisible_by": 4},
    **dict.fromkeys(("vit", "deit", "beit", "dinov2", "dinov2_with_registers", "dinov3_vit"), _VIT),
    "swin": {
        "image_size": SIDE,
        "patch_size": 4,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
    },
    "swinv2": {
        "image_size": SIDE,
        "patch_size": 4,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
    },
    "dinov3_convnext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
    **{
        kind: {"text_config": {**_TEXT_TOWER, "projection_dim": 24}, "vision_config": _VIT, "projection_dim": 24}
        for kind in ("clip", "metaclip_2", "chinese_clip")
    },
    "altclip": {
        "text_config": {**_TEXT_TOWER, "project_dim": 24},
        "vision_config": {**_VIT, "projection_dim": 24},
        "projection_dim": 24,
    },
    "siglip": {
        "text_config": {**_TEXT_TOWER, "max_position_embeddings": 64, "projection_size": 32},
        "vision_config": _VIT,
    },
    "siglip2": {
        "text_config": {**_TEXT_TOWER, "max_position_embeddings": 64, "projection_size": 32},
        "vision_config": {**_BERT, "patch_size": 8, "num_patches": 16},
    },
    "align": {"text_config": _TEXT_TOWER, "vision_config": _EFFICIENT, "projection_dim": 8},
    "wav2vec2": _WAVE,
    "hubert": _WAVE,
    "wavlm": _WAVE,
    "data2vec-audio": {**_WAVE, "num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5},
    "audio-spectrogram-transformer": {**_BERT, "max_length": 64, "num_mel_bins": 32},
    "whisper": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "num_mel_bins": 16,
        "max_source_positions": 1500,
        "vocab_size": 60,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
    },
    "clap": {
        "text_config": {**_TEXT_TOWER, "projection_dim": 24},
        "audio_config": {
            "spec_size": 64,
            "num_mel_bins": 16,
            "window_size": 2,
            "patch_size": 4,
            "patch_stride": [4, 4],
            "patch_embeds_hidden_size": 8,
            "hidden_size": 16,
            "depths": [1, 1],
            "num_attention_heads": [2, 2],
            "num_hidden_layers": 2,
            "projection_dim": 24,
            "aff_block_r": 1,
        },
        "projection_dim": 24,
    },
    "videomae": {**_VIT, "num_frames": 4, "decoder_hidden_size": 16, "decoder_num_attention_heads": 2},
    "timesformer": {**_VIT, "num_frames": 4},
    "vivit": {**_VIT, "num_frames": 4, "tubelet_size": [2, 8, 8]},
    "xclip": {
        "text_config": {**_TEXT_TOWER, "projection_dim": 24},
        "vision_config": {
            **_VIT,
            "num_frames": 4,
            "mit_hidden_size": 24,
            "mit_intermediate_size": 32,
            "mit_num_hidden_layers": 1,
            "mit_num_attention_heads": 2,
        },
        "projection_dim": 24,
    },
    "yolos": {**_VIT, "image_size": [SIDE, SIDE], "num_detection_tokens": 6, "num_labels": 3},
    "detr": _DETR,
    "conditional_detr": _DETR,
    "deformable_detr": {**_DETR, "encoder_n_points": 2, "decoder_n_points": 2, "num_feature_levels": 2},
    "rt_detr": {**_RT_DETR, "backbone_config": _RT_BACKBONE},
    "rt_detr_v2": {**_RT_DETR, "backbone_config": _RT_BACKBONE},
    "d_fine": {
        **_RT_DETR,
        "decoder_n_points": [2, 2, 2],
        "max_num_bins": 8,
        "backbone_config": {
            "model_type": "hgnet_v2",
            "hidden_sizes": [16, 16, 16, 16],
            "stem_channels": [3, 8, 8],
            "stage_in_channels": [8, 16, 16, 16],
            "stage_mid_channels": [8, 8, 8, 8],
            "stage_out_channels": [16, 16, 16, 16],
            "stage_num_blocks": [1, 1, 1, 1],
            "stage_numb_of_layers": [1, 1, 1, 1],
            "depths": [1, 1, 1, 1],
            "embedding_size": 8,
            "out_features": ["stage2", "stage3", "stage4"],
        },
    },
    "owlvit": {
        "text_config": {**_TEXT_TOWER, "max_position_embeddings": 16},
        "vision_config": _VIT,
        "projection_dim": 32,
    },
    "owlv2": {
        "text_config": {**_TEXT_TOWER, "max_position_embeddings": 16},
        "vision_config": _VIT,
        "projection_dim": 32,
    },
}
_BACKBONE = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "out_features": ["stage2"],
}
for _kind in ("detr", "conditional_detr", "deformable_detr"):
    _SETTINGS[_kind] = {
        **_SETTINGS[_kind],
        "use_timm_backbone": False,
        "backbone": None,
        "backbone_config": {
            **_BACKBONE,
            "out_features": ["stage1", "stage2"][-1 if _kind != "deformable_detr" else 0 :],
        },
    }


HOME = Path(tempfile.gettempdir()) / f"goodsense-models-{os.getpid()}"


def place(kind: str) -> Path:
    """Where :func:`ready` puts the model of a family."""
    return HOME / kind


@cache
def ready(kind: str) -> Path:
    """The model of a family, written once per process and gone after it."""
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    return save_model(kind, place(kind))


def save_model(kind: str, directory: Path, **more: Any) -> Path:
    """Write a tiny model of a family, with its tokenizer and processor, and say where."""
    import torch
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    directory.mkdir(parents=True, exist_ok=True)
    family = FAMILIES[kind]
    torch.manual_seed(0)
    if kind == "vgg":
        return _vgg(directory)
    words = vocabulary()
    settings = {**(_SETTINGS.get(kind) or _BERT), **more}
    if family.interface == "text":
        settings = {"max_position_embeddings": 64, **settings, "vocab_size": len(words), "pad_token_id": 0}
        settings |= {"bos_token_id": 2, "eos_token_id": 3}
    elif "text_config" in settings:
        inner = {"vocab_size": len(words), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
        settings["text_config"] = {**settings["text_config"], **inner}
    with samples.quiet():
        config = CONFIG_MAPPING[kind](**settings)
        network = getattr(transformers, family.model)(config)
    for parameter in network.parameters():  # tiny networks are near zero without it
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.4 / max(1, parameter[0].numel()) ** 0.5)
    with samples.quiet():
        network.save_pretrained(directory)
    if family.interface == "text" or "text_config" in settings:
        samples.write_tokenizer(directory, words)
    processor = processor_of(kind)
    if processor:
        (directory / "preprocessor_config.json").write_text(json.dumps(processor), "utf-8")
    return directory


def vocabulary() -> list[str]:
    words = sorted(
        {word for row in samples.texts() for text in row.values() for word in text.lower().replace(".", "").split()}
    )
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ":", "query", "passage", "photo", "of", *words, *CHINESE]


def processor_of(kind: str) -> dict[str, Any]:
    """What ``preprocessor_config.json`` says."""
    interface = FAMILIES[kind].interface
    usual = {
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.5, 0.25, 0.2],
        "resample": 3,
    }
    if interface == "objects":
        exact = kind.startswith(("owl", "rt", "d_fine"))
        side = {"rt_detr": 64, "rt_detr_v2": 64, "d_fine": 64}.get(kind, SIDE)
        return {
            **usual,
            "size": {"height": side, "width": side} if exact else {"shortest_edge": 48, "longest_edge": 80},
        }
    if kind == "siglip2":
        return {**usual, "patch_size": 8, "max_num_patches": 16}
    if kind in ("resnet", "convnext", "convnextv2", "regnet"):
        return {**usual, "size": {"shortest_edge": SIDE}, "crop_pct": 0.875}
    if kind in ("efficientnet", "align"):
        return {**usual, "size": {"height": SIDE, "width": SIDE}, "rescale_offset": False, "include_top": True}
    if interface in ("image", "image+text", "video", "video+text"):
        crop = {"do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE}}
        return {**usual, "size": {"shortest_edge": SIDE}, **crop}
    return _SOUNDS.get(kind, {"sampling_rate": 4_000, "do_normalize": True}) if interface.startswith("audio") else {}


_SOUNDS: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {"sampling_rate": 16_000, "num_mel_bins": 32, "max_length": 64},
    "whisper": {"sampling_rate": 16_000, "feature_size": 16, "chunk_length": 30, "hop_length": 160, "n_fft": 400},
    "clap": {
        "sampling_rate": 8_000,
        "feature_size": 16,
        "hop_length": 80,
        "max_length_s": 2,
        "fft_window_size": 256,
        "frequency_max": 4_000,
        "truncation": "rand_trunc",
        "padding": "repeatpad",
    },
}


def _vgg(directory: Path) -> Path:
    """As other collections keep it: layers by number, the facts of training in ``pretrained_cfg``."""
    import torch
    from safetensors.torch import save_file

    channels = {0: (3, 8), 3: (8, 16), 5: (16, 16)}
    state = {}
    for place, (before, after) in channels.items():
        state[f"features.{place}.weight"] = torch.randn(after, before, 3, 3) * 0.2
        state[f"features.{place}.bias"] = torch.randn(after) * 0.1
    save_file(state, directory / "model.safetensors")
    facts = {"input_size": [3, SIDE, SIDE], "mean": [0.5] * 3, "std": [0.25] * 3, "crop_pct": 0.875}
    config = {"architecture": "vgg16", "pretrained_cfg": {**facts, "interpolation": "bilinear"}}
    (directory / "config.json").write_text(json.dumps(config), "utf-8")
    return directory
