"""`wee calibrate`: from trained members to the folder of a cascade, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import wee as wee_package
from tests.helpers.command_line import QUICK, SMALL, Wee, last_report
from tests.helpers.configs import composed
from wee.cascade.description import CascadeDescription
from wee.cascade.module import Cascade
from wee.commands import find_command
from wee.commands.evaluate import EvaluateConfig
from wee.data.draws.split import PerturbedDraws
from wee.data.splits import TEST, VAL
from wee.errors import WeeError
from wee.method import IntervalRule, Stages, Task, Window, rule_from_dict, summarise
from wee.method.guarantees import split_groups
from wee.store import LogitStore
from wee.store.entry import Address
from wee.sweep.results import read_rules, read_table

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
    assert isinstance(split, PerturbedDraws)
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
        ((), "choose a setting in one of three ways: a budget"),
        (("budget.macs=1e6", "target=100"), "choose a setting in one of three ways: a budget"),
        (("budget.parameters=1e6",), "budget is about parameters, and settings are priced by cost=macs"),
        (("target=100", "guarantee.delta=0"), "guarantee.delta is 0: it is the probability that a guarantee fails"),
        (("target=100", "guarantee.macs=1e6", "cost=parameters"), "guarantee.macs is about MACs, and cost=parameters"),
        (
            ("target=100", "task=[cov@5,risk@80]"),
            "a cascade is calibrated for one task, and cov@5 and risk@80 are chosen",
        ),
        (("target=100", "task=fpr@95"), "task=fpr@95 is about OOD data"),
        (("target=100", "score=mutual_information"), "mutual_information cannot decide an exit"),
        (("target=100", "seed=-1"), "seed is -1"),
        (("target=100", "ensemble.scales=[s1,s2]"), "calibrate searches scales by itself"),
        (
            ("target=100", "ensemble.members=3"),
            "2 members are not trained with this config: tiny/s1 member 2, tiny/s2 member 2. Train and evaluate: wee train",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    overrides: tuple[str, ...], message: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeeError, match=re.escape(message)):
        find_command("calibrate").work(composed(*COMMON, *overrides))
    assert not (tmp_path / FOLDER).exists()


def test_everything_that_is_missing_is_listed_with_the_scales_that_are_complete(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First checkpoints, then entries of the store."""
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        shutil.copytree(folder / "outputs" / name, tmp_path / "outputs" / name)
    monkeypatch.chdir(tmp_path)

    def refusal(*overrides: str) -> str:
        with pytest.raises(WeeError) as refused:
            find_command("calibrate").work(composed(*COMMON, "target=100", *overrides))
        return str(refused.value)

    for place in ("s2/0-*", "s2/1-*"):
        (checkpoint,) = Path("outputs", "checkpoints", "digits", "tiny").glob(place)
        checkpoint.rename(tmp_path / checkpoint.name)
    said = refusal()
    assert "2 members are not trained with this config: tiny/s2 members 0 and 1. Train and evaluate: wee train" in said
    assert "&& wee evaluate" in said
    assert said.endswith(", or choose among the complete scales: 'scale=[s1]'")
    assert "complete" not in refusal("scale=s2")
    for number in (0, 1):
        (checkpoint,) = tmp_path.glob(f"{number}-*")
        shutil.move(checkpoint, Path("outputs", "checkpoints", "digits", "tiny", "s2", checkpoint.name))

    for pattern in ("s1/1/val-*", "s1/1/test-*", "s1/0/test-*"):
        (entry,) = Path("outputs", "store", "digits", "tiny").glob(pattern)
        shutil.rmtree(entry)
    said = refusal()
    assert "has no logits of tiny/s1 member 0 on test; tiny/s1 member 1 on val, test. Evaluate: wee evaluate" in said
    assert said.endswith(", or choose among the complete scales: 'scale=[s2]'")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("budget.macs=10",), "nothing costs at most 10 MACs: the cheapest setting costs"),
        (("target=100", "task=covv@5"), "there is no task 'covv@5'"),
        (("target=100", "ood=photos"), "there is no key 'ood': a cascade is calibrated on ID data alone"),
    ],
)
def test_a_refusal_is_one_message_without_a_traceback(
    overrides: tuple[str, ...], message: str, folder: Path, tmp_path: Path, wee: Wee
) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    failed = wee(*COMMON, *overrides, cwd=tmp_path, code=1).stderr
    assert message in failed
    assert "Traceback" not in failed


