"""Folders that are not whole say what they lack; nothing is downloaded unasked; only what fills the network loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from goodsense.encoders import encoder_options, make_encoder
from goodsense.encoders.hub import allow_downloads, describe_model, loading
from goodsense.encoders.hub.loading import find_model, load_network
from goodsense.errors import DataError, DependencyError, UsageError
from tests.encoders.hub import models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(models.ready("bert"), tmp_path / "model"))


@pytest.mark.parametrize(
    ("gone", "lacks"),
    [
        (["config.json"], "lacks config.json; found model.safetensors"),
        (["model.safetensors"], "lacks model.safetensors; found config.json"),
        (["tokenizer.json"], r"lacks a tokenizer \(tokenizer.json\)"),
        (["tokenizer.json", "model.safetensors"], "lacks model.safetensors and a tokenizer"),
    ],
)
def test_a_folder_says_all_that_it_lacks(folder: Path, gone: list[str], lacks: str) -> None:
    for name in gone:
        (folder / name).unlink()
    with pytest.raises(DependencyError, match=lacks) as raised:
        make_encoder("text", f"hub:{folder}")
    assert str(folder) in str(raised.value)
    assert "Copy what is missing" in raised.value.fix


def test_pictures_need_a_processor(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models.ready("vit"), tmp_path / "model"))
    (folder / "preprocessor_config.json").write_text('{"size": "large"}', "utf-8")
    with pytest.raises(DataError, match="does not say how pictures are prepared"):
        make_encoder("image", f"hub:{folder}")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(DependencyError, match=r"lacks preprocessor_config\.json"):
        make_encoder("image", f"hub:{folder}")


def test_weights_that_could_run_code_are_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DependencyError, match=r"lacks model\.safetensors; found .*pytorch_model\.bin") as raised:
        find_model(str(folder))
    assert "pytorch_model.bin can run code" in raised.value.fix


def test_shards_are_all_needed(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with pytest.raises(DependencyError, match=r"lacks model-00002-of-00002\.safetensors"):
        find_model(str(folder))


def test_other_architectures_are_told_from_unknown_ones(folder: Path) -> None:
    with pytest.raises(UsageError, match="'bert', which is for text; expected one for image or image\\+text"):
        make_encoder("image", f"hub:{folder}")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "perceptron"}), "utf-8")
    with pytest.raises(UsageError, match="'perceptron', which is not supported for text") as raised:
        make_encoder("text", f"hub:{folder}")
    assert "bert, roberta" in raised.value.fix
    assert find_model(str(folder), types=("perceptron",)).model_type == "perceptron"
    with pytest.raises(UsageError, match="no models of the hub for 'behaviour'; there are for text, image"):
        make_encoder("behaviour", f"hub:{folder}")


def test_weights_must_fill_the_network(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}), "utf-8")
    with pytest.raises(DataError, match=r"do not fill the network: 16 are missing \(encoder\.layer\.2"):
        load_network(find_model(str(folder)))
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 64}), "utf-8")
    with pytest.raises(DataError, match="cannot be loaded"):
        load_network(find_model(str(folder)))
    (folder / "config.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"config\.json cannot be read"):
        find_model(str(folder))


def test_a_folder_or_repository_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DependencyError, match=r"no model folder '\./absent'"):
        encoder_options("text", "hub:./absent")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DependencyError, match="'owner/absent' is neither a local folder nor in the cache") as raised:
        encoder_options("text", "hub:owner/absent")
    assert "--download" in raised.value.fix


def test_the_cache_of_the_hub_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "cache" / "models--owner--name"
    shutil.copytree(folder, home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit, "utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert find_model("owner/name", "text").path == home / "snapshots" / commit
    assert find_model(f"owner/name@{commit}").model_type == "bert"
    assert find_model("owner/name").hash == find_model(str(folder)).hash


def test_downloads_are_asked_for_and_only_bring_what_is_safe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def snapshot(repository: str, **more: Any) -> str:
        asked.append({"repository": repository, **more})
        if more.get("local_files_only"):
            raise FileNotFoundError(repository)
        return str(folder)

    monkeypatch.setattr(loading, "_hub", lambda: SimpleNamespace(snapshot_download=snapshot))
    with pytest.raises(DependencyError, match="nothing is downloaded"):
        find_model("owner/name")
    assert [call.get("local_files_only") for call in asked] == [True]
    with allow_downloads():
        assert find_model("owner/name@v2").path == folder
    assert asked[-1]["repository"] == "owner/name"
    assert asked[-1]["revision"] == "v2"
    patterns = asked[-1]["allow_patterns"]
    assert "*.safetensors" in patterns
    assert not [pattern for pattern in patterns if pattern.endswith((".bin", ".py", "*")) and pattern != "LICENSE*"]
    with pytest.raises(DependencyError, match="nothing is downloaded"):
        find_model("owner/name")


def test_a_failed_download_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(repository: str, **more: Any) -> str:
        raise OSError("no such repository\nand much more")

    monkeypatch.setattr(loading, "_hub", lambda: SimpleNamespace(snapshot_download=snapshot))
    with allow_downloads(), pytest.raises(DependencyError, match="could not be downloaded") as raised:
        find_model("owner/name")
    assert raised.value.message.endswith("no such repository")


def test_a_card_states_size_and_licence(folder: Path) -> None:
    card = describe_model(f"hub:{folder}")
    weights = folder / "model.safetensors"
    assert (card.model_type, card.interface, card.licence) == ("bert", "text", "")
    assert card.size == weights.stat().st_size
    assert 0 < card.parameters * 4 < card.size < card.parameters * 4 + 20_000
    assert "licence not stated" in str(card)
    (folder / "LICENSE").write_text("\n   Apache License 2.0\nmore", "utf-8")
    assert describe_model(str(folder)).licence == "Apache License 2.0"
    for head, licence in (
        ("license: mit", "mit"),
        ("tags:\n- a\nlicense:\n- cc-by-4.0\nlanguage: en", "cc-by-4.0"),
        ("license: other\nlicense_name: own-terms", "own-terms"),
    ):
        (folder / "README.md").write_text(f"---\n{head}\n---\n# A model\nlicense: none\n", "utf-8")
        assert describe_model(str(folder)).licence == licence
    assert str(describe_model(str(folder))).endswith("0 MB, licence own-terms")


def test_another_tokenizer_is_another_model(folder: Path) -> None:
    before = find_model(str(folder)).hash
    (folder / "README.md").write_text("A model.", "utf-8")
    assert find_model(str(folder)).hash == before
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text("utf-8") + " ", "utf-8")
    assert find_model(str(folder)).hash != before
