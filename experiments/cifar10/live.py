"""Runs cascades live on the test images of CIFAR-10, and compares every decision with that on the stored logits.

`python experiments/cifar10/live.py --images data/cifar10/test` needs the images, the committed weights of w16 and w24
(`checkpoints`) and their committed logits (`store`). It prints a line for each cascade: how many of the 10,000 images leave at
another stage, get another label or another acceptance than with the stored logits, and how many of these have a confidence
further than 1e-5 from every edge that they meet (there should be none). With `--exported EXPORT CASCADE`, it compares an
exported cascade, run by onnxruntime, instead; CASCADE is the folder of `wee calibrate`, EXPORT that of `wee export`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from wee.cascade.module import Cascade, Prediction
from wee.cascade.onnx_runner import OnnxCascade
from wee.data.base import Transform
from wee.data.images.listing import list_images
from wee.data.images.split import ImageFiles, ReadOptions
from wee.data.splits import TEST, VAL, SplitName
from wee.method import POLICIES, IntervalRule, Policy, Rule, Stages, Task, summarise
from wee.method.policies import Random, Role, SingleThreshold, Window
from wee.method.scores import DEFAULT_SCORE
from wee.models.build import build
from wee.models.config import ScaleConfig
from wee.store import Address, Entry, LogitStore

HERE = Path(__file__).parent
FAMILY = "cifar_resnet"
LINEUPS = (
    [("w16", 0), ("w16", 1)],
    [("w24", 1), ("w24", 0)],
    [("w16", 0), ("w24", 1)],
    [("w16", 1), ("w16", 0), ("w24", 0)],
    [("w16", 0), ("w16", 1), ("w24", 0), ("w24", 1)],
)
TASKS = ("cov@5", "risk@80")
EDGE = 1e-5


@dataclass(frozen=True)
class Member:
    """A member: its network, its preprocessing, and its entries of the store."""

    network: nn.Module
    transform: Transform
    entries: dict[SplitName, Entry]


def read_member(scale: str, number: int) -> Member:
    """Read a member from the committed weights and logits."""
    (folder,) = (HERE / "checkpoints" / "cifar10" / FAMILY / scale).glob(f"{number}-*")
    recipe = json.loads((folder / "member.json").read_text())["recipe"]
    network = build(ScaleConfig(**recipe["architecture"]), recipe["classes"], 3)
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    store = LogitStore(HERE / "store")
    entries = {}
    for split in (VAL, TEST):
        (entries[split],) = store.find(Address("cifar10", FAMILY, scale, number, split))
    return Member(network, Transform(**recipe["transform"]), entries)


def read_images(folder: Path, ids: np.ndarray) -> torch.Tensor:
    """Read images as bytes [N, 3, 32, 32], in the order of the ids of stored logits."""
    listing = list_images(folder)
    place_of = {name.encode(): place for place, name in enumerate(listing.names)}
    split = ImageFiles({}, listing, ReadOptions(3))
    pixels = [np.asarray(split.image(place_of[name])) for name in ids.tolist()]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()


def policies(task: Task) -> Iterator[Policy]:
    """Yield the policies of cascades, each with one setting, and one that sends every sample on."""
    settings = {Window.name: Window(task, 0.2), SingleThreshold.name: SingleThreshold(0.2), Random.name: Random(0.2)}
    for name, kind in POLICIES.items():
        if kind.role is Role.CASCADE:
            yield settings[name]
    yield Window(task, "all")


def compare(
    members: Sequence[Member], policy: Policy, task: Task, images: torch.Tensor, batch_size: int
) -> tuple[Prediction, np.ndarray, np.ndarray]:
    """Run a cascade live and on the stored logits.

    Returns:
        The live prediction, which decisions differ [N], and which confidences lie within `EDGE` of an edge that they meet [N].
    """
    stages = {split: stages_of(members, split) for split in (VAL, TEST)}
    rule = policy.fit(stages[VAL])
    outcome = stages[VAL].at(rule(stages[VAL]))
    acceptance = task.acceptance_threshold(outcome.ranked(DEFAULT_SCORE))
    networks = [member.network for member in members]
    transforms = [member.transform for member in members]
    cascade = Cascade(networks, rule, acceptance=acceptance, transforms=transforms)
    ids = members[0].entries[TEST].ids[: len(images)]
    batches = [
        cascade(images[start : start + batch_size], ids[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    live = Prediction(
        *(torch.cat([getattr(batch, name) for batch in batches]) for name in Prediction.__dataclass_fields__)
    )
    stored = cascade.replay([np.asarray(member.entries[TEST].logits)[: len(images)] for member in members], ids)
    differ = np.zeros(len(images), dtype=bool)
    for name in ("stage", "label", "accepted"):
        differ |= (getattr(live, name) != getattr(stored, name)).numpy()
    return live, differ, near_an_edge(stages[TEST], rule, stored, acceptance)


def stages_of(members: Sequence[Member], split: SplitName) -> Stages:
    """Return the stages of a cascade on the stored logits of a split."""
    entries = [member.entries[split] for member in members]
    sets = [tuple(range(length)) for length in range(1, len(members) + 1)]
    summaries = summarise([entry.logits for entry in entries], entries[0].labels, sets, [DEFAULT_SCORE])
    costs = itertools.accumulate(1.0 for _ in members)
    return Stages([summaries[places] for places in sets], list(costs), entries[0].ids)


def near_an_edge(stages: Stages, rule: Rule, stored: Prediction, acceptance: float) -> np.ndarray:
    """Return which samples have a confidence close to an end of a window, or to the acceptance threshold, that they meet."""
    count = len(stored)
    near = np.abs(stored.confidence.numpy() - acceptance) < EDGE
    for place, interval in enumerate(rule.intervals if isinstance(rule, IntervalRule) else []):
        confidences = stages.summaries[place].scores[DEFAULT_SCORE][:count]
        met = stored.stage.numpy() >= place
        near |= met & (np.minimum(np.abs(confidences - interval.low), np.abs(confidences - interval.high)) < EDGE)
    return near


def compare_exported(exported: Path, folder: Path, images: Path, count: int, batch_size: int) -> int:
    """Compare a cascade that onnxruntime runs with the stored logits; print the result, and return as `main` does."""
    cascade, runner = Cascade.load(folder), OnnxCascade(exported, threads=1)
    assert cascade.description is not None
    members = [read_member(stage.scale, stage.member) for stage in cascade.description.stages]
    entries = [member.entries[TEST] for member in members]
    pixels = read_images(images, entries[0].ids[:count]).numpy()
    stored = cascade.replay([np.asarray(entry.logits)[:count] for entry in entries])
    batches = [runner(pixels[start : start + batch_size]) for start in range(0, len(pixels), batch_size)]
    differ = np.zeros(len(pixels), dtype=bool)
    for name in ("stage", "label", "accepted"):
        differ |= np.concatenate([getattr(batch, name) for batch in batches]) != getattr(stored, name).numpy()
    near = near_an_edge(stages_of(members, TEST), cascade.rule, stored, runner.acceptance)
    largest = np.abs(np.concatenate([batch.confidence for batch in batches]) - stored.confidence.numpy()).max()
    shown = " > ".join(f"{stage.scale}/{stage.member}" for stage in cascade.description.stages)
    reaching, far = (stored.stage > 0).double().mean(), int((differ & ~near).sum())
    sys.stdout.write(
        f"{shown} in onnxruntime, {cascade.description.task}: {reaching:.1%} go on; {differ.sum()} of {len(differ):,} "
        f"decisions differ, {far} of them far from an edge ({near.sum()} images are near one); confidences differ by at most "
        f"{largest:.1e}\n"
    )
    return far


def main(images: Path, count: int, batch_size: int) -> int:
    """Print the comparison; return how many decisions differ far from every edge."""
    members = {key: read_member(*key) for key in dict.fromkeys(key for lineup in LINEUPS for key in lineup)}
    pixels = read_images(images, next(iter(members.values())).entries[TEST].ids[:count])
    far, total, different, close = 0, 0, 0, 0
    for lineup, name in itertools.product(LINEUPS, TASKS):
        task = Task.parse(name)
        for policy in policies(task):
            chosen = [members[key] for key in lineup]
            live, differ, near = compare(chosen, policy, task, pixels, batch_size)
            settings = ", ".join(f"{key} {value}" for key, value in policy.columns().items())
            shown = " > ".join(f"{scale}/{number}" for scale, number in lineup)
            reaching = (live.stage > 0).double().mean()
            sys.stdout.write(
                f"{shown:31} {name:8} {policy.name:9} {settings:12} {reaching:6.1%} go on; {differ.sum()} of {len(differ):,} "
                f"decisions differ, {(differ & ~near).sum()} of them far from an edge ({near.sum()} images are near one)\n"
            )
            far += int((differ & ~near).sum())
            total, different, close = total + len(differ), different + int(differ.sum()), close + int(near.sum())
    sys.stdout.write(
        f"in all: {different} of {total:,} decisions differ, {far} of them further than {EDGE:g} from every edge; {close} are "
        "near one\n"
    )
    return far


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path("data/cifar10/test"), help="the folder of test images")
    parser.add_argument("--count", type=int, default=10_000, help="how many of the images are classified")
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--exported", type=Path, nargs=2, metavar=("EXPORT", "CASCADE"))
    given = parser.parse_args()
    how = given.images, given.count, given.batch_size
    sys.exit(1 if (compare_exported(*given.exported, *how) if given.exported else main(*how)) else 0)
