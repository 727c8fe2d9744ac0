"""Explanations as self-contained pages: no script, no other file, English and Chinese by a switch."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodsense.shop.explaining.figure import AGAINST, FOR, coloured, hit_figure, product_figure
from goodsense.shop.explaining.results import HitExplanation, Modality, ProductExplanation
from goodsense.shop.explaining.sentences import Lang, Said, asked, hit_sentences, name_of, product_sentences
from goodsense.shop.explaining.words import largest, marked
from goodsense.shop.picture import COLOURS, OTHER, photos_of
from goodsense.types import Image

if TYPE_CHECKING:
    from goodsense.shop.shop import Shop

FAINT = 0.08  # of the strongest word: what does less is not coloured
STRONG = 0.55  # opacity of the strongest
_SIDES = {"product": Said("the product's picture", "商品图片"), "query": Said("the query's picture", "查询图片")}
_EMPTY: Mapping[str, Any] = dict.fromkeys(
    ("rank", "ranked", "joint", "pictures", "heat", "words", "fields", "neighbours", "terms"), ()
)


def write_explanation(
    shop: Shop, found: HitExplanation | ProductExplanation, directory: Path, *, lang: Lang = "en"
) -> dict[str, Path]:
    """Write a picture and a page into a directory, made if it is not there; returns where."""
    from goodsense.evaluate.plots import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    picture, page = directory / "explanation.png", directory / "explanation.html"
    if isinstance(found, HitExplanation):
        save_figure(hit_figure(found), picture)
        text = hit_page(shop, found, lang=lang)
    else:
        save_figure(product_figure(found), picture)
        text = product_page(shop, found, lang=lang)
    page.write_text(text, "utf-8", errors="replace")
    return {"picture": picture, "html": page}


def hit_page(shop: Shop, found: HitExplanation, *, lang: Lang = "en") -> str:
    """Why a product is a hit, as HTML."""
    pictures = [
        {
            "src": data_address(coloured(found, regions)),
            "label": _SIDES[regions.side],
            "name": regions.name,
        }
        for regions in found.regions
    ]
    words = [word for word in found.query_words if abs(word.value) > 1e-6]
    return _rendered(
        lang,
        title=f"{asked(found.query)} → {found.id}",
        kicker=Said(f"Why is this a hit for “{asked(found.query)}”?", f"为什么“{asked(found.query, 'zh')}”会找到它？"),
        heading=found.title or found.id,
        id=found.id,
        score=found.score,
        rank=found.rank,
        said=hit_sentences(found),
        notes=found.notes,
        modalities=_modalities(found.modalities),
        most=_most(found.modalities),
        ranked=found.rank is not None,
        joint=_named(found.joint),
        pictures=pictures,
        heat=bool(pictures),
        words=words,
        most_word=largest(words),
        fields=_fields(shop, found),
        terms=[(name, value) for name, value in found.terms.items() if value],
    )


def product_page(shop: Shop, found: ProductExplanation, *, lang: Lang = "en") -> str:
    """What a product's vectors are made of, as HTML."""
    photos = photos_of(shop, [near.id for near in found.neighbours])
    neighbours = [
        {
            "id": near.id,
            "title": near.title,
            "score": near.score,
            "src": data_address(photos[near.id]) if near.id in photos else "",
            "modalities": _named(near.modalities),
            "shared": ", ".join([*near.words, *(f"{name}={value}" for name, value in near.fields.items())]),
        }
        for near in found.neighbours
    ]
    pictures = []
    if found.image is not None:
        pictures = [{"src": data_address(found.image), "label": _SIDES["product"], "name": ""}]
    return _rendered(
        lang,
        title=found.title or found.id,
        kicker=Said("What is this product's vector made of?", "这件商品的向量由什么组成？"),
        heading=found.title or found.id,
        id=found.id,
        score=None,
        said=product_sentences(found),
        notes=found.notes,
        modalities=_modalities(found.modalities),
        most=_most(found.modalities),
        joint=_named(found.joint),
        pictures=pictures,
        neighbours=neighbours,
    )


def data_address(image: Image) -> str:
    """A picture as a ``data:`` address, JPEG."""
    from PIL import Image as pil

    out = io.BytesIO()
    pil.fromarray(image).save(out, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _rendered(lang: Lang, **given: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goodsense.shop.explaining"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("explain.html.j2").render(**{**_EMPTY, "lang": lang, **given})


def _modalities(modalities: Sequence[Modality]) -> list[dict[str, Any]]:
    return [
        {
            "name": name_of(own.name),
            "value": own.value,
            "share": own.share,
            "rank": own.rank,
            "colour": COLOURS.get(own.name, OTHER),
        }
        for own in modalities
    ]


def _named(values: Mapping[str, float]) -> list[dict[str, Any]]:
    found = sorted(values.items(), key=lambda own: -own[1])
    return [{"name": name_of(name), "value": value} for name, value in found if abs(value) > 1e-6]


def _most(modalities: Sequence[Modality]) -> float:
    return max((abs(own.value) for own in modalities), default=0.0) or 1.0


def _fields(shop: Shop, found: HitExplanation) -> list[tuple[str, list[dict[str, Any]]]]:
    """The product's texts, each word on the colour of what it does."""
    if not found.product_words:
        return []
    most = largest(found.product_words)
    return [
        (name, [_piece(text, value, most) for text, value in pieces])
        for name, pieces in marked(shop.snapshot.tokenizer, found.texts, found.product_words).items()
    ]


def _piece(text: str, value: float, most: float) -> dict[str, Any]:
    strength = abs(value) / most
    alpha = round(STRONG * strength, 3) if strength >= FAINT else 0
    return {"text": text, "value": value, "alpha": alpha, "rgb": ",".join(map(str, FOR if value > 0 else AGAINST))}
