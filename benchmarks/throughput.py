"""Throughput: items per second of every encoder, with one and two processes, against the loop that a user would write.

Reads pictures of ``fashion_products`` and sounds of ``esc10``; clips of 854x480 are generated. Then a whole build of
generated products: how busy both cores are while it encodes, and how its memory grows.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common import Bench, in_child, parser, read_csv, report_path, spread, working_directory
from goodsense.encoders import make_encoder
from goodsense.encoders.parallel import FileReader, read_files
from goodsense.text import Tokenizer
from goodsense.types import MediaEncoder, Modality

PROTOCOL = (
    "files are read, decoded and encoded by fitted encoders in one and in two worker processes, from the first result "
    "on; the peers are loops of one process over the same files in the same run: OpenCV and scikit-image (decode, "
    "colour histograms, HOG), librosa (load, 20 MFCC with deltas, mean and deviation) after a warm-up, OpenCV's "
    "VideoCapture (every frame decoded, four a second described); clips are generated, 854x480, 25 frames a second; "
    "ratios and rates per core count processor seconds, of all processes; titles are encoded by the fitted text "
    "encoder in one process; the build has generated products with a text and a picture each, and is measured from the "
    "first to the last input encoded: processor time of all its processes against what other programs left of both "
    "cores, and the slope of its anonymous memory"
)
FIT = 300  # files that an encoder is fitted on; rates do not depend on them
BATCH = 128
CLIPS, CLIP_S = 12, 10.0


def main() -> None:
    made = parser(__doc__ or "")
    made.add_argument("--limit", type=int, default=1_500, help="pictures to use")
    made.add_argument("--products", type=int, default=100_000, help="products of the generated build; 0 for none")
    options = made.parse_args()
    bench = Bench("throughput", PROTOCOL, seeds={"fit": 0}, settings={"pictures": options.limit})
    with working_directory(options.work) as work:
        run(bench, options, work)
    bench.write(report_path(options, bench.name, whole=options.products >= 100_000))


def run(bench: Bench, options: argparse.Namespace, work: Path) -> None:
    rows = read_csv(options.data / "fashion_products" / "products.csv")
    pictures = [options.data / "fashion_products" / row["image"] for row in spread(rows, options.limit)]
    sounds = sorted((options.data / "esc10" / "audio").iterdir())
    with bench.stage("generate clips"):
        clips = make_clips(work)
    titles(bench, [row["title"] for row in rows])
    media(bench, "image", ("descriptors", "fisher"), pictures, "pictures/s")
    peer(bench, "image", "OpenCV loop", opencv_pictures, pictures, "pictures/s")
    media(bench, "audio", ("spectral",), sounds, "clips/s")
    peer(bench, "audio", "librosa loop", librosa_sounds, sounds, "clips/s")
    media(bench, "video", ("frames", "motion"), clips, "clips/s")
    peer(bench, "video", "OpenCV loop", opencv_clips, clips, "clips/s")
    against(bench)
    if options.products:
        with bench.stage("build of generated products"):
            whole_build(bench, work, options.products)


def media(bench: Bench, modality: Modality, names: Sequence[str], files: Sequence[Path], unit: str) -> None:
    for name in names:
        with bench.stage(f"{modality} {name}"):
            for workers in (1, 2):
                found = in_child(encoded, modality, name, [str(file) for file in files], workers)
                label = f"{modality} {name}, {workers} process{'es' if workers > 1 else ''}"
                bench.figure(label, found["rate"], unit=unit)
                bench.details[label] = found


def encoded(modality: Modality, name: str, files: Sequence[str], workers: int) -> dict[str, Any]:
    """Rate of reading, describing and projecting, in a fresh process."""
    paths = [Path(file) for file in files]
    encoder = make_encoder(modality, name)
    assert isinstance(encoder, MediaEncoder)
    some = spread(paths, FIT)
    raw = [found for _, found in read_files(some, FileReader(encoder.wish, encoder.describe), workers=2)]
    described = [found for found in raw if isinstance(found, np.ndarray)]
    encoder.fit_described(described, labels=[{"id": str(i)} for i in range(len(described))], seed=0)
    del raw, described
    many = paths * max(1, 400 // len(paths))
    started, before, after = 0.0, 0.0, 0.0
    waiting: list[Any] = []
    for number, found in read_files(many, FileReader(encoder.wish, encoder.describe), workers=workers):
        if not number:
            started, before = time.perf_counter(), processor_seconds()
        elif number == len(many) - 1:  # the workers are still there to be asked
            after = processor_seconds()
        if isinstance(found, np.ndarray):
            waiting.append(found)
        if len(waiting) == BATCH:
            encoder.project(waiting)
            waiting = []
    last = time.process_time()
    encoder.project(waiting)
    took = time.perf_counter() - started
    spent = after - before + time.process_time() - last
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "rate": (len(many) - 1) / took,
        "per_cpu_s": (len(many) - 1) / spent,
        "files": len(many),
        "worker_peak_mb": round(peak),
    }


def processor_seconds() -> float:
    """What this process and those below it have spent so far."""
    import psutil

    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(found.user + found.system for found in times))


class Clocks:
    """How many files per second, of the clock and of the processor."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def rates(self, files: Sequence[str]) -> dict[str, Any]:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {"rate": len(files) / wall, "per_cpu_s": len(files) / cpu, "files": len(files)}


