"""Cascades that decide on logits: networks are found by number or name, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wee
from tests.helpers import descriptions
from wee.cascade.on_logits import LogitCascade
from wee.errors import WeeError
from wee.method import Interval, IntervalRule

COUNT = 40


def saved(folder: Path, *stages: tuple[str, int, int | None], **changes: Any) -> LogitCascade:
    """Save the description of a cascade of stages (scale, member, exit), and load it."""
    base = descriptions.cascade([1.0] * len(stages), 0.9, 100)
    described = [
        replace(stage, family="tiny", scale=scale, member=member, exit=exit)
        for stage, (scale, member, exit) in zip(base.stages, stages, strict=True)
    ]
    rule = IntervalRule("msp", [Interval(0.4, 0.7)] * (len(stages) - 1))
    made = replace(base, stages=described, classes=list("abc"), rule=rule, acceptance=0.6, **changes)
    folder.mkdir(exist_ok=True)
    made.save(folder)
    return wee.load_logit_cascade(folder)


def logits_of(networks: int) -> np.ndarray:
    return 2 * np.random.default_rng(0).normal(size=(networks, COUNT, 3)).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits.astype(np.float64))
    return exponentials / exponentials.sum(-1, keepdims=True)


def test_members_are_found_by_their_numbers_whatever_the_order_of_running(tmp_path: Path) -> None:
    cascade = saved(tmp_path, ("s1", 2, None), ("s1", 0, None))
    logits = logits_of(3)
    prediction = cascade(logits)
    first = softmax(logits[2])
    both = (first + softmax(logits[0])) / 2
    goes_on = (first.max(1) >= 0.4) & (first.max(1) <= 0.7)
    final = np.where(goes_on[:, None], both, first)
    assert 0 < goes_on.sum() < COUNT
    assert prediction.stage.tolist() == goes_on.astype(int).tolist()
    assert prediction.label.tolist() == final.argmax(1).tolist()
    np.testing.assert_allclose(prediction.probabilities, final, rtol=1e-12)
    assert prediction.accepted is not None
    assert prediction.accepted.tolist() == (final.max(1) >= 0.6).tolist()
    same: list[Any] = [
        list(logits),
        {0: logits[0], 2: logits[2]},
        {cascade.names[0]: torch.from_numpy(logits[2]), cascade.names[1]: logits[0]},
        {2: lambda places: logits[2][places], 0: lambda places: torch.from_numpy(logits[0])[places]},
    ]
    for form in same:
        again = cascade(form, count=COUNT)
        assert torch.equal(again.probabilities, prediction.probabilities)
        assert torch.equal(again.stage, prediction.stage)


def test_a_network_that_no_sample_reaches_is_not_called(tmp_path: Path) -> None:
    cascade = saved(tmp_path, ("s1", 0, None), ("s1", 1, None))

    def never(places: np.ndarray) -> np.ndarray:
        raise AssertionError

    sure = np.tile([9.0, 0.0, 0.0], (5, 1))
    assert cascade([sure, never]).stage.tolist() == [0] * 5


def test_exits_are_found_by_their_numbers(tmp_path: Path) -> None:
    cascade = saved(tmp_path, ("s1", 3, 1), ("s1", 3, 3), combine="replace")
    logits = logits_of(3)
    prediction = cascade(logits)
    reached = prediction.stage.numpy() == 1
    assert cascade.numbers == [0, 2]
    assert 0 < reached.sum() < COUNT
    np.testing.assert_allclose(prediction.probabilities[reached], softmax(logits[2])[reached], rtol=1e-12)


def test_networks_of_several_scales_are_given_by_name(tmp_path: Path) -> None:
    cascade = saved(tmp_path, ("s1", 0, None), ("s2", 0, None))
    logits = logits_of(2)
    assert cascade.numbers is None
    with pytest.raises(WeeError, match="several kinds, so their logits are given by name: .* 'tiny/s2 member 0'"):
        cascade(logits)
    with pytest.raises(WeeError, match=r"there are no logits of tiny/s1 member 0; the keys are 0, 1"):
        cascade({0: logits[0], 1: logits[1]})
    assert len(cascade(dict(zip(cascade.names, logits, strict=True)))) == COUNT


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (logits_of(1), "logits of 1 network, and the cascade runs number 1, counted from 0: give all in the order"),
        (logits_of(2)[0], r"the logits have shape \[40, 3\]: expected is \[networks, samples, classes\]"),
        (logits_of(2)[..., :2], r"member 0 have shape \[40, 2\]: expected is \[40, 3\]"),
        (np.full((2, 4, 3), np.nan), "member 0 are not all finite"),
        (np.ones((2, 4, 3), int), "member 0 are of type int64: expected are floating-point numbers"),
        (softmax(logits_of(2)), "member 0 are probabilities"),
        (
            [logits_of(1)[0], logits_of(1)[0, :9]],
            "different numbers of samples: tiny/s1 member 0: 40, tiny/s1 member 1: 9",
        ),
        ([lambda places: places] * 2, "all networks are functions: give the number of samples, count=N"),
        ({0: logits_of(1)[0]}, "there are no logits of tiny/s1 member 1; the keys are 0"),
        ([logits_of(1)[0], lambda places: logits_of(1)[0]], r"member 1 have shape \[40, 3\]: expected is \[\d+, 3\]"),
        ([], "logits of 0 networks"),
        ([[[1.0, 2.0], [3.0]]] * 2, "the logits of tiny/s1 member 0 cannot be converted to an array: "),
        (None, r"the logits are None: expected is an array \[networks, samples, classes\]"),
        ([logits_of(1)[0], 5], "the logits of tiny/s1 member 1 are 5: expected is an array"),
        (np.zeros((2, 0, 3)), "a cascade needs one sample or more"),
    ],
)
def test_logits_that_do_not_fit_are_refused(tmp_path: Path, logits: Any, message: str) -> None:
    with pytest.raises(WeeError, match=message):
        saved(tmp_path, ("s1", 0, None), ("s1", 1, None))(logits)


@pytest.mark.parametrize("count", [0, -2, 2.5, "4"])
def test_a_count_is_a_number_of_samples(tmp_path: Path, count: Any) -> None:
    cascade = saved(tmp_path, ("s1", 0, None), ("s1", 1, None))
    with pytest.raises(WeeError, match=f"count is {count!r}: it is the number of samples, 1 or more"):
        cascade([lambda places: logits_of(1)[0, places]] * 2, count=count)


def test_a_calibration_from_arrays_decides_on_new_logits() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=600)
    logits = rng.normal(size=(3, 600, 3)) + 1.5 * np.eye(3)[labels]
    source = wee.from_arrays((logits[:, :300], labels[:300]), (logits[:, 300:], labels[300:]))
    chosen = wee.calibrate(source, "cov@10", budget=1.3)
    prediction = chosen.on_logits()(logits[:, 300:])
    first = softmax(logits[chosen.lineup[0], 300:])
    left = prediction.stage.numpy() == 0
    assert 0 < left.sum() < 300
    np.testing.assert_allclose(prediction.confidence[left], first.max(1)[left], rtol=1e-12)
    assert prediction.accepted is not None
    assert prediction.accepted.tolist() == (prediction.confidence >= chosen.threshold).tolist()
