"""What every command answers: the result on standard output, its JSON keys, nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from goodsense.catalog.feeds import read_feed
from goodsense.shop import Shop
from goodsense.tables import Rejects
from tests.cli.calls import Called, Caller, run_command
from tests.cli.conftest import Material, write_feed
from tests.shop.catalogs import toys

HIT_KEYS = {"rank", "id", "score", "title", "terms", "confidence", "reason"}


def check_hits(called: Called) -> list[str]:
    """The promised keys, terms that sum to the score, ranks from 1; returns the ids."""
    assert called.code == 0, called.err
    assert {"query", "hits", "took_ms"} <= called.json.keys()
    hits = called.json["hits"]
    for rank, hit in enumerate(hits, start=1):
        assert hit.keys() >= HIT_KEYS
        assert hit["rank"] == rank
        assert sum(hit["terms"].values()) == pytest.approx(hit["score"], abs=1e-6)
    return [hit["id"] for hit in hits]


def test_ingest_reports_counts_and_seconds(material: Material) -> None:
    found = material.ingested.json
    assert material.ingested.code == 0, material.ingested.err
    assert {"read", "added", "changed", "unchanged", "rejected", "seconds"} <= found.keys()
    assert (found["read"], found["added"], found["changed"], found["unchanged"], found["rejected"]) == (72, 72, 0, 0, 0)
    assert found["media"] == {"taken in": 61}
    assert 0 < found["seconds"] < 60


def test_build_reports_every_block(material: Material) -> None:
    found = material.built.json
    assert material.built.code == 0, material.built.err
    assert found.keys() >= {"build", "products", "modalities", "seconds"}
    assert found["products"] == 72
    assert found["build"] == (material.shop / "CURRENT").read_text("utf-8").strip()
    assert set(found["modalities"]) == {"text", "image", "attributes"}
    for block in found["modalities"].values():
        assert block.keys() >= {"present", "encoded", "cached", "seconds"}
    assert found["modalities"]["image"]["present"] == 61
    assert "encode text" in material.built.err, "progress belongs on standard error"


def test_ingest_says_in_words_what_it_did(own: Path, material: Material, call: Caller) -> None:
    said = call("ingest", own, material.feed)
    assert said.code == 0
    assert "72 products read: 0 added, 0 changed, 72 unchanged." in said.out
    assert f"Next: goodsense build {own}" in said.out


def test_ingest_takes_a_mapping_a_media_folder_and_a_currency(tmp_path: Path, material: Material, call: Caller) -> None:
    feed = tmp_path / "named.csv"
    feed.write_text("No.,Name,Cost,Photo\n1,A drum,9.50,1.jpg\n", "utf-8")
    done = call(
        "ingest", tmp_path / "shop", feed, "--json", "--media", material.feed.parent / "photos", "--currency", "EUR",
        "--map", "id=No.", "--map", "title=Name", "--map", "price=Cost", "--map", "image=Photo",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["media"] == {"taken in": 1}
    exported = tmp_path / "out.jsonl"
    assert call("export", tmp_path / "shop", exported).code == 0
    (product,) = (product for _, product in read_feed(exported, rejects=Rejects.to_memory()))
    assert (product.id, product.title, str(product.price)) == ("1", "A drum", "9.50 EUR")


def test_a_dry_run_adds_nothing(own: Path, tmp_path: Path, call: Caller) -> None:
    feed = write_feed(tmp_path / "more.csv", toys(80)[72:])
    before = (own / "catalog.sqlite").read_bytes()
    done = call("ingest", own, feed, "--dry-run", "--json", "--media", tmp_path)
    assert (done.code, done.json["read"]) == (0, 8)
    assert (own / "catalog.sqlite").read_bytes() == before
    assert "dry run, nothing changed" in call("ingest", own, feed, "--dry-run").out
    assert call("ingest", tmp_path / "new", feed, "--dry-run").code == 0
    assert not (tmp_path / "new").exists()


def test_delete_missing_deletes_what_the_feed_does_not_name(own: Path, tmp_path: Path, call: Caller) -> None:
    feed = write_feed(tmp_path / "fewer.csv", [p for p in toys(72) if p.id != "toy-0000"])
    done = call("ingest", own, feed, "--delete-missing", "--json")
    assert (done.code, done.json["deleted"]) == (0, 1)
    assert "toy-0000" not in check_hits(call("search", own, "no 0", "-k", "72", "--json"))


def test_build_with_nothing_new_encodes_nothing(own: Path, call: Caller) -> None:
    again = call("build", own)
    assert again.code == 0
    assert "nothing changed since the live build" in again.out


def test_build_with_another_recipe(own: Path, tmp_path: Path, call: Caller) -> None:
    recipe = tmp_path / "words.toml"
    recipe.write_text('[encoders]\ntext = ""\nimage = ""\n', "utf-8")
    built = call("build", own, "--recipe", recipe, "--workers", "1", "--json")
    assert built.code == 0, built.err
    assert set(built.json["modalities"]) == {"attributes"}


# ---- search


def test_search_by_text_as_a_process(material: Material) -> None:
    ids = check_hits(run_command("search", material.shop, "red wooden train", "-k", "3", "--json"))
    assert ids[0] == "toy-0000"
    assert len(ids) == 3


def test_search_for_people_is_a_table(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "red wooden train", "-k", "2")
    lines = found.out.splitlines()
    assert lines[0].split() == ["#", "id", "score", "sure", "title", "because"]
    assert lines[2].split()[:2] == ["1", "toy-0000"]
    assert "products scored exactly" in lines[-1]
    assert found.err == ""


def test_search_by_picture(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "--image", material.photo, "-k", "3", "--json")
    check_hits(found)
    assert all("red" in hit["title"] and set(hit["terms"]) == {"image"} for hit in found.json["hits"])


def test_search_by_text_and_picture(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "robot", "--image", material.photo, "-k", "3", "--json")
    check_hits(found)
    assert all("robot red" in hit["title"] for hit in found.json["hits"])
    assert [part["kind"] for part in found.json["query"]["parts"]] == ["text", "image"]


def test_search_like_a_product_leaves_it_out(material: Material, call: Caller) -> None:
    ids = check_hits(call("search", material.shop, "--like", "toy-0001", "-k", "71", "--json"))
    assert len(ids) == 71
    assert "toy-0001" not in ids


def test_not_pushes_down(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "wooden train", "--not", "red", "-k", "3", "--json")
    check_hits(found)
    assert all("red" not in hit["title"] for hit in found.json["hits"])
    assert found.json["query"]["parts"][1]["weight"] < 0


def test_where_filters_in_major_units(material: Material, call: Caller) -> None:
    expression = "price < 20 and in_stock and colour != 'red'"
    ids = check_hits(call("search", material.shop, "toy", "--where", expression, "-k", "50", "--json"))
    assert sorted(ids) == [f"toy-{n:04d}" for n in range(15) if n % 4]


def test_using_scores_one_block_only(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "teapot", "--using", "text", "--json")
    check_hits(found)
    assert {name for hit in found.json["hits"] for name in hit["terms"]} == {"text"}


def test_explain_adds_detail(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "drum", "--explain", "--json")
    check_hits(found)
    assert all(hit["detail"]["parts"] for hit in found.json["hits"])
    assert "= score" in call("search", material.shop, "drum", "--explain").out


def test_a_search_that_finds_nothing_is_no_error(material: Material, call: Caller) -> None:
    found = call("search", material.shop, "drum", "--where", "price > 100000")
    assert found.code == 0
    assert "no product passes the filter" in found.out


def test_similar(material: Material, call: Caller) -> None:
    found = call("similar", material.shop, "toy-0001", "-k", "5", "--json")
    ids = check_hits(found)
    assert len(ids) == 5
    assert "train" in found.json["hits"][0]["title"]
    narrowed = check_hits(call("similar", material.shop, "toy-0001", "--where", "material = 'metal'", "--json"))
    assert all(48 <= int(id[-4:]) < 72 for id in narrowed)


# ---- judge, evaluate


def test_judge_keeps_queries_and_the_build_tunes_on_them(own: Path, material: Material, call: Caller) -> None:
    kept = call("judge", own, "--queries", material.queries, "--qrels", material.qrels, "--json")
    assert (kept.code, kept.json) == (0, {"queries": 24, "judgements": 24 * 72})
    built = call("build", own, "--workers", "1", "--json")
    assert built.code == 0, built.err
    assert built.json["verdict"]["source"] == "24 judged queries"


def test_evaluate_search(own: Path, material: Material, call: Caller) -> None:
    judged = ("--queries", material.queries, "--qrels", material.qrels)
    done = call("evaluate", "search", own, *judged, "-k", "5", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found.keys() >= {"metrics", "queries", "latency_ms"}
    assert found["metrics"].keys() >= {"ndcg@5", "ndcg@10", "recall@10", "recall@100", "mrr@10"}
    assert found["latency_ms"].keys() >= {"p50", "p99"}
    assert found["queries"] == 24
    assert found["metrics"]["ndcg@10"] > 0.9, "every query names thing and colour, as the titles do"
    assert Path(found["picture"]).read_bytes().startswith(b"\x89PNG")


def test_evaluate_search_within_the_judged_pool(own: Path, material: Material, tmp_path: Path, call: Caller) -> None:
    judged = ("--queries", material.queries, "--qrels", material.qrels)
    run = tmp_path / "run.txt"
    done = call("evaluate", "search", own, *judged, "--judged-only", "--using", "bm25", "--run", run, "--json")
    assert done.code == 0, done.err
    lines = run.read_text("utf-8").splitlines()
    assert len(lines) == 24 * 72
    assert all(len(line.split()) == 6 for line in lines)
    assert "ndcg@10" in call("evaluate", "search", own, *judged).out


def test_evaluate_classify(own: Path, call: Caller) -> None:
    done = call("evaluate", "classify", own, "--label", "category", "--modality", "text", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert found.keys() >= {"metrics", "rows", "classes"}
    assert found["metrics"].keys() >= {"accuracy", "macro_f1"}
    assert found["rows"] == 14, "the test rows: every fifth of 72"
    assert found["metrics"]["accuracy"] > 0.9, "the title names the category"
    assert (own / "reports" / "classify-category-text.png").is_file()


def test_a_split_can_stand_in_any_column_and_in_words_of_either_language(own: Path, call: Caller) -> None:
    places = ("训练集", "validation", "test", "0")
    told = [replace(p, attributes={**p.attributes, "part": places[i % 4]}) for i, p in enumerate(toys(72))]
    with Shop.open(own) as shop:
        shop.add(told)
    asked = ("evaluate", "classify", own, "--label", "colour", "--modality", "text", "--split-column", "part")
    done = call(*asked, "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == 18
    with Shop.open(own) as shop:
        shop.add([replace(told[0], attributes={**told[0].attributes, "part": "maybe"})])
    refused = call(*asked)
    assert refused.code == 3
    assert "toy-0000" in refused.err
    assert "maybe" in refused.err


def test_evaluate_classify_with_masked_words_cannot_read_the_label(own: Path, call: Caller) -> None:
    plain = call("evaluate", "classify", own, "--label", "colour", "--modality", "text", "--json")
    masked = call("evaluate", "classify", own, "--label", "colour", "--modality", "text", "--mask-label", "--json")
    assert (plain.code, masked.code) == (0, 0), plain.err + masked.err
    assert plain.json["metrics"]["accuracy"] > masked.json["metrics"]["accuracy"]


def test_evaluate_regress(own: Path, call: Caller) -> None:
    done = call("evaluate", "regress", own, "--target", "price", "--modality", "attributes", "--json")
    assert done.code == 0, done.err
    assert done.json["metrics"].keys() >= {"mae", "rmse", "r2"}
    assert done.json["metrics"]["r2"] > 0.5, "the price follows from the number of pieces"


# ---- export, doctor


@pytest.mark.parametrize(
    "name", ["out.csv", "out.tsv", "out.jsonl", "out.json", "out.parquet", "out.xml", "out.csv.gz"]
)
def test_export_chooses_the_format_by_name_and_can_be_read_again(
    name: str, material: Material, tmp_path: Path, call: Caller
) -> None:
    target = tmp_path / name
    done = call("export", material.shop, target, "--json")
    assert (done.code, done.json) == (0, {"products": 72, "file": str(target)}), done.err
    rejects = Rejects.to_memory()
    again = [product.id for _, product in read_feed(target, rejects=rejects)]
    assert again == [f"toy-{n:04d}" for n in range(72)]
    assert not len(rejects)


def test_export_as_a_process(material: Material, tmp_path: Path) -> None:
    done = run_command("export", material.shop, tmp_path / "out", "--format", "google-tsv", "--raw")
    assert (done.code, done.out) == (0, f"72 products -> {tmp_path / 'out'}\n")


def test_doctor_tells_versions_and_the_state_of_a_shop(material: Material, own: Path, call: Caller) -> None:
    done = call("doctor", material.shop, "--json")
    assert done.code == 0, done.err
    assert done.json["packages"].keys() >= {"goodsense", "python", "numpy", "torch", "ruff"}
    assert any("72 products" in line for line in done.json["shop"])
    assert "the build is up to date" in done.json["shop"]
    (own / "CURRENT").unlink()
    assert f"not built yet: goodsense build {own}" in call("doctor", own).out


def test_json_is_one_line_on_standard_output(material: Material, call: Caller) -> None:
    for arguments in (("search", material.shop, "kite"), ("doctor",), ("similar", material.shop, "toy-0003")):
        found = call(*arguments, "--json")
        assert found.out.count("\n") == 1
        assert json.loads(found.out)
        assert found.err == ""
