from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from goodsense.encoders.parallel import FEW, Broken, FileReader, read_files
from goodsense.media.reading import ImageWish

BROKEN = {3: "broken.jpg", 40: "missing.png"}


def mean_colour(image: np.ndarray) -> np.ndarray:
    return image.reshape(-1, 3).mean(axis=0).astype(np.float32)


READER = FileReader(ImageWish(), mean_colour)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """100 pictures, of which row ``i`` is of grey ``2 * i``; two of them broken."""
    root = tmp_path_factory.mktemp("pictures")
    found = []
    for i in range(100):
        path = root / BROKEN.get(i, f"{i}.png")
        if i not in BROKEN:
            Pictures.fromarray(np.full((12, 10, 3), 2 * i, dtype=np.uint8)).save(path)
        found.append(path)
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return found


def check(found: list[tuple[int, object]]) -> None:
    assert [i for i, _ in found] == list(range(100))
    for i, described in found:
        if i in BROKEN:
            assert isinstance(described, Broken)
            assert BROKEN[i] in described.reason
        else:
            np.testing.assert_array_equal(described, [2 * i] * 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_come_in_order_and_broken_files_say_so(files: list[Path], workers: int) -> None:
    assert len(files) > FEW  # or no second process would start
    check(list(read_files(files, READER, workers=workers)))


def test_no_files_give_nothing() -> None:
    assert list(read_files([], READER, workers=4)) == []


def test_leaving_early_leaves_no_process_behind(files: list[Path]) -> None:
    psutil = pytest.importorskip("psutil")
    rows = read_files(files * 5, READER, workers=2)
    next(rows)
    assert _workers(psutil)
    rows.close()
    assert not _workers(psutil)


def _workers(psutil: object) -> list[object]:
    children = psutil.Process().children(recursive=True)  # type: ignore[attr-defined]
    return [child for child in children if "sandbox_worker" in " ".join(child.cmdline())]


def test_more_files_than_wait_at_once(files: list[Path]) -> None:
    many = files * 4
    found = list(read_files(many, READER, workers=2))
    assert [i for i, _ in found] == list(range(len(many)))
    np.testing.assert_array_equal(found[305][1], [10, 10, 10])


def test_ctrl_c_ends_quietly(files: list[Path], tmp_path: Path) -> None:
    """The parent gets the one KeyboardInterrupt; no worker prints a traceback or stays."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from goodsense.encoders.descriptors import describe\n"
        "from goodsense.encoders.parallel import FileReader, read_files\n"
        "from goodsense.media.reading import ImageWish\n"
        "if __name__ == '__main__':\n"
        "    paths = [Path(p) for p in sys.argv[1:]] * 200\n"
        "    try:\n"
        "        for i, found in read_files(paths, FileReader(ImageWish(), describe), workers=2):\n"
        "            if i == 0: print('started', flush=True)\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n",
        "utf-8",
    )
    command = [sys.executable, str(script), *(str(path) for path in files if path.name not in BROKEN.values())]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everyone in the group gets it
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