SETTING = ("setting.sweep=named", "setting.scale=s2", "setting.width=0.4", "setting.members=[1,0]")
SWEEP = (
    "sweep", *SMALL, "scale=[s1,s2]", "name=named", "ood=none", "task=risk@50", "window.width=[0.2,0.4]", "policy=all",
)  # fmt: skip


@pytest.fixture(scope="module")
def swept(folder: Path, tmp_path_factory: pytest.TempPathFactory, wee: Wee) -> Path:
    """A folder with a sweep of which settings can be named. Do not write into it."""
    place = tmp_path_factory.mktemp("swept")
    (place / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (place / "outputs" / name).symlink_to(folder / "outputs" / name)
    wee(*SWEEP, "ensemble.temperature=true", cwd=place)
    return place


def test_a_named_setting_keeps_its_saved_rule(swept: Path, wee: Wee) -> None:
    """Its numbers on the test set are those of the row in the table of the sweep."""
    wee(*COMMON, *SETTING, "name=kept", cwd=swept)
    (sweep,) = (swept / "outputs" / "sweeps" / "named").iterdir()
    description = CascadeDescription.load(swept / "outputs" / "cascades" / "kept")
    (saved,) = (
        rule
        for rule in read_rules(sweep)
        if (rule.setting["scale"], rule.setting["width"], rule.setting["members"]) == ("s2", 0.4, "1+0")
    )
    assert description.rule == saved.rule
    assert [stage.member for stage in description.stages] == [1, 0]
    assert [stage.temperature for stage in description.stages] == [stage.temperature for stage in saved.lineup]
    assert None not in [stage.temperature for stage in saved.lineup]
    assert description.acceptance == saved.acceptance[0].least
    table = read_table(sweep)
    rows = table[(table.scale == "s2") & (table.width == 0.4) & (table.members == "1+0") & (table.split == "test")]
    value = rows.set_index("metric").value
    numbers = description.expected["test"]
    assert numbers.coverage.value == pytest.approx(value["deployed_cov@50"] / 100)
    assert numbers.risk.value == pytest.approx(value["deployed_risk@50"] / 100)
    assert numbers.cost.value == pytest.approx(rows.price.iloc[0])
    assert "Its saved rule is used unchanged" in (swept / "outputs" / "cascades" / "kept" / "card.md").read_text()


def test_a_named_setting_is_fitted_again_for_guarantees(swept: Path, wee: Wee) -> None:
    wee(*COMMON, *SETTING, "name=again", "guarantee.risk=0.98", "guarantee.delta=0.2", cwd=swept)
    place = swept / "outputs" / "cascades" / "again"
    description = CascadeDescription.load(place)
    (saved,) = (rule_from_dict(description.chosen[key]) for key in ("rule",))
    assert isinstance(saved, IntervalRule)
    assert isinstance(description.rule, IntervalRule)
    store = LogitStore(swept / "outputs" / "store")
    (entry,) = store.find(Address("digits", "tiny", "s2", 1, VAL))
    tuning = ~split_groups(entry.groups, 0)
    temperature = description.stages[0].temperature
    assert temperature is not None
    logits = np.asarray(entry.logits, dtype=np.float32)[tuning] / np.float32(temperature)
    summaries = summarise([logits], entry.labels[tuning], [(0,)], ["msp"])
    stages = Stages([summaries[0,], summaries[0,]], [1.0, 2.0], entry.ids[tuning])
    refitted = Window(Task.parse("risk@50"), 0.4).fit(stages)
    assert description.rule.intervals[0].low == pytest.approx(refitted.intervals[0].low, abs=1e-6)
    assert description.rule != saved
    card = (place / "card.md").read_text()
    for interval in (*saved.intervals, *description.rule.intervals):
        assert f"{interval.low:.6g} to {interval.high:.6g}" in card


@pytest.mark.parametrize(("policy", "stage"), [("ensemble", 1), ("random", None)])
def test_a_setting_without_windows(policy: str, stage: int | None, swept: Path, wee: Wee) -> None:
    named = ["setting.sweep=named", "setting.scale=s1", f"setting.policy={policy}", f"name={policy}"]
    named += ["setting.members=0+1", "setting.fraction=0.2"] if stage is None else []
    wee(*COMMON, *named, cwd=swept)
    description = CascadeDescription.load(swept / "outputs" / "cascades" / policy)
    if stage is not None:
        assert description.expected["test"].reaching[-1].value == 1
    else:
        assert 0 < description.expected["test"].reaching[-1].value < 0.5
    assert Cascade.load(swept / "outputs" / "cascades" / policy).description == description


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("setting.sweep=other",), "there is no sweep 'other'"),
        (("setting.sweep=named", "setting.scale=s9"), "has scale s9: choose setting.scale from s1, s2"),
        (("setting.sweep=named", "setting.width=0.3"), "has width 0.3: choose setting.width from 0.2, 0.4"),
        (("setting.sweep=named", "setting.scale=s1", "setting.policy=window", "setting.width=0.2"), "2 settings of the sweep"),
        (("setting.sweep=named", "setting.policy=window", "task=cov@5"), "has task cov@5: choose task from risk@50"),
        (("setting.scale=s1",), "setting.sweep is empty: give setting.sweep=NAME"),
        ((*SETTING, "budget.macs=1e6"), "choose a setting in one of three ways"),
        ((*SETTING, "ensemble.orders=given"), "calibrate searches orders by itself"),
        (("target=100", "pick=nonsense"), "pick=nonsense matches no entry that is read"),
        (
            ("setting.sweep=named", "setting.scale=s1", "setting.policy=random", "setting.members=0+1",
             "setting.fraction=0.2", "guarantee.disagreement=0.5"),
            "this setting has no windows",
        ),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_named_is_refused(
    overrides: tuple[str, ...], message: str, swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(swept)
    with pytest.raises(WeeError, match=re.escape(message)):
        find_command("calibrate").work(composed(*COMMON, *overrides, "name=refused"))
    assert not list((swept / "outputs").glob("cascades/*refused*"))


def test_a_sweep_over_other_logits_is_refused(swept: Path, tmp_path: Path, wee: Wee) -> None:
    shutil.copytree(swept / "outputs" / "sweeps", tmp_path / "outputs" / "sweeps")
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(swept / "outputs" / name)
    (about,) = (tmp_path / "outputs" / "sweeps" / "named").glob("*/sweep.json")
    record = json.loads(about.read_text())
    record.pop("crc32")  # as a sweep of an earlier version: it has no checksum
    record["entries"] = [[address, key, checksum + 1] for address, key, checksum in record["entries"]]
    about.write_text(json.dumps(record))
    failed = wee(*COMMON, *SETTING, cwd=tmp_path, code=1).stderr
    assert "read other logits of" in failed
    assert "sweep again" in failed


def test_what_is_not_certified_is_written_and_ends_with_1(folder: Path, tmp_path: Path, wee: Wee) -> None:
    """So that "wee calibrate .. && deploy" deploys no cascade that accepts nothing; a second run ends in the same way."""
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    for run in ("first", "second"):
        done = wee(*COMMON, "target=100", "guarantee.risk=0.01", cwd=tmp_path, code=1)
        assert ("is there already" in done.stderr) == (run == "second")
        text = done.stderr[done.stderr.index("wee calibrate: ") :]
        assert text.startswith(
            "wee calibrate: not certified: no acceptance threshold can be certified with 30 independent certification samples"
        )
        assert text.endswith(f"help. The cascade in {FOLDER} is complete, but accepts nothing\n")
        assert (done.stdout + done.stderr).count("not certified: no acceptance threshold") == 1
        assert "Traceback" not in done.stderr
        refusal = last_report(tmp_path, "calibrate")["certified"]["refusal"]
        assert f"Not certified: {refusal}." in (tmp_path / FOLDER / "card.md").read_text()
    description = CascadeDescription.load(tmp_path / FOLDER)
    assert description.acceptance == np.inf
    assert description.expected["test"].coverage.value == 0


def test_a_job_of_a_multirun_that_is_not_certified_stops_no_other(folder: Path, tmp_path: Path, wee: Wee) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    jobs = ("target=100", "guarantee.risk=0.01,0.985", "name=c${guarantee.risk}")
    done = wee(*COMMON[:-1], *jobs, "-m", cwd=tmp_path, code=1)
    assert "1 of 2 jobs failed" in done.stderr
    cascades = tmp_path / "outputs" / "cascades"
    assert sorted(place.name for place in cascades.iterdir()) == ["c0.01", "c0.985"]
    assert np.isfinite(CascadeDescription.load(cascades / "c0.985").acceptance)


def test_a_cost_that_is_not_certified_is_said_too(folder: Path, tmp_path: Path, wee: Wee) -> None:
    (tmp_path / "outputs").mkdir()
    for name in ("store", "checkpoints"):
        (tmp_path / "outputs" / name).symlink_to(folder / "outputs" / name)
    failed = wee(*COMMON, "target=100", "guarantee.macs=10", cwd=tmp_path, code=1).stderr
    assert "not certified: guarantee.macs=10 does not hold: the bound on the average cost is" in failed
    assert failed.endswith(f"The cascade in {FOLDER} is complete, without this guarantee\n")
    assert np.isfinite(CascadeDescription.load(tmp_path / FOLDER).acceptance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda place: (place / "cascade.json").unlink(), "is not the folder of a cascade"),
        (lambda place: (place / "cascade.json").write_text("{"), "is not JSON"),
        (lambda place: _edit(place, version=99), "is of version 99, and this version of wee reads up to 1: update wee"),
        (lambda place: _edit(place, version=None), "has no version, and is not the description of a cascade"),
        (lambda place: _edit(place, stages=[{}]), "stage 1 has no family"),
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


def test_imported_logits_are_calibrated_without_networks(tmp_path: Path, wee: Wee) -> None:
    golden = Path(__file__).resolve().parents[1] / "golden" / "ensemble.npz"
    names = ("dataset.name=golden", "family.name=synthetic")
    wee("import", f"file={golden}", *names, "scale=s1", "macs=1e9", cwd=tmp_path)
    calibrating = ("calibrate", "dataset=stored", "family=stored", *names, "task=cov@10", "budget.macs=1.5e9", "name=c")
    shown = wee(*calibrating, "guarantee.risk=0.1", cwd=tmp_path).stdout
    assert "the risk of what is accepted is at most 10 %" in shown
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {"cascade.json", "card.md", "card.png"}
    description = CascadeDescription.load(tmp_path / FOLDER)
    assert not description.runs
    assert description.classes == [str(number) for number in range(20)]
    assert description.certified is not None
    assert description.certified.guarantees[0].holds
    assert "It classifies samples into 20 classes" in (tmp_path / FOLDER / "card.md").read_text()

    # The expected numbers are those of the saved rule on the imported logits.
    arrays = np.load(golden)
    order = [stage.member for stage in description.stages]
    logits = [arrays["test_logits"][member].astype(np.float64) for member in order]
    summaries = summarise(logits, arrays["test_labels"], [(0,), (0, 1)], ["msp"])
    stages = Stages([summaries[0,], summaries[0, 1]], [1e9, 2e9], np.arange(len(arrays["test_labels"])).astype("S"))
    outcome = stages.at(description.rule(stages))
    accepted = outcome.score("msp") >= description.acceptance
    expected = description.expected[str(TEST)]
    assert expected.coverage.value == pytest.approx(accepted.mean(), abs=1e-3)
    assert expected.risk.value == pytest.approx(1 - outcome.correct[accepted].mean(), abs=1e-3)
    assert expected.cost.value == pytest.approx(outcome.mean_cost, rel=1e-3)

    # A program that computes logits gets the decisions that the card is about, from all logits or from those that are needed.
    cascade = wee_package.load_logit_cascade(tmp_path / FOLDER)
    assert cascade.numbers == order
    prediction = cascade(arrays["test_logits"])
    assert prediction.accepted is not None
    correct = prediction.label.numpy() == arrays["test_labels"]
    assert expected.coverage.value == pytest.approx(prediction.accepted.double().mean().item(), abs=1e-12)
    assert expected.risk.value == pytest.approx(1 - correct[prediction.accepted.numpy()].mean(), abs=1e-12)
    assert expected.accuracy.value == pytest.approx(correct.mean(), abs=1e-12)
    assert expected.reaching[1].value == pytest.approx((prediction.stage >= 1).double().mean().item(), abs=1e-12)
    asked: list[int] = []

    def second(places: np.ndarray) -> np.ndarray:
        asked.extend(places.tolist())
        return arrays["test_logits"][order[1]][places]  # type: ignore[no-any-return]

    lazy = cascade({order[0]: arrays["test_logits"][order[0]], cascade.names[1]: second})
    for name in ("label", "confidence", "stage", "accepted", "probabilities"):
        assert torch.equal(getattr(lazy, name), getattr(prediction, name)), name
    assert asked == np.flatnonzero(prediction.stage.numpy() >= 1).tolist()
    assert 0 < len(asked) < len(correct)

    assert "is there already" in wee(*calibrating, "guarantee.risk=0.1", cwd=tmp_path).stderr
    for refused, message in (
        (("export", f"cascade={FOLDER}"), "calibrated on imported logits, and its networks are not known"),
        (
            ("predict", f"cascade={FOLDER}", "images=outputs"),
            "calibrated on imported logits, and its networks are not known",
        ),
        ((*calibrating[:-1], "name=d", "scale=s9"), "there is no scale 's9' of family synthetic"),
        ((*calibrating[:3], "dataset.name=other", *calibrating[4:-1], "name=d"), "has nothing of family synthetic"),
    ):
        assert message in wee(*refused, cwd=tmp_path, code=1).stderr
