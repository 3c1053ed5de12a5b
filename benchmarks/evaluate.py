"""Images a second: recording a member's logits into the store, against a bare loop over the same files."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from timm.data.dataset import ImageDataset
from timm.data.transforms_factory import create_transform
from torch.utils.data import DataLoader

from benchmarks.report import Report, Row
from wee.app.console import progress
from wee.data.base import Transform
from wee.data.images.config import ImagesConfig
from wee.data.splits import TEST
from wee.lit.record import Recording, record
from wee.lit.runtime import RuntimeConfig
from wee.members.origins import LoadedMember
from wee.store import Address, LogitStore

CLASSES, EACH, SIDE = 10, 150, 160
MODEL, SIZE, BATCH = "resnet18", 96, 50
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROUNDS = 5


def run(folder: Path, report: Report) -> None:
    """Both ways in turns, so that the machine's moods meet both."""
    root = _images(folder / "images")
    torch.manual_seed(0)
    module = timm.create_model(MODEL, num_classes=CLASSES).eval()
    times: dict[str, list[float]] = {"wee": [], "bare": []}
    logits: dict[str, np.ndarray] = {}
    with progress("images") as bar:
        task = bar.add_task("evaluating", total=2 * ROUNDS * CLASSES * EACH)
        for _ in range(ROUNDS):
            for name, work in (("bare", _bare), ("wee", _wee)):
                start = time.perf_counter()
                logits[name] = work(module, root, folder)
                times[name].append(time.perf_counter() - start)
                bar.advance(task, CLASSES * EACH)
    if not np.allclose(logits["wee"], logits["bare"], rtol=1e-4, atol=1e-5):
        raise SystemExit("both ways must give the same logits")
    ours, plain = (statistics.median(times[name]) for name in ("wee", "bare"))
    count = CLASSES * EACH
    note = (
        f"{count:,} JPEGs, {MODEL} at {SIZE} px, batch {BATCH}: {count / ours:,.0f} and {count / plain:,.0f} images/s"
    )
    report.add(Row("recording logits", ours, f"a bare timm loop (median of {ROUNDS})", plain, note))


def _wee(module: torch.nn.Module, root: Path, folder: Path) -> np.ndarray:
    shutil.rmtree(folder / "recorded", ignore_errors=True)
    split = ImagesConfig(name="bench", root=str(root), memory=False).split("test")
    network = LoadedMember(module, Transform(SIZE, MEAN, STD, "bicubic", 0.875))
    address = Address("bench", "timm", MODEL, 0, TEST)
    with LogitStore(folder / "recorded").writer(address, {}, split.labels, split.ids, split.groups) as writer:
        how = Recording(BATCH, "32-true", "float32", RuntimeConfig(accelerator="cpu"))
        record(network, split, writer.missing, writer, how, lambda n: None)
        return np.array(writer.commit({"macs": 1.0}, {"command": "make bench"}).logits)


def _bare(module: Any, root: Path, folder: Path) -> np.ndarray:
    transform = create_transform((3, SIZE, SIZE), interpolation="bicubic", mean=MEAN, std=STD, crop_pct=0.875)
    loader = DataLoader(ImageDataset(str(root / "test"), transform=transform), BATCH)
    found = []
    module = module.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        for images, _ in loader:
            found.append(module(images.to(memory_format=torch.channels_last)).numpy())
    logits = np.concatenate(found)
    np.save(folder / "bare.npy", logits)
    return logits


def _images(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        place = root / "test" / f"class{label}"
        if place.is_dir():
            continue
        place.mkdir(parents=True)
        for k in range(EACH):
            coarse = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(
                place / f"{k:04d}.jpg", quality=90
            )
    return root
