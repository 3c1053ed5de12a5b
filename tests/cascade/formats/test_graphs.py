"""Export to ONNX: graphs, gate and runner give what the cascade gives, on random images and on digits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from tests.helpers.cascades import Made, cascade_folder
from wee.app.paths import conf_dir
from wee.cascade import onnx_runner
from wee.cascade.description import CascadeDescription
from wee.cascade.formats import EXPORT_FORMATS, graphs
from wee.cascade.formats.graphs import at_an_edge
from wee.cascade.module import Cascade, RunOptions
from wee.cascade.onnx_runner import FILE, OnnxCascade, RunnerError
from wee.data.base import Transform
from wee.data.draws.split import PerturbedDraws
from wee.data.roles import labelled
from wee.errors import WeeError
from wee.method import SCORES, FixedRule, Interval, IntervalRule, Random, Rule

pytest.importorskip("onnxscript", reason="the extra onnx is not installed: pip install 'wee[onnx]'")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed: pip install 'wee[onnx]'")

FORMAT = EXPORT_FORMATS["onnx"]
MIXED = [Made(8, 0), Made(8, 1, temperature=1.4), Made(12, 2, interpolation="bicubic")]
MSDNET = {"blocks": 3, "base": 1, "step": 1, "channels": 4, "growth": 4, "scale_factors": [1, 2], "stem": "small"}
RULE = IntervalRule("msp", [Interval(0.3, 0.62), Interval(-np.inf, 0.59)])


def exported(source: Path, target: Path) -> Path:
    target.mkdir()
    cascade = Cascade.load(source, RunOptions(channels_last=False))
    FORMAT.check(cascade)
    FORMAT.write(cascade, target, lambda stages: None)
    return target


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cascade of three networks of two input sizes, and its export. Do not write into them."""
    place = tmp_path_factory.mktemp("mixed")
    source = cascade_folder(place / "c", MIXED, RULE, acceptance=0.55, summing_order=[2, 0, 1])
    return source, exported(source, place / "e")


@pytest.fixture(scope="module")
def exits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cascade of the first and the last exit of a multi-exit network, for grey images, and its export."""
    place = tmp_path_factory.mktemp("exits")
    stages = [Made(16, 0, exit=number, model="msdnet", kwargs=MSDNET) for number in (1, 3)]
    rule = IntervalRule("energy", [Interval(4.9, 5.7)])
    source = cascade_folder(place / "c", stages, rule, combine="replace", channels=1, classes=8)
    return source, exported(source, place / "e")


def random_images(count: int, channels: int, side: int, seed: int = 0) -> np.ndarray:
    """Smooth random images, so that resizing leaves contrast: uint8 [count, channels, side, side]."""
    coarse = np.random.default_rng(seed).integers(256, size=(count, channels, 5, 5), dtype=np.uint8)
    return np.kron(coarse, np.ones((4, 4), dtype=np.uint8))[:, :, :side, :side]


def agree(cascade: Cascade, runner: OnnxCascade, images: np.ndarray) -> Any:
    """Check that both decide alike but at thresholds, and return the prediction of the runner."""
    live, ran = cascade(torch.from_numpy(images)), runner(images)
    near = at_an_edge(runner, live.confidence.numpy()) | at_an_edge(runner, ran.confidence)
    assert near.mean() < 0.05
    for name in ("label", "stage", "accepted"):
        assert (getattr(live, name).numpy() == getattr(ran, name))[~near].all(), name
    same = live.stage.numpy() == ran.stage
    np.testing.assert_allclose(ran.confidence[same], live.confidence.numpy()[same], atol=2e-5)
    np.testing.assert_allclose(ran.probabilities[same], live.probabilities.numpy()[same], atol=2e-5)
    return ran


def changed(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy of an exported cascade with another description."""
    shutil.copytree(folder, target)
    record = json.loads((target / FILE).read_text())
    (target / FILE).write_text(json.dumps({**record, **changes}))
    return target


def test_networks_of_two_sizes_with_any_batch(mixed: tuple[Path, Path]) -> None:
    source, folder = mixed
    cascade, runner = Cascade.load(source), OnnxCascade(folder)
    for count in (1, 7, 200):
        ran = agree(cascade, runner, random_images(count, 3, 14, seed=count))
    assert set(ran.stage) == {0, 1, 2}
    assert 0 < ran.accepted.mean() < 1
    assert len(ran) == 200
    assert runner.classes == [f"class{k}" for k in range(5)]
    assert runner.description["expected"]["test"]["coverage"]["value"] == 0.5


