"""Randomly initialised speech recognisers on disk, a few numbers wide, which spell with single letters."""

from __future__ import annotations

from pathlib import Path

from goodsense.encoders.hub.loading import quiet

END = "<|endoftext|>"
SPELLED = "abcdefgh"  # all that they can say
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}"
    "{% else %}<|audio_start|><|audio_pad|><|audio_end|>{% endif %}{% endfor %}"
    "{% if not (loop.last and continue_final_message) %}<|im_end|>\n{% endif %}{% endfor %}"
)


def tiny_whisper(directory: Path) -> Path:
    """A randomly initialised Whisper of 16 numbers that spells with single bytes."""
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    tokenizer = WhisperTokenizer(vocab=_letters(), merges=[])
    names = "startoftranscript en zh translate transcribe startoflm startofprev nospeech notimestamps".split()
    marks = [f"<|{name}|>" for name in names] + [f"<|{place * 0.02:.2f}|>" for place in range(1_501)]
    tokenizer.add_tokens(marks, special_tokens=True)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in (*names, "endoftext")}
    torch.manual_seed(0)
    sizes = {
        name: size
        for side in ("encoder", "decoder")
        for name, size in ((f"{side}_layers", 1), (f"{side}_attention_heads", 2), (f"{side}_ffn_dim", 32))
    }
    ends = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), ids["endoftext"])
    network = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            d_model=16,
            decoder_start_token_id=ids["startoftranscript"],
            begin_suppress_tokens=None,
            **sizes,
            **ends,
        )
    )
    network.generation_config = GenerationConfig(
        decoder_start_token_id=ids["startoftranscript"],
        eos_token_id=ids["endoftext"],
        pad_token_id=ids["endoftext"],
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["en"], "<|zh|>": ids["zh"]},
        task_to_id={name: ids[name] for name in ("transcribe", "translate")},
        no_timestamps_token_id=ids["notimestamps"],
        prev_sot_token_id=ids["startofprev"],
        max_initial_timestamp_index=50,
        suppress_tokens=[place for letter, place in tokenizer.get_vocab().items() if letter not in SPELLED],
    )
    with quiet():
        network.save_pretrained(directory)
        WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(directory)
    return directory


def tiny_qwen(directory: Path) -> Path:
    """A randomly initialised Qwen3-ASR of 32 numbers."""
    import torch
    from transformers import GenerationConfig, Qwen2Tokenizer, Qwen3ASRConfig, Qwen3ASRForConditionalGeneration
    from transformers.models.qwen3_asr.feature_extraction_qwen3_asr import Qwen3ASRFeatureExtractor
    from transformers.models.qwen3_asr.processing_qwen3_asr import Qwen3ASRProcessor

    marks = {"audio_token": "<|audio_pad|>", "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>"}
    tokenizer = Qwen2Tokenizer(vocab=_letters(), merges=[], extra_special_tokens=marks)
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>", "<asr_text>"], special_tokens=True)
    ids = tokenizer.get_vocab()
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    torch.manual_seed(0)
    network = Qwen3ASRForConditionalGeneration(
        Qwen3ASRConfig(
            audio_config={
                "model_type": "qwen3_asr_encoder",
                "num_mel_bins": 16,
                "encoder_layers": 1,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 32,
                "d_model": 16,
                "output_dim": 32,
                "downsample_hidden_size": 8,
            },
            text_config={
                "model_type": "qwen3",
                "vocab_size": len(tokenizer),
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                **heads,
            },
            audio_token_id=ids["<|audio_pad|>"],
            pad_token_id=ids["<|im_end|>"],
            eos_token_id=[ids[END]],
        )
    )
    network.generation_config = GenerationConfig(
        eos_token_id=ids[END],
        pad_token_id=ids["<|im_end|>"],
        suppress_tokens=[place for letter, place in ids.items() if letter not in SPELLED],
    )
    with quiet():
        network.save_pretrained(directory)
        extractor = Qwen3ASRFeatureExtractor(feature_size=16)
        Qwen3ASRProcessor(extractor, tokenizer, chat_template=TEMPLATE).save_pretrained(directory)
    return directory


def _letters() -> dict[str, int]:
    """All single bytes, and the end."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = {letter: place for place, letter in enumerate(sorted(ByteLevel.alphabet()))}
    return {**letters, END: len(letters)}
