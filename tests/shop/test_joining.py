"""Words, pictures and sounds in one space: what is learned, when, and that it is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodsense.catalog import Product
from goodsense.errors import DependencyError, UsageError
from goodsense.fusion.joint import JOINT, JointEncoder
from goodsense.fusion.plain import PlainFusion
from goodsense.media import MediaStore
from goodsense.progress import Progress, silent
from goodsense.shop import Recipe, Shop, make_query
from goodsense.shop.build import build
from goodsense.shop.encoding import EncodedBlock
from goodsense.shop.evidence import gather_evidence
from goodsense.shop.joining import CLOSED, ENOUGH, ENSEMBLE, TRAINED, chosen_fusion, join_blocks
from goodsense.shop.listing import Listing, joint_hash
from goodsense.shop.scratch import Scratch
from goodsense.types import ImageRef, Mask, Query, Vectors
from tests.shop.catalogs import COLOURS, THINGS, picture, toy

QUICK = {"epochs": 10, "batch": 32, "rate": 5e-3, "hidden": 32, "width": 16}
LEARNED = {"joint": TRAINED, "options": QUICK}


# ---- blocks made by hand: no file is read


class Numbers:
    """An encoder of rows of numbers."""

    dim = 6

    def __init__(self, name: str) -> None:
        self.fingerprint = f"{name}-0123456789abcdef"
        self.accepts = frozenset([name])

    def encode(self, values: Sequence[Any]) -> Vectors:
        return np.array(values, dtype=np.float32).reshape(-1, self.dim)

    encode_query = encode


def hand_made(
    count: int, *, alike: bool = False, absent: int = 0, validate: int = 0
) -> tuple[Listing, dict[str, EncodedBlock]]:
    """Products whose text and picture are two views of the same numbers; the last ``absent`` have no picture.

    The first ``validate`` of them are of the validation split.
    """
    rng = np.random.default_rng(1)
    hidden = np.tile(rng.normal(size=6), (count, 1)) if alike else rng.normal(size=(count, 6))
    listing = Listing()
    for number in range(count):
        listing.add(Product(f"p{number:03d}", title=f"title {number}"), group=f"g{number}")
    listing.splits = ["val"] * validate + ["train"] * (count - validate)
    blocks = {}
    for name in ("text", "image"):
        present = np.arange(count) < count - (absent if name == "image" else 0)
        rows = hidden if alike else hidden @ np.random.default_rng(len(name)).normal(size=(6, 6))
        blocks[name] = block_of(name, rows.astype(np.float32), present)
    return listing, blocks


def block_of(name: str, rows: Vectors, present: Mask) -> EncodedBlock:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    spans = [(number,) if there else () for number, there in enumerate(present.tolist())]
    sources = [joint_hash([f"{name}{number}"]) if own else "" for number, own in enumerate(spans)]
    clean = np.where(present[:, None], unit, np.float32(0))
    return EncodedBlock(name, name, Numbers(name), clean, present, unit, spans, sources, sources)


def joined(
    shop: Path,
    given: tuple[Listing, Mapping[str, EncodedBlock]],
    *,
    refit: bool = False,
    progress: Progress = silent,
    fusion: Mapping[str, Any] | None = None,
) -> tuple[EncodedBlock | None, str]:
    recipe = Recipe.model_validate({"fusion": LEARNED if fusion is None else fusion})
    (shop / "builds").mkdir(parents=True, exist_ok=True)
    with Scratch.of(shop) as scratch:
        return join_blocks(shop, recipe, *given, scratch=scratch, refit=refit, progress=progress)


def files_of(shop: Path) -> dict[str, bytes]:
    home = shop / "models" / JOINT
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_from_two_hundred_products_on_modalities_meet(tmp_path: Path) -> None:
    block, reason = joined(tmp_path, hand_made(ENOUGH + 5, absent=5))
    assert (block is not None, reason) == (True, "")
    assert block.present.all()
    assert "learned: " in block.report.note
    assert f"{TRAINED} on {ENOUGH} products" in block.report.note
    assert isinstance(block.encoder, JointEncoder)
    assert isinstance(block.encoder.fusion, PlainFusion)


def test_validation_products_decide_between_an_ensemble_and_one_alignment(tmp_path: Path) -> None:
    """One that can hardly learn loses against alignment, and both figures are told."""
    weak = {"joint": "auto", "options": {"members": [["kernel-ridge", {"ridge": 1e6}]], "dim": 2}}
    block, reason = joined(tmp_path, hand_made(ENOUGH + 30, validate=30), fusion=weak)
    assert (block is not None, reason) == (True, "")
    assert block.name == CLOSED
    assert f"on 30 validation products; {ENSEMBLE} 0." in block.report.note
    assert f"{CLOSED} on {ENOUGH} products; learned: " in block.report.note


def test_fewer_are_too_few_and_the_build_says_how_many(tmp_path: Path) -> None:
    block, reason = joined(tmp_path, hand_made(ENOUGH + 5, absent=6))
    assert block is None
    assert "199 products" in reason
    assert "1 more" in reason
    assert not (tmp_path / "models").exists()


def test_products_of_the_test_split_do_not_teach(tmp_path: Path) -> None:
    listing, blocks = hand_made(ENOUGH)
    listing.splits[7] = "test"
    assert "199 products" in joined(tmp_path, (listing, blocks))[1]


def test_one_modality_is_nothing_to_join(tmp_path: Path) -> None:
    listing, blocks = hand_made(ENOUGH)
    assert joined(tmp_path, (listing, {"text": blocks["text"]})) == (None, "")
    assert joined(tmp_path, (listing, blocks), fusion={"joint": "off"}) == (None, "")


def test_what_cannot_be_learned_is_told_and_left_out(tmp_path: Path) -> None:
    block, reason = joined(tmp_path, hand_made(ENOUGH, alike=True))
    assert block is None
    assert "nothing was learned" in reason
    before = files_of(tmp_path)
    assert joined(tmp_path, hand_made(ENOUGH, alike=True)) == (None, reason)  # and not tried again
    assert files_of(tmp_path) == before


def test_it_is_frozen_until_there_is_reason_to_learn_again(tmp_path: Path) -> None:
    told: list[str] = []

    def learned_again(given: tuple[Listing, dict[str, EncodedBlock]], **asked: Any) -> bool:
        told.clear()
        joined(tmp_path, given, progress=lambda stage, *_, note="": told.append(stage), **asked)
        return "train fusion" in told

    assert learned_again(hand_made(ENOUGH))
    assert not learned_again(hand_made(ENOUGH))
    assert not learned_again(hand_made(ENOUGH + ENOUGH // 4))
    assert learned_again(hand_made(ENOUGH + ENOUGH // 4 + 1))
    assert learned_again(hand_made(ENOUGH + ENOUGH // 4 + 1), refit=True)
    assert learned_again(hand_made(ENOUGH + ENOUGH // 4 + 1), fusion={**LEARNED, "options": {**QUICK, "width": 8}})
    listing, blocks = hand_made(ENOUGH + ENOUGH // 4 + 1)
    other = Numbers("image")
    other.fingerprint = "another"
    assert learned_again((listing, {**blocks, "image": replace(blocks["image"], encoder=other)}))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        joined(tmp_path / name, hand_made(ENOUGH))
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.shop.test_joining import ENOUGH, hand_made, joined

def progress(stage, done, total, *, note=""):
    if stage == "train fusion" and done >= 0.6 * total:
        os.kill(os.getpid(), signal.SIGKILL)

joined(Path(sys.argv[1]), hand_made(ENOUGH), progress=progress)
"""


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    joined(tmp_path / "whole", hand_made(ENOUGH))
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path / "killed")], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert killed.returncode == -signal.SIGKILL
    left = files_of(tmp_path / "killed")
    assert [name for name in left if name.startswith(".training")]
    done: list[int] = []
    joined(
        tmp_path / "killed",
        hand_made(ENOUGH),
        progress=lambda stage, at, total, note="": done.append(at) if stage == "train fusion" else None,
    )
    assert min(done) > 1  # it did not begin anew
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_without_torch_all_but_networks_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    block, _ = joined(tmp_path, hand_made(ENOUGH + 30, validate=30), fusion={})
    assert block is not None
    assert block.name == ENSEMBLE
    assert f"; {CLOSED} 0." in block.report.note
    for options in ({"joint": TRAINED}, {"joint": ENSEMBLE, "options": {"members": "strong"}}, {"joint": "csls"}):
        with pytest.raises(DependencyError, match="torch"):
            joined(tmp_path, hand_made(ENOUGH), fusion=options)


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ({"joint": "fused"}, "no fusion 'fused'"),
        ({"options": {"epoch": 3}}, "'ensemble' has no option 'epoch'"),
        ({"joint": "cca", "options": {"epochs": 3}}, "'cca' has no option 'epochs'"),
        ({"joint": "additive"}, "needs the option 'weights'"),
        ({"joint": "trained", "options": {"epochs": 0}}, "epochs"),
    ],
)
def test_mistakes_in_the_recipe_are_named(fusion: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        chosen_fusion(Recipe.model_validate({"fusion": fusion}).fusion)


def test_a_recipe_with_options_survives_its_own_file(tmp_path: Path) -> None:
    given = {"joint": "trained", "options": {"network": "gated", "nested": [8, 16], "options": {}}}
    path = tmp_path / "recipe.toml"
    path.write_text(Recipe.model_validate({"fusion": given}).to_toml(), "utf-8")
    assert Recipe.load(path).fusion.options == given["options"]


# ---- a whole shop: what pictures show decides which words find them


PRODUCTS = 290
MUTE = [(colour, thing) for colour in COLOURS for thing in THINGS[:3]]  # have a picture, and nothing to read


def products(directory: Path) -> list[Product]:
    store = MediaStore(directory / "media")
    found = [replace(toy(number, store=store), description="", brand="", category=()) for number in range(PRODUCTS)]
    for number, (colour, thing) in enumerate(MUTE):
        data = picture(colour, thing, seed=5_000 + number)
        found.append(Product(f"mute-{colour}-{thing}", media=(ImageRef("m.jpg", store.put(data)),)))
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    directory = tmp_path_factory.mktemp("joined") / "shop"
    with Shop.create(directory) as made:
        made.add(products(directory))
        report = build(directory, Recipe(), workers=1)
        assert any(note.startswith((f"{JOINT}: {ENSEMBLE} on", f"{JOINT}: {CLOSED} on")) for note in report.notes)
        assert report.modalities[JOINT]["present"] == PRODUCTS + len(MUTE)
        yield made


def mute_hits(shop: Shop, query: Query | str, k: int, using: list[str] | None = None) -> list[str]:
    return [hit.id for hit in shop.search(query, k=k, using=using) if hit.id.startswith("mute-")]


@pytest.mark.parametrize("colour", list(COLOURS))
def test_products_with_a_picture_and_no_text_are_found_by_words(shop: Shop, colour: str) -> None:
    own = [id for id in (f"mute-{c}-{t}" for c, t in MUTE) if colour in id]
    ranked = [id for id, _ in shop.rank(colour, [f"mute-{c}-{t}" for c, t in MUTE])]
    assert set(ranked[: len(own)]) == set(own)
    every = len(shop.snapshot)
    assert set(own) <= set(mute_hits(shop, colour, every))
    assert not mute_hits(shop, colour, every, using=["bm25", "text"])


def test_weights_are_tuned_so_that_they_count(shop: Shop) -> None:
    assert shop.snapshot.calibration.reaches("text", JOINT)
    hits = shop.search("red kite", k=len(shop.snapshot), explain=True)
    found = next(hit for hit in hits if hit.id == "mute-red-kite")
    strangers = [hit.score for hit in hits if not {"red", "kite"} & set(hit.title.split()) and "red" not in hit.id]
    assert {name for name, value in found.terms.items() if value} == {JOINT}
    assert found.score > np.percentile(strangers, 95)


def test_a_picture_finds_products_that_have_only_words(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "q.jpg").write_bytes(picture("green", "teapot", seed=77))
    query = make_query(image=ImageRef(str(tmp_path / "q.jpg")))
    bare = [f"toy-{number:04d}" for number in range(0, PRODUCTS, 7)]
    best = shop.rank(query, bare, using=[JOINT])[0][0]
    assert "green" in str(shop.truth.get([best])[best].title)
    assert set(shop.search(query, k=3)[0].terms) == {"image", JOINT}


def test_terms_sum_to_the_score_and_the_joint_one_is_split(shop: Shop) -> None:
    for hit in shop.search(make_query("white puzzle", like="toy-0011"), k=10, explain=True):
        assert sum(hit.terms.values()) == pytest.approx(hit.score, abs=1e-6)
        for part in hit.detail["parts"]:
            if JOINT in part["raw"]:
                assert sum(part[JOINT].values()) == pytest.approx(part["raw"][JOINT], abs=1e-5)
                assert set(part[JOINT]) == {"text", "image"}


def test_a_build_opens_again_with_its_frozen_fusion(shop: Shop) -> None:
    fingerprint = shop.encoders[JOINT].fingerprint
    with Shop.open(shop.directory) as again:
        assert again.encoders[JOINT].fingerprint == fingerprint
        assert isinstance(again.encoders[JOINT], JointEncoder)
        assert again.search("red", k=20, using=[JOINT]).ids == shop.search("red", k=20, using=[JOINT]).ids


def test_a_vector_without_a_name_is_not_one_of_the_joint_space(shop: Shop) -> None:
    block = shop.snapshot.blocks[JOINT]
    query = make_query("red").using(JOINT)
    vector = shop.encode(query).parts[0].probes[JOINT]
    from goodsense.types import Part

    hits = shop.search(Query((Part("vector", vector, using=(JOINT,)),)), k=5)
    assert hits.ids == shop.search(query, k=5).ids
    assert vector.shape == (block.dim,)


# ---- changes after the build


@pytest.fixture
def own(shop: Shop, tmp_path: Path) -> Iterator[Shop]:
    import shutil

    shutil.copytree(shop.directory, tmp_path / "own")
    with Shop.open(tmp_path / "own") as copy:
        yield copy


def test_changes_are_joined_from_what_their_blocks_are_now(own: Shop) -> None:
    before = own.snapshot
    priced, renamed = (own.truth.get([id])[id] for id in ("toy-0001", "toy-0002"))
    twin = Product("new-mute", media=own.truth.get(["mute-blue-kite"])["mute-blue-kite"].media)
    own.add([replace(priced, extra={"shelf": "7"}), replace(renamed, title="something never said"), twin])
    now = own.snapshot
    joint = own.encoders[JOINT]
    assert isinstance(joint, JointEncoder)

    def vector(id: str) -> Vectors:
        return now.blocks[JOINT].gather(now.rows_of([id]))[0]

    np.testing.assert_array_equal(vector("toy-0001"), before.blocks[JOINT].vectors[before.row_of("toy-0001")])
    photo = before.blocks["image"].vectors[before.row_of("toy-0002")]
    np.testing.assert_allclose(vector("toy-0002"), joint.encode([{"image": photo}])[0], atol=1e-6)
    np.testing.assert_allclose(vector("new-mute"), vector("mute-blue-kite"), atol=1e-6)
    assert own.pending == {"text": 1}
    assert "new-mute" in mute_or_new(own, "blue kite")
    with Shop.open(own.directory) as fresh:
        a, b = own.search("blue kite", k=40), fresh.search("blue kite", k=40)
        assert a.ids == b.ids
        assert [hit.score for hit in a] == pytest.approx([hit.score for hit in b])


def mute_or_new(shop: Shop, text: str) -> list[str]:
    return [hit.id for hit in shop.search(text, k=40, using=[JOINT]) if "mute" in hit.id]


def test_a_second_build_learns_nothing_and_one_without_the_block_opens(own: Shop) -> None:
    fingerprint = own.encoders[JOINT].fingerprint
    own.add([replace(toy(3), title="a red drum of another name")])
    report = build(own.directory, Recipe(), workers=1)
    assert own.encoders[JOINT].fingerprint == fingerprint
    assert report.stages["join"] >= 0
    build(own.directory, Recipe.model_validate({"fusion": {"joint": "off"}}), workers=1)
    assert JOINT not in own.encoders
    assert JOINT not in own.snapshot.blocks
    assert not mute_hits(own, "red", 300)


def test_given_weights_count_for_the_joint_block(own: Shop) -> None:
    recipe = Recipe.model_validate({"fusion": {"weights": {JOINT: 0.0}}})
    report = build(own.directory, recipe, workers=1)
    assert any(note.startswith(f"{JOINT}: words do without it") for note in report.notes)
    assert not mute_hits(own, "red", 300)
    assert mute_hits(own, "red", 300, using=[JOINT])


# ---- evidence


def test_a_masked_product_is_joined_without_what_was_taken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a query asks for a phrase, or a photo, products have only the rest of themselves."""
    from goodsense.shop import build as building
    from goodsense.shop.joint_evidence import JointEvidence
    from goodsense.shop.pairs import PseudoQuery

    seen: dict[str, Any] = {}

    def watched(snapshot: Any, blocks: Any, listing: Any, *rest: Any, **named: Any) -> Any:
        seen.update(snapshot=snapshot, blocks=blocks, listing=listing)
        return gather_evidence(snapshot, blocks, listing, *rest, **named)

    monkeypatch.setattr(building, "gather_evidence", watched)
    build_again(shop)
    blocks, snapshot = seen["blocks"], seen["snapshot"]
    joint, text, image = blocks[JOINT].encoder, blocks["text"], blocks["image"]
    left = {"title": "wooden train"}
    asked = PseudoQuery("q", "phrase", (1,), "red no", masked={1: left})
    texts = {"q": (text.encoder.encode_query(["red no"])[0], text.encoder.encode([left]))}
    found = JointEvidence.of(snapshot, blocks[JOINT], [asked], texts).similarities(asked)["text", JOINT]
    probe = joint.encode_query(["red no"])[0]
    expected = joint.encode([{"text": texts["q"][1][0], "image": image.vectors[1]}])[0] @ probe
    assert found[1] == pytest.approx(expected, abs=1e-5)
    assert found[2] == pytest.approx(blocks[JOINT].vectors[2] @ probe, abs=1e-5)
    both = PseudoQuery("p", "photo", (1,), photo=(1, 0))
    alone = JointEvidence.of(snapshot, with_second_photo(blocks[JOINT], row=1, like=2), [both], {})
    expected = joint.encode([{"text": text.vectors[1], "image": image.vectors[2]}])[0]
    assert alone.similarities(both)["image", JOINT][1] == pytest.approx(
        expected @ joint.encode([{"image": image.vectors[1]}])[0], abs=1e-5
    )
    kinds = {query.id.split("-")[0] for query in gathered(seen)}
    assert {"kind", "wordless"} <= kinds


def build_again(shop: Shop) -> None:
    shop.add([replace(shop.truth.get(["toy-0030"])["toy-0030"], extra={"seen": "again"})])
    build(shop.directory, Recipe(), workers=1)


def with_second_photo(block: EncodedBlock, *, row: int, like: int) -> EncodedBlock:
    """The block as if a product had a second photo: that of another one."""
    image = block.members["image"]
    spans = list(image.spans)
    spans[row] = (*spans[row], *spans[like])
    return replace(block, members={**block.members, "image": replace(image, spans=spans)})


def gathered(seen: Mapping[str, Any]) -> Sequence[Any]:
    return gather_evidence(seen["snapshot"], seen["blocks"], seen["listing"], ({}, {}), seed=0).queries


# ---- what it must not be asked


def test_fields_are_never_told_by_texts_that_name_them(shop: Shop) -> None:
    """The block's vectors are made of whole texts, whichever split a product is of."""
    from goodsense.shop.ablation import Plan
    from goodsense.shop.blind import honest_modalities
    from goodsense.shop.evaluation import evaluate_classify, evaluate_regress

    for held_out in (True, False):
        with pytest.raises(UsageError, match="made of texts that name what is measured"):
            honest_modalities(shop, ["image", JOINT], held_out=held_out)
        assert set(honest_modalities(shop, (), held_out=held_out)) == {"text", "image", "attributes"}
    with pytest.raises(UsageError, match="'joint' is no modality"):
        evaluate_classify(shop, "colour", modalities=[JOINT])
    with pytest.raises(UsageError, match="'joint' is no modality"):
        evaluate_regress(shop, "pieces", modalities=["text", JOINT])
    with pytest.raises(UsageError, match="'joint' is no modality"):
        shop.ablate(Plan(modalities=("text", JOINT)))