def test_each_graph_runs_on_no_more_than_what_reaches_it(
    mixed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = OnnxCascade(mixed[1])
    prepared: list[tuple[int, int]] = []
    of_arrays = onnx_runner.Preprocessing.of_arrays

    def counting(self: onnx_runner.Preprocessing, images: np.ndarray) -> np.ndarray:
        prepared.append((self.size, len(images)))
        return of_arrays(self, images)

    class Session:
        def __init__(self, session: Any) -> None:
            self.session, self.batches = session, []

        def run(self, outputs: None, inputs: dict[str, np.ndarray]) -> Any:
            self.batches += [len(array) for array in inputs.values()]
            return self.session.run(outputs, inputs)

    monkeypatch.setattr(onnx_runner.Preprocessing, "of_arrays", counting)
    runner._sessions = [Session(session) for session in runner._sessions]
    ran = runner(random_images(200, 3, 14))
    reached = [int((ran.stage >= stage).sum()) for stage in range(3)]
    assert reached[0] > reached[1] > reached[2] > 0
    assert [session.batches for session in runner._sessions] == [[count] for count in reached]
    assert prepared == [(8, 200), (12, reached[2])]  # the second network sees the images of the first


@pytest.mark.parametrize(
    ("score", "combine"),
    [
        (name, combine)
        for name, score in SCORES.items()
        for combine in ("average", "replace")
        if combine == "average" or not score.several
    ],
)
def test_every_score_and_both_ways_to_combine(
    score: str, combine: str, mixed: tuple[Path, Path], tmp_path: Path
) -> None:
    """The graphs are the same; windows lie at quantiles of the confidences, so that samples leave at every stage."""
    source, folder = mixed
    several = SCORES[score].several
    description = CascadeDescription.load(source)
    steps = list(Cascade.load(source, RunOptions(channels_last=False)).steps)
    transforms = [Transform(**stage.transform) for stage in description.stages]

    def cascade(rule: Rule, acceptance: float) -> Cascade:
        temperatures = [stage.temperature for stage in description.stages]
        return Cascade(steps, rule, score, combine, temperatures, acceptance, transforms, description.summing_order)

    images = random_images(150, 3, 14)
    rules: list[Rule] = [FixedRule(2)]
    if not several:
        probes = [cascade(FixedRule(stage), 0)(torch.from_numpy(images)).confidence.numpy() for stage in (0, 1)]
        middles = [[between(probe, share) for share in (0.2, 0.8)] for probe in probes]
        rules.append(IntervalRule(score, [Interval(low, high) for low, high in middles]))
    for number, rule in enumerate(rules):
        acceptance = between(cascade(rule, 0)(torch.from_numpy(images)).confidence.numpy(), 0.5)
        record = {"form": rule.form, **rule.to_dict()}  # type: ignore[attr-defined]
        place = changed(
            folder,
            tmp_path / str(number),
            rule=record,
            score=score,
            averages=combine == "average",
            acceptance=acceptance,
        )
        ran = agree(cascade(rule, acceptance), OnnxCascade(place), images)
        assert set(ran.stage) == ({2} if isinstance(rule, FixedRule) else {0, 1, 2})


def between(confidences: np.ndarray, share: float) -> float:
    """A threshold half-way between two neighbouring confidences."""
    ascending = np.sort(confidences)
    place = int(share * (len(ascending) - 1))
    return float((ascending[place] + ascending[place + 1]) / 2)


def test_exits_go_on_from_features(exits: tuple[Path, Path]) -> None:
    source, folder = exits
    runner = OnnxCascade(folder)
    assert [stage.resumes for stage in runner.stages] == [None, 0]
    first, second = runner._sessions
    assert len(first.get_outputs()) == 1 + len(second.get_inputs())
    assert len(second.get_outputs()) == 1  # nothing goes on from the last exit
    ran = agree(Cascade.load(source), runner, random_images(120, 1, 18))
    assert set(ran.stage) == {0, 1}
    agree(Cascade.load(source), runner, random_images(1, 1, 18, seed=3))


def test_digits(exits: tuple[Path, Path]) -> None:
    plain = yaml.safe_load((conf_dir() / "dataset" / "digits.yaml").read_text())
    dataset = labelled(
        {**plain, "base_images": {"train": 1, "val": 1, "test": 40}, "draws": {"train": 1, "val": 1, "test": 5}}
    )
    split = dataset.split("test")
    assert isinstance(split, PerturbedDraws)
    ran = agree(Cascade.load(exits[0]), OnnxCascade(exits[1]), split.images)
    assert len(ran) == 200


def test_stored_logits_are_decided_as_by_the_cascade(mixed: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(1)
    logits = [(2 * rng.normal(size=(3000, 5))).astype(np.float32) for _ in range(3)]
    expected, ran = Cascade.load(mixed[0]).replay(logits), OnnxCascade(mixed[1]).replay(logits)
    for name in ("label", "stage", "accepted"):
        assert (getattr(expected, name).numpy() == getattr(ran, name)).all()
    np.testing.assert_allclose(ran.confidence, expected.confidence.numpy(), rtol=1e-13)
    assert set(ran.stage) == {0, 1, 2}


def test_a_graph_that_differs_from_its_network_is_refused(mixed: tuple[Path, Path]) -> None:
    source, folder = mixed
    steps = Cascade.load(source, RunOptions(channels_last=False)).steps
    examples = [[torch.rand(count, 3, 8, 8)] for count in (1, 5)]
    for stage in (0, 1):
        assert graphs._difference(steps[stage], folder / f"stage{stage + 1}.onnx", examples, "made") < 1e-5
    with pytest.raises(
        WeeError, match="the graph of made gives other results than its network: they differ by .* size 1"
    ):
        graphs._difference(steps[1], folder / "stage1.onnx", examples, "made")


def test_a_runner_that_decides_otherwise_is_refused(mixed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(onnx_runner.CONFIDENCES, "msp", lambda outputs: 1 - outputs.probs.max(1))
    cascade = Cascade.load(mixed[0], RunOptions(channels_last=False))
    states = [[torch.zeros(4, 3, side, side)] for side in (8, 8, 12)]
    with pytest.raises(WeeError, match="the runner decides otherwise than the cascade"):
        graphs._compare_whole(cascade, OnnxCascade(mixed[1]), states, 1e-5)


def plugin_score(outputs: Any) -> Any:
    return outputs.peak


@pytest.mark.parametrize(
    ("rule", "score", "message"),
    [
        (Random(0.5), "msp", "the rule Random cannot be exported"),
        (
            IntervalRule("msp", []),
            f"{__name__}:plugin_score",
            "plugin_score cannot be exported: the runner has the built-in",
        ),
        (IntervalRule(f"{__name__}:plugin_score", []), "msp", "plugin_score cannot be exported"),
    ],
)
def test_what_is_not_data_is_refused(rule: Rule, score: str, message: str) -> None:
    cascade = Cascade([torch.nn.Identity()], rule, "msp")
    cascade.score = type(cascade.score)(score, cascade.score.function, "")
    with pytest.raises(WeeError, match=message):
        FORMAT.check(cascade)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda place: (place / FILE).unlink(), "is not the folder of an exported cascade"),
        (lambda place: (place / FILE).write_text("{"), "is not JSON"),
        (lambda place: edit(place, version=99), "is of version 99, and this runner reads up to 1"),
        (lambda place: edit(place, version=None), "has no version"),
        (lambda place: edit(place, stages=[{}]), "cannot be read: KeyError"),
        (lambda place: edit(place, score="nosuch"), "cannot be read: KeyError: 'nosuch'"),
        (lambda place: (place / "stage2.onnx").unlink(), "has no file stage2.onnx"),
        (lambda place: (place / "stage2.onnx").write_bytes(b"x"), "has changed since the cascade was exported"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(
    change: Any, message: str, mixed: tuple[Path, Path], tmp_path: Path
) -> None:
    place = tmp_path / "e"
    shutil.copytree(mixed[1], place)
    change(place)
    with pytest.raises(RunnerError, match=message):
        OnnxCascade(place)


def edit(place: Path, **changes: Any) -> None:
    record = json.loads((place / FILE).read_text())
    (place / FILE).write_text(json.dumps({**record, **changes}))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 3, 8), np.uint8), r"images must be \[N, 3, height, width\]; they are \[2, 3, 8\]"),
        (np.zeros((2, 1, 8, 8), np.uint8), r"they are \[2, 1, 8, 8\]"),
        (np.zeros((2, 3, 8, 8), np.int64), "they are int64"),
        (np.zeros((0, 3, 8, 8), np.uint8), "there are none"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: np.ndarray, message: str, mixed: tuple[Path, Path]) -> None:
    with pytest.raises(RunnerError, match=message):
        OnnxCascade(mixed[1])(images)


def test_logits_of_other_stages_are_refused(mixed: tuple[Path, Path]) -> None:
    logits: Sequence[np.ndarray] = [np.zeros((2, 5))]
    with pytest.raises(RunnerError, match="needs logits of as many; got 1"):
        OnnxCascade(mixed[1]).replay(logits)
