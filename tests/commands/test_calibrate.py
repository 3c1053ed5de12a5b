"""`wee calibrate`: from trained members to the folder of a cascade, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from tests.helpers.configs import composed
from wee.cascade.description import CascadeDescription
from wee.cascade.module import Cascade
from wee.commands.evaluate import EvaluateConfig
from wee.data.corruption.split import CorruptedDraws
from wee.data.splits import TEST
from wee.errors import WeeError
from wee.method import IntervalRule, Stages, summarise
from wee.store import LogitStore
from wee.store.entry import Address

COMMON = ("calibrate", *SMALL, *QUICK, "scale=[s1,s2]", "task=risk@50", "name=c")
FOLDER = Path("outputs", "cascades", "c")


@pytest.fixture(scope="module")
def folder(trained: Path, tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder in which a cascade is calibrated with guarantees. Copy it; do not write into it."""
    place = tmp_path_factory.mktemp("calibrated")
    shutil.copytree(trained / "outputs", place / "outputs")
    shown = wee(*COMMON, "budget.macs=3e5", "guarantee.risk=0.985", "guarantee.macs=3e5", cwd=place).stdout
    assert "the risk of what is accepted is at most 98.5 %" in shown
    return place


def test_the_folder_holds_everything_that_runs(folder: Path) -> None:
    description = CascadeDescription.load(folder / FOLDER)
    assert (description.task, description.score, description.dataset) == ("risk@50", "msp", "digits")
    assert description.chosen["average_cost"] <= 3e5
    assert description.classes == [str(number) for number in range(8)]
    for stage in description.stages:
        assert load_file(folder / FOLDER / stage.weights)
    assert {path.name for path in (folder / FOLDER).iterdir()} == {
        "cascade.json", "card.md", "card.png", *(stage.weights for stage in description.stages),
    }  # fmt: skip
    certified = description.certified
    assert certified is not None
    assert certified.guarantees[0].holds
    assert certified.guarantees[0].bound <= 0.985
    assert certified.samples == description.calibrated_on["certification_samples"] == 30
    page = (folder / FOLDER / "card.md").read_text()
    assert "With probability 90 %, the risk of what is accepted is at most 98.5 %" in page
    assert str(folder) not in page + (folder / FOLDER / "cascade.json").read_text()


def test_expected_numbers_are_those_of_the_rule_on_the_stored_logits(folder: Path) -> None:
    description = CascadeDescription.load(folder / FOLDER)
    store = LogitStore(folder / "outputs" / "store")
    entries = []
    for stage in description.stages:
        (entry,) = store.find(Address("digits", stage.family, stage.scale, stage.member, TEST))
        entries.append(entry)
    labels, logits = entries[0].labels, [entry.logits for entry in entries]
    sets = [tuple(range(length)) for length in range(1, len(logits) + 1)]
    summaries = summarise(logits, labels, sets, [description.score])
    costs = np.cumsum([stage.costs["macs"] for stage in description.stages]).tolist()
    stages = Stages([summaries[members] for members in sets], costs, entries[0].ids)
    outcome = stages.at(description.rule(stages))
    accepted = outcome.score("msp") >= description.acceptance
    numbers = description.expected["test"]
    assert numbers.coverage.value == pytest.approx(accepted.mean())
    assert numbers.risk.value == pytest.approx((~outcome.correct)[accepted].mean())
    assert numbers.cost.value == pytest.approx(outcome.mean_cost)
    assert isinstance(description.rule, IntervalRule)


def test_the_cascade_runs_as_the_stored_logits_say(folder: Path) -> None:
    """Live, over the images of the test set: decisions equal those on the logits that `wee evaluate` stored."""
    cascade = Cascade.load(folder / FOLDER)
    description = cascade.description
    assert description is not None
    evaluated = composed("evaluate", *SMALL)
    assert isinstance(evaluated, EvaluateConfig)
    split = evaluated.dataset.split("test")
    assert isinstance(split, CorruptedDraws)
    live = cascade(torch.from_numpy(split.images))
    store = LogitStore(folder / "outputs" / "store")
    entries = []
    for stage in description.stages:
        (entry,) = store.find(Address("digits", stage.family, stage.scale, stage.member, TEST))
        entries.append(entry)
    assert entries[0].ids.tolist() == split.ids.tolist()
    replayed = cascade.replay([np.asarray(entry.logits) for entry in entries])
    edges = [edge for interval in description.rule.intervals for edge in (interval.low, interval.high)]  # type: ignore[attr-defined]
    near = (
        np.min([np.abs(replayed.confidence.numpy() - edge) for edge in [*edges, description.acceptance]], axis=0) < 1e-5
    )
    assert near.mean() < 0.05
    for name in ("label", "stage", "accepted"):
        first, second = getattr(live, name), getattr(replayed, name)
        assert (first == second)[torch.from_numpy(~near)].all(), name
    assert torch.allclose(live.confidence, replayed.confidence, atol=1e-5)


