"""Scores against their definitions, and where naive versions break."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp, softmax

from wee.errors import WeeError
from wee.method import SCORES, Outputs, summarise

LOGITS = arrays(np.float64, st.tuples(st.just(2), st.integers(1, 5), st.integers(2, 7)), elements=st.floats(-50, 50))


@given(LOGITS)
def test_scores_are_their_definitions(logits: np.ndarray) -> None:
    p = softmax(logits, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):

        def negative_entropy(q: np.ndarray) -> np.ndarray:
            return np.nansum(q * np.log(q), axis=-1)

        expected = {
            "msp": p.mean(0).max(1),
            "entropy": negative_entropy(p.mean(0)),
            "max_logit": logits.max(2).mean(0),
            "energy": logsumexp(logits, axis=2).mean(0),
            "margin": np.sort(p.mean(0))[:, -1] - np.sort(p.mean(0))[:, -2],
            "gini": (p.mean(0) ** 2).sum(1),
            "mean_msp": p.max(2).mean(0),
            "mean_entropy": negative_entropy(p).mean(0),
            "expected_entropy": negative_entropy(p).mean(0),
            "mutual_information": -(negative_entropy(p).mean(0) - negative_entropy(p.mean(0))),
        }
        expected["mutual_information"] = -np.abs(expected["mutual_information"])
    outputs = Outputs([torch.from_numpy(z) for z in logits])
    assert expected.keys() == SCORES.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(SCORES.find(name)(outputs).numpy(), values, rtol=1e-10, atol=1e-12, err_msg=name)


def test_an_underflowing_softmax_has_an_entropy() -> None:
    outputs = Outputs([torch.tensor([[0.0, 2000.0, -2000.0]])])
    assert SCORES["entropy"](outputs).item() == 0.0


def test_scores_of_float16_logits_are_float64() -> None:
    """Two confident samples that float32 would tie."""
    outputs = Outputs([torch.tensor([[17.5, 0.0], [17.625, 0.0]], dtype=torch.float16)])
    low, high = SCORES["msp"](outputs)
    assert low < high
    assert np.float32(low) == np.float32(high)


def test_the_log_probability_of_the_truth_is_finite_where_its_probability_is_not() -> None:
    logits = [np.array([[0.0, 2000.0]]), np.array([[0.0, 1500.0]])]
    summary = summarise(logits, np.array([0]), [(0, 1)])[0, 1]
    assert summary.log_prob[0] == pytest.approx(-1500 - np.log(2))


def test_an_unknown_score_is_named_with_its_neighbour() -> None:
    with pytest.raises(WeeError, match="no score 'enrgy'; did you mean 'energy'"):
        SCORES.find("enrgy")


def test_a_users_own_function_is_a_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_scores.py").write_text(
        'def doubled(outputs):\n    """Twice the peak."""\n    return 2 * outputs.peak\n\nnumber = 3\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    mine = SCORES.find("own_scores:doubled")
    outputs = Outputs([torch.tensor([[2.0, 0.0]])])
    assert mine(outputs).tolist() == (2 * SCORES["msp"](outputs)).tolist()
    assert (mine.name, mine.label, mine.help) == ("own_scores:doubled", "doubled", "Twice the peak.")
    with pytest.raises(WeeError, match="there is no score 'own_scores:enrgy'"):
        SCORES.find("own_scores:enrgy")
    with pytest.raises(WeeError, match="own_scores:number is a int; a score is a function"):
        SCORES.find("own_scores:number")
    with pytest.raises(WeeError, match="there is no score 'nowhere:score'"):
        SCORES.find("nowhere:score")


WRONG_SCORES = """
import torch


def constant(outputs):
    return torch.tensor(0.5)


def number(outputs):
    return 0.5


def per_class(outputs):
    return outputs.probs


def classes(outputs):
    return outputs.predicted


def as_array(outputs):
    return outputs.peak.numpy()


def as_single(outputs):
    return outputs.peak.float()


def undefined(outputs):
    return outputs.peak.where(outputs.peak < 0.9, torch.nan)


def infinite(outputs):
    return outputs.peak.log() / 0


def misspelt(outputs):
    return helper(outputs)


def helper(outputs):
    return outputs.prob
"""


@pytest.fixture
def wrong_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "wrong_scores.py").write_text(WRONG_SCORES)
    monkeypatch.syspath_prepend(tmp_path)
    return "wrong_scores"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("constant", r"returned a Tensor of shape \[\] and type torch.float32: .* shape \[n\], here \[3\]"),
        ("number", r"returned a float: a score returns a floating-point tensor"),
        ("per_class", r"returned a Tensor of shape \[3, 2\] and type torch.float64: "),
        ("classes", r"returned a Tensor of shape \[3\] and type torch.int64: "),
        ("undefined", r"returned NaN for 1 of 3 samples"),
        (
            "misspelt",
            r"raised AttributeError: 'Outputs' object has no attribute 'prob' \(.*wrong_scores.py, line 42\)$",
        ),
    ],
)
def test_what_is_no_score_is_refused_by_name(function: str, message: str, wrong_scores: str) -> None:
    logits = [np.array([[2.0, 0.0], [0.0, 5.0], [0.0, 0.1]])]
    with pytest.raises(WeeError, match=rf"^the score wrong_scores:{function} {message}"):
        summarise(logits, np.array([0, 1, 1]), [(0,)], ["msp", f"{wrong_scores}:{function}"])


def test_arrays_single_precision_and_infinite_values_are_scores(wrong_scores: str) -> None:
    outputs = Outputs([torch.tensor([[2.0, 0.0], [0.0, 5.0]])])
    assert SCORES.find(f"{wrong_scores}:as_array")(outputs).equal(outputs.peak)
    assert SCORES.find(f"{wrong_scores}:as_single")(outputs).equal(outputs.peak.float().double())
    assert SCORES.find(f"{wrong_scores}:infinite")(outputs).tolist() == [-np.inf, -np.inf]