# ---- the loops that users write


def peer(
    bench: Bench,
    modality: str,
    name: str,
    loop: Callable[[Sequence[str]], dict[str, Any]],
    files: Sequence[Path],
    unit: str,
) -> None:
    with bench.stage(f"{modality}, {name}"):
        found = in_child(loop, [str(file) for file in files])
    bench.figure(f"{modality}, {name}", found["rate"], unit=unit)
    bench.details[f"{modality}, {name}"] = found


def opencv_pictures(files: Sequence[str]) -> dict[str, Any]:
    import cv2
    from skimage.feature import hog

    cv2.setNumThreads(1)
    clocks = Clocks()
    for file in files:
        _described(cv2, hog, cv2.imread(file))
    return clocks.rates(files)


def _described(cv2: Any, hog: Any, picture: Any) -> Any:
    small = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    colours = [cv2.calcHist([lab], [channel], None, [32], [0, 256]).ravel() for channel in range(3)]
    shape = hog(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    return np.concatenate([*colours, shape])


def librosa_sounds(files: Sequence[str]) -> dict[str, Any]:
    import warnings

    import librosa

    def one(file: str) -> Any:
        samples, rate = librosa.load(file, sr=16_000)
        mfcc = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=20)
        both = np.concatenate([mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)])
        return np.concatenate([both.mean(axis=1), both.std(axis=1)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one(files[0])
        clocks = Clocks()
        for file in files:
            one(file)
    return clocks.rates(files)


def opencv_clips(files: Sequence[str]) -> dict[str, Any]:
    import cv2
    from skimage.feature import hog

    cv2.setNumThreads(1)
    clocks = Clocks()
    for file in files:
        capture = cv2.VideoCapture(file)
        every = max(1, round(capture.get(cv2.CAP_PROP_FPS) / 4))
        number = 0
        while True:
            good, picture = capture.read()
            if not good:
                break
            if number % every == 0:
                _described(cv2, hog, picture)
            number += 1
        capture.release()
    return clocks.rates(files)


def against(bench: Bench) -> None:
    """Per second of a core's work, which other programs disturb least: ratios against the peers, and real time."""
    rate = {name: found["per_cpu_s"] for name, found in bench.details.items() if "per_cpu_s" in found}
    for name in ("descriptors", "fisher"):
        bench.figure(
            f"image {name} per OpenCV loop", rate[f"image {name}, 1 process"] / rate["image, OpenCV loop"], unit="x"
        )
    sound = rate["audio spectral, 1 process"]
    bench.figure("sounds of about 5 s per core", sound, unit="clips/s", target=150)
    bench.figure("audio spectral per librosa loop", sound / rate["audio, librosa loop"], unit="x", target=2)
    for name in ("frames", "motion"):
        speed = rate[f"video {name}, 1 process"] * CLIP_S
        bench.figure(
            f"video {name}, times real time per core at 480p", speed, unit="x", target=3 if name == "frames" else None
        )
        bench.figure(
            f"video {name} per OpenCV loop", rate[f"video {name}, 1 process"] / rate["video, OpenCV loop"], unit="x"
        )


def make_clips(work: Path) -> list[Path]:
    """Clips of 854x480: textured shapes that move before a textured ground."""
    import av
    import cv2

    found = []
    for number in range(CLIPS):
        rng = np.random.default_rng(number)
        ground = cv2.resize(
            rng.integers(0, 256, (30, 54, 3), dtype=np.uint8), (854, 480), interpolation=cv2.INTER_CUBIC
        )
        thing = cv2.resize(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8), (160, 160), interpolation=cv2.INTER_CUBIC)
        path = work / f"clip-{number}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "threads": "2"})
            stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
            for at in range(int(CLIP_S * 25)):
                frame = np.roll(ground, at // 2, axis=1)
                x, y = int(300 + 250 * np.sin(at / 20 + number)), int(160 + 120 * np.cos(at / 15))
                frame[y : y + 160, x : x + 160] = thing
                for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")):
                    container.mux(packet)
            for packet in stream.encode(None):
                container.mux(packet)
        found.append(path)
    return found


def titles(bench: Bench, texts: Sequence[str]) -> None:
    encoder = make_encoder("text", "lsa", tokenizer=Tokenizer())
    values = [{"title": text} for text in texts]
    with bench.stage("fit titles"):
        encoder = encoder.fit(values, seed=0)
    encoder.encode(values[:100])
    with bench.stage("encode titles"):
        started = time.perf_counter()
        encoder.encode(values)
        took = time.perf_counter() - started
    bench.figure("titles", len(values) / took, target=5_000, unit="titles/s")
    with bench.stage("encode queries one by one"):
        started = time.perf_counter()
        asked = spread(texts, 500)
        for text in asked:
            encoder.encode_query([text])
        took = time.perf_counter() - started
    bench.figure("one title as a query", took / len(asked) * 1e3, unit="ms", better="lower")
    bench.details["titles"] = {"texts": len(values), "dim": encoder.dim}


# ---- a whole build


def whole_build(bench: Bench, work: Path, count: int) -> None:
    """Cores and memory while a build encodes."""
    directory = work / "shop"
    fill(directory, count)
    found = in_child(watched_build, str(directory))
    bench.details["build"] = found
    bench.figure("cores busy while encoding", found["busy"], unit="of both", target=0.85)
    bench.figure("memory per 1,000 products while encoding", found["slope_mb"], unit="MiB", better="lower", target=1.0)
    bench.figure("products encoded", found["rate"], unit="products/s")
    bench.figure("peak memory of the build's process", found["peak_mb"], unit="MiB", better="lower")


def fill(directory: Path, count: int) -> None:
    import cv2
    from PIL import Image as pil

    from goodsense.catalog import Product
    from goodsense.media import MediaStore
    from goodsense.shop import Shop
    from goodsense.types import ImageRef

    store = MediaStore(directory / "media")
    words = [f"word{number}" for number in range(3_000)]

    def products() -> Iterator[Product]:
        from hashlib import sha256

        for number in range(count):
            rng = np.random.default_rng(number)
            canvas = cv2.resize(
                rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC
            )
            data = io.BytesIO()
            pil.fromarray(canvas).save(data, "JPEG", quality=80)
            name = sha256(data.getvalue()).hexdigest()
            path = store.path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
            some = rng.integers(0, len(words), 14)
            title = " ".join(words[int(i)] for i in some[:6])
            description = " ".join(words[int(i)] for i in some)
            media = (ImageRef(f"{number}.jpg", name),)
            yield Product(f"p{number:07d}", title, description, brand=words[int(some[0]) % 50], media=media)

    with Shop.create(directory) as shop:
        shop.add(products())


def watched_build(directory: str) -> dict[str, Any]:
    """Build in this process, and look at it every half second while it encodes."""
    from goodsense.shop import Recipe
    from goodsense.shop.build import build

    seen: list[Look] = []
    done: dict[str, int] = {}

    def progress(stage: str, at: int, total: int | None, *, note: str = "") -> None:
        if stage.startswith("encode"):
            done[stage] = at

    with _looking(seen, done):
        report = build(Path(directory), Recipe(), progress=progress)
    encoding = [look for look in seen if look.inputs > 0]
    last = max(look.inputs for look in encoding)
    encoding = [look for look in encoding if look.inputs < last] or encoding
    wall = encoding[-1].time - encoding[0].time
    own = encoding[-1].own_s - encoding[0].own_s
    others = max(0.0, encoding[-1].all_s - encoding[0].all_s - own)
    pictures = np.array([look.inputs for look in encoding], dtype=np.float64)
    later = pictures > 0.1 * last
    slope = float(np.polyfit(pictures[later] / 1_000, np.array([look.memory_mb for look in encoding])[later], 1)[0])
    cores = os.cpu_count() or 1
    return {
        "busy": own / (cores * wall - others),
        "own_cpu_s": own,
        "others_cpu_s": others,
        "wall_s": wall,
        "slope_mb": slope,
        "rate": (pictures[-1] - pictures[0]) / wall,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": report.seconds,
        "stages": report.stages,
        "looks": len(encoding),
    }


class Look(NamedTuple):
    """One look at a running build: processor seconds of its own and of all programs, memory of its own alone."""

    time: float
    own_s: float
    all_s: float
    memory_mb: float
    inputs: int


@contextmanager
def _looking(seen: list[Look], done: dict[str, int]) -> Iterator[None]:
    import psutil

    over = threading.Event()
    own = psutil.Process()
    spent: dict[int, float] = {}

    def look() -> None:
        while not over.wait(0.5):
            memory = 0.0
            for process in (own, *own.children(recursive=True)):
                try:
                    times = process.cpu_times()
                    spent[process.pid] = times.user + times.system
                    info = process.memory_info()
                    memory += (info.rss - info.shared) / 2**20
                except psutil.Error:
                    continue
            system = psutil.cpu_times()
            all_s = sum(system) - system.idle - system.iowait - system.guest - system.guest_nice
            seen.append(Look(time.perf_counter(), sum(spent.values()), all_s, memory, done.get("encode image", 0)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
