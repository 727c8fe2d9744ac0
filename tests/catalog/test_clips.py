"""Tables of clips as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodsense.catalog import Product
from goodsense.catalog.feeds import read_feed
from goodsense.errors import DataError
from goodsense.tables import Rejects
from goodsense.types import AudioRef, ImageRef, VideoRef


def read(path: Path, text: str, **how: str) -> dict[str, Product]:
    path.write_text(text, "utf-8")
    feed = read_feed(path, rejects=Rejects.to_memory(strict=True), **how)  # type: ignore[arg-type]
    assert feed.format == "clips"
    return {product.id: product for _, product in feed}


def test_audiocaps(tmp_path: Path) -> None:
    found = read(
        tmp_path / "test.csv",
        "audiocap_id,youtube_id,start_time,caption\n"
        "103549,7fmOlUlwoNg,20,Constant rattling noise\n103541,6BJ455B1aAs,0,A rocket flies\n"
        "103550,7fmOlUlwoNg,20,A man speaks\n103551,7fmOlUlwoNg,30,Silence\n",
    )
    assert list(found) == ["7fmOlUlwoNg_20", "6BJ455B1aAs_0", "7fmOlUlwoNg_30"]
    first = found["7fmOlUlwoNg_20"]
    assert (first.title, first.bullets) == ("Constant rattling noise", ("A man speaks",))
    assert first.attributes["start"] == 20.0
    assert first.url == "https://www.youtube.com/watch?v=7fmOlUlwoNg"
    assert first.media == ()


def test_webvid(tmp_path: Path) -> None:
    found = read(
        tmp_path / "results.csv",
        "videoid,contentUrl,duration,page_dir,name\n"
        "1052,https://ak.example/1052.mp4,PT00H01M02S,000001_000050,Lonely beautiful woman\n",
    )
    clip = found["1052"]
    assert clip.title == "Lonely beautiful woman"
    assert clip.media == (VideoRef("https://ak.example/1052.mp4"),)
    assert clip.attributes == {"duration": 62.0, "page_dir": "000001_000050"}


def test_msr_vtt_and_its_like(tmp_path: Path) -> None:
    found = read(
        tmp_path / "x.tsv",
        "video_id\tstart\tend\tsentence\tsplit\nvideo1\t00:00:05\t1:02.5\ta cartoon\ttrain\nvideo2\t0\t5\t一个人\tval\n"
        "video1\t00:00:05\t1:02.5\tan animation\ttrain\n",
    )
    assert list(found) == ["video1_5", "video2_0"]
    assert found["video1_5"].attributes == {"start": 5.0, "end": 62.5}
    assert found["video1_5"].bullets == ("an animation",)
    assert found["video2_0"].split == "val"


def test_kinetics_and_a_plain_table(tmp_path: Path) -> None:
    found = read(tmp_path / "k.csv", "label,youtube_id,time_start,time_end,split\nyoga,-3B32lodo2M,59,69,train\n")
    assert found["-3B32lodo2M_59"].category == ("yoga",)
    found = read(
        tmp_path / "p.csv", "clip,path,caption,label,mood\nc1,v/1.mp4,开灯,灯具 > 台灯,calm\nc1,v/1.mp4,关灯,,\n"
    )
    clip = found["c1"]
    assert (clip.title, clip.bullets, clip.category) == ("开灯", ("关灯",), ("灯具", "台灯"))
    assert clip.attributes == {"mood": "calm"}


def test_tables_of_files(tmp_path: Path) -> None:
    found = read(tmp_path / "esc50.csv", "filename,fold,target,category,take\n1-100-A-0.wav,1,0,dog,A\n")
    dog = found["1-100-A-0.wav"]
    assert dog.media == (AudioRef("1-100-A-0.wav"),)
    assert dog.category == ("dog",)
    found = read(tmp_path / "clotho.csv", "file_name,caption_1,caption_2\nrain.wav,It rains.,Rain falls.\n")
    assert (found["rain.wav"].title, found["rain.wav"].bullets) == ("It rains.", ("Rain falls.",))
    found = read(tmp_path / "flickr.csv", "image,caption\n1.jpg,A dog.\n1.jpg,A brown dog.\n")
    assert found["1.jpg"].media == (ImageRef("1.jpg"),)
    assert found["1.jpg"].bullets == ("A brown dog.",)


def test_product_tables_with_videos_stay_product_tables(tmp_path: Path) -> None:
    for text in ("id,title,video\n1,kite,v/1.mp4\n", "sku,name,video_url,price\n1,kite,v/1.mp4,5 USD\n"):
        (tmp_path / "x.csv").write_text(text)
        assert read_feed(tmp_path / "x.csv", rejects=Rejects.to_memory()).format == "csv"


def test_a_table_without_a_name_for_its_clips_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("caption,mood\na,b\n")
    with pytest.raises(DataError, match=r"x\.csv: no column names the clip.*--map id="):
        read_feed(tmp_path / "x.csv", format="clips", rejects=Rejects.to_memory())


def test_rows_without_a_clip_are_rejected_whole(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("clip,caption\n,lost\nc1,kept\n")
    rejects = Rejects.to_memory()
    assert [product.id for _, product in read_feed(tmp_path / "x.csv", rejects=rejects)] == ["c1"]
    (reject,) = rejects.first
    assert (reject.row, reject.column, reject.record) == (2, "clip", {"clip": "", "caption": "lost"})


def test_thousands_of_captions_of_one_clip_are_cut_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("clip,caption\n" + "".join(f"c,caption {n}\n" for n in range(1500)))
    feed = read_feed(tmp_path / "x.csv", rejects=Rejects.to_memory())
    ((_, clip),) = feed
    assert len(clip.bullets) == 999
    assert any("1000 captions" in note for note in feed.notes)


def test_a_line_that_no_parser_takes_is_no_clip_table(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(f'id,title\n1,"{"x" * 200_000}\n', "utf-8")
    assert read_feed(path, rejects=Rejects.to_memory()).format == "csv"
