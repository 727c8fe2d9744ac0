"""Small products whose likeness is known by construction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = {"red": (200, 30, 40), "green": (30, 160, 60), "blue": (40, 60, 200), "black": (25, 25, 25)}
KINDS = {"shirt": "cotton shirt short sleeves", "shoe": "leather running shoe", "watch": "steel wrist watch"}
MATERIALS = ("cotton", "leather", "steel", "wool", "silk")


def texts() -> list[dict[str, str]]:
    """36 products: three kinds in four colours by three brands."""
    return [
        {"title": f"{brand} {colour} {kind}", "description": f"A {words} by {brand}."}
        for kind, words in KINDS.items()
        for colour in COLOURS
        for brand in ("Acme", "Zephyr", "Nordwind")
    ]


def picture(kind: str, colour: tuple[int, int, int], *, seed: int, height: int = 80, width: int = 60) -> Any:
    """A flat thing on a white ground: a disc (watch), a bar (shoe) or a trapezoid (shirt), slightly shaken."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), 255, dtype=np.uint8)
    rows, columns = np.mgrid[:height, :width]
    y = (rows + random.integers(-2, 3)) / height - 0.5
    x = (columns + random.integers(-2, 3)) / width - 0.5
    inside = {
        "watch": x**2 + y**2 < 0.09,
        "shoe": (np.abs(x) < 0.42) & (np.abs(y) < 0.14),
        "shirt": (np.abs(x) < 0.2 + 0.25 * (0.4 - y)) & (np.abs(y) < 0.4),
    }[kind]
    image[inside] = colour
    noise = random.integers(-6, 7, size=image.shape)
    return np.clip(image.astype(np.int64) + noise, 0, 255).astype(np.uint8)


def pictures(copies: int = 3) -> list[NDArray[np.uint8]]:
    """Three kinds in four colours, ``copies`` of each, in the order of :func:`texts`."""
    seeds = iter(range(10_000))
    return [
        picture(kind, colour, seed=next(seeds)) for kind in KINDS for colour in COLOURS.values() for _ in range(copies)
    ]


def attributes() -> list[dict[str, Any]]:
    random = np.random.default_rng(5)
    found: list[dict[str, Any]] = []
    for i in range(30):
        row: dict[str, Any] = {
            "price": float(random.integers(5, 90)),
            "material": (MATERIALS[i % 5],),
            "new": i % 3 == 0,
        }
        if i % 4 == 0:
            row["material"] = (MATERIALS[i % 5], "elastane")
        if i % 7 == 0:
            del row["price"]
        found.append(row)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """No bars of progress and no remarks where tiny models are written."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def tiny_bert(directory: Path) -> Path:
    """A randomly initialised BERT of 32 numbers that knows the words of :func:`texts`, as a model directory."""
    import torch
    from transformers import BertConfig, BertModel

    words = sorted({word for row in texts() for text in row.values() for word in text.lower().replace(".", "").split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *words]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with quiet():
        BertModel(config).save_pretrained(directory)
    write_tokenizer(directory, vocabulary)
    return directory


def write_tokenizer(directory: Path, vocabulary: list[str]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    places = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(places, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", places["[CLS]"]), ("[SEP]", places["[SEP]"])]
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
