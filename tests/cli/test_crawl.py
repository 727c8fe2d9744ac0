"""``goodsense crawl`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import Caller
from tests.crawl.webshop import webshop


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


def test_a_shop_is_crawled_into_a_new_catalog(call: Caller, tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        options = ("--allow-private", "--delay", "0", "--contact", "https://example.com/bot")
        found = call("crawl", str(tmp_path / "shop"), served.url, *options, "--json")
        assert found.code == 0
        assert found.json["products"] == found.json["added"] == 23
        assert (found.json["ended"], found.json["waiting"]) == ("finished", 0)
        assert served.agents == {"goodsense/0.1.0 (+https://example.com/bot)"}
        said = call("crawl", str(tmp_path / "shop"), served.url, *options)
        assert "23 products on" in said.out
        assert "23 unchanged" in said.out
        assert "disallowed by robots.txt" in said.out
        assert f"goodsense build {tmp_path / 'shop'}" in said.out


def test_a_limit_is_said_and_gone_on_from(call: Caller, tmp_path: Path) -> None:
    with webshop(20, traps=False) as served:
        arguments = ("crawl", str(tmp_path / "shop"), served.url, "--allow-private", "--delay", "0")
        assert "ended at the limit of pages" in call(*arguments, "--pages", "15").out
        assert call(*arguments, "--json").json["resumed"] is True


def test_what_must_not_be_opened_is_refused_and_leaves_no_shop(call: Caller, tmp_path: Path) -> None:
    for url, said in (("http://127.0.0.1/", "this machine"), ("http://127.1/", "odd number"), ("file:///etc", "http")):
        refused = call("crawl", str(tmp_path / "shop"), url, "--json")
        assert refused.code == 3
        assert said in json.loads(refused.err.splitlines()[-1])["error"]["message"]
        assert not (tmp_path / "shop").exists()


def test_the_help_says_what_allow_private_does(call: Caller) -> None:
    assert "this machine and its network" in " ".join(call("crawl", "--help").out.split())