def test_a_second_run_does_nothing_and_another_calibration_is_not_overwritten(
    folder: Path, tmp_path: Path, wee: Wee
) -> None:
    shutil.copytree(folder / "outputs", tmp_path / "outputs")
    before = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
    again = wee(*COMMON, "budget.macs=3e5", "guarantee.risk=0.985", "guarantee.macs=3e5", cwd=tmp_path)
    assert "this cascade is there already" in again.stdout + again.stderr
    failed = wee(*COMMON, "target=100", cwd=tmp_path, code=1).stderr
    assert "holds a cascade that was calibrated otherwise" in failed
    assert before == {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
    wee(*COMMON, "target=100", "overwrite=true", cwd=tmp_path)
    description = CascadeDescription.load(tmp_path / FOLDER)
    assert description.certified is None
    assert last_report(tmp_path, "calibrate")["certified"] is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("budget.macs=10",), "nothing costs at most 10 MACs: the cheapest setting costs"),
        (("target=0",), "no setting reaches risk@50 = 0 % on the tuning samples: the best has"),
        ((), "choose by one of the two: a budget"),
        (("budget.macs=1e6", "target=100"), "choose by one of the two: a budget"),
        (("budget.parameters=1e6",), "budget is about parameters, and settings are priced by cost=macs"),
        (("target=100", "guarantee.delta=0"), "guarantee.delta is 0: it is the probability that a guarantee fails"),
        (("target=100", "guarantee.macs=1e6", "cost=parameters"), "guarantee.macs is about MACs, and cost=parameters"),
        (
            ("target=100", "task=[cov@5,risk@80]"),
            "a cascade is calibrated for one task, and cov@5 and risk@80 are chosen",
        ),
        (("target=100", "task=covv@5"), "there is no task 'covv@5'"),
        (("target=100", "task=fpr@95"), "task=fpr@95 is about OOD data"),
        (("target=100", "score=mutual_information"), "mutual_information cannot decide an exit"),
        (("target=100", "seed=-1"), "seed is -1"),
        (("target=100", "ensemble.scales=[s1,s2]"), "calibrate searches scales and exits by itself"),
        (
            ("target=100", "ensemble.members=3"),
            "tiny/s1 member 2: it is not trained with this config; train it: wee train",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    overrides: tuple[str, ...], message: str, folder: Path, tmp_path: Path, wee: Wee
) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    failed = wee(*COMMON, *overrides, cwd=tmp_path, code=1).stderr
    assert message in failed
    assert "Traceback" not in failed
    assert not (tmp_path / FOLDER).exists()


def test_nothing_certified_is_said(folder: Path, tmp_path: Path, wee: Wee) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    done = wee(*COMMON, "target=100", "guarantee.risk=0.01", cwd=tmp_path)
    text = " ".join((done.stdout + done.stderr).split())
    assert "no acceptance threshold can be certified with 30 independent certification samples" in text
    description = CascadeDescription.load(tmp_path / FOLDER)
    assert description.acceptance == np.inf
    assert description.expected["test"].coverage.value == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda place: (place / "cascade.json").unlink(), "is not the folder of a cascade"),
        (lambda place: (place / "cascade.json").write_text("{"), "is not JSON"),
        (lambda place: _edit(place, version=99), "is of version 99, and this version of wee reads up to 1: update wee"),
        (lambda place: _edit(place, version=None), "has no version, and is not the description of a cascade"),
        (lambda place: _edit(place, stages=[{}]), "it cannot be read: TypeError"),
        (
            lambda place: next(place.glob("*.safetensors")).write_bytes(b"x"),
            "has changed since the cascade was calibrated",
        ),
        (lambda place: next(place.glob("*.safetensors")).unlink(), "has no file"),
    ],
)
def test_a_folder_that_is_no_whole_cascade_is_refused(
    change: object, message: str, folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "c"
    shutil.copytree(folder / FOLDER, place)
    change(place)  # type: ignore[operator]
    with pytest.raises(WeeError, match=message):
        CascadeDescription.load(place)


def _edit(place: Path, **changes: object) -> None:
    record = json.loads((place / "cascade.json").read_text())
    (place / "cascade.json").write_text(json.dumps({**record, **changes}))
