"""Images a second: training a member with `wee train`'s loop, against a bare PyTorch loop over the same files."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from timm.data.dataset import ImageDataset
from timm.data.transforms_factory import create_transform
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.report import Report, Row, seconds
from wee.app.console import progress
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.lit.fit import train_member
from wee.lit.runtime import RuntimeConfig
from wee.members.recipes import Recipe
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig, ScaleConfig

CLASSES, ROUNDS = 10, 7


@dataclass(frozen=True)
class Case:
    """A network and the images that it is trained on.

    Attributes:
        model: timm's name of the network.
        side: width and height of the image files in pixels.
        size: width and height of the network's input in pixels.
        batch: images in a step.
        steps: optimiser steps of a round.
    """

    model: str
    side: int
    size: int
    batch: int
    steps: int


CASES = (Case("resnet18", 128, 96, 32, 12), Case("test_resnet.r160_in1k", 40, 32, 64, 60))
"""A network for which the computation takes the time, and a tiny one, for which everything around it does."""


def run(folder: Path, report: Report) -> None:
    """Both loops in turns, for each case."""
    for case in CASES:
        report.add(_measured(case, folder))


def _measured(case: Case, folder: Path) -> Row:
    """Time both loops in turns, after a warm-up round, and return their medians with the spread of the ratio."""
    root = _images(folder / f"images-{case.side}", case)
    loops: dict[str, Callable[[Case, Path, Path], list[float]]] = {"bare": _bare, "wee": _wee}
    times: dict[str, list[float]] = {name: [] for name in loops}
    first: dict[str, list[float]] = {name: [] for name in loops}
    with progress("rounds") as bar:
        task = bar.add_task(f"training {case.model}", total=(ROUNDS + 1) * len(loops))
        for number in range(ROUNDS + 1):
            for name, loop in loops.items():
                taken = loop(case, root, folder)
                if number:  # the first round warms up
                    times[name].append(taken[-1] - taken[0])
                    first[name].append(taken[0])
                bar.advance(task)
    ours, plain = (statistics.median(times[name]) for name in ("wee", "bare"))
    ratios = [bare / wee for wee, bare in zip(times["wee"], times["bare"], strict=True)]
    count = case.batch * (case.steps - 1)
    starts = [seconds(statistics.median(first[name])) for name in ("wee", "bare")]
    note = (
        f"{count:,} PNG files of {case.side} px, {case.model} at {case.size} px, batch {case.batch}, fp32, no worker: "
        f"{count / ours:,.0f} and {count / plain:,.0f} images/s; ratio of a pair from {min(ratios):.3f} to {max(ratios):.3f}; "
        f"up to the first step, which is not counted, {starts[0]} and {starts[1]}"
    )
    return Row(f"training {case.model}", ours, f"a bare PyTorch loop (median of {ROUNDS})", plain, note)


def _trainer(case: Case) -> TrainerConfig:
    return TrainerConfig(name="bench", steps=case.steps, batch_size=case.batch, lr=1e-3, warmup=0.15)


def _wee(case: Case, root: Path, folder: Path) -> list[float]:
    """Train with `wee`, and return when each step ended, in seconds from the start; building the network is included."""
    place = folder / "trained"
    shutil.rmtree(place, ignore_errors=True)
    dataset = ImagesConfig(
        name="bench", root=str(root), classes=CLASSES, memory=False, validation=HeldOutConfig("test", CLASSES)
    )
    scale = ScaleConfig(case.model, case.size, interpolation="bicubic", crop_pct=0.875)
    family = FamilyConfig(name="bench", scales={"s": scale})
    recipe = Recipe(dataset, family, _trainer(case), "s", 0)
    runtime = RuntimeConfig(accelerator="cpu")
    train, val = dataset.split("train"), dataset.split("val")
    ends: list[float] = []
    start = time.perf_counter()
    done = lambda steps: ends.append(time.perf_counter() - start)  # noqa: E731
    train_member(recipe, train, val, place / "member", runtime, [], done)
    return ends


def _bare(case: Case, root: Path, folder: Path) -> list[float]:
    """Train with a loop as one would write it without a framework; see `_wee` for what is returned."""
    config, ends, start = _trainer(case), list[float](), time.perf_counter()
    torch.manual_seed(0)
    network: Any = timm.create_model(case.model, num_classes=CLASSES).to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(network, opt=config.optimizer, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.lr, total_steps=case.steps + 1, pct_start=config.warmup
    )
    loss = nn.CrossEntropyLoss()
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    transform = create_transform((3, case.size, case.size), interpolation="bicubic", mean=mean, std=std, crop_pct=0.875)
    loader = DataLoader(
        ImageDataset(str(root / "train"), transform=transform), case.batch, shuffle=True, drop_last=True
    )
    for images, labels in loader:
        optimizer.zero_grad()
        loss(network(images.to(memory_format=torch.channels_last)), labels).backward()
        optimizer.step()
        schedule.step()
        ends.append(time.perf_counter() - start)
    return ends


def _images(root: Path, case: Case) -> Path:
    """Write random images as PNG files in class folders, as `wee data` does: as many as a round takes."""
    rng = np.random.default_rng(0)
    for part, count in (("train", case.batch * case.steps), ("test", 2 * CLASSES)):
        for k in range(count):
            place = root / part / f"class{k % CLASSES}" / f"{k:06d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_file():
                coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(coarse).resize((case.side, case.side), Image.Resampling.BICUBIC).save(place)
    return root
