"""Detection metrics against scikit-learn, on raw scores of any range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from wee.errors import WeeError
from wee.method import aupr, auroc, stream_window, window
from wee.method.metrics import calibration_error

SCORES = st.lists(st.integers(-30, 30).map(float), min_size=1, max_size=40).map(np.array)


@given(SCORES, SCORES)
def test_areas_are_scikit_learns(positive: np.ndarray, negative: np.ndarray) -> None:
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    scores = np.concatenate([positive, negative])
    assert auroc(positive, negative) == pytest.approx(roc_auc_score(labels, scores))
    assert aupr(positive, negative) == pytest.approx(average_precision_score(labels, scores))


def test_large_scores_are_not_squashed() -> None:
    assert auroc(np.array([1001.0]), np.array([1000.0])) == 1.0


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(WeeError, match="1 and 0 scores"):
        auroc(np.array([1.0]), np.array([]))
    with pytest.raises(WeeError, match="NaN"):
        aupr(np.array([np.nan]), np.array([1.0]))


@given(
    st.lists(st.integers(0, 9).map(float), min_size=2, max_size=30),
    st.integers(0, 9),
    st.sampled_from([0.1, 0.2, 0.5, 1.0]),
)
def test_a_stream_of_equal_halves_is_a_plain_window(scores: list[float], tau: int, width: float) -> None:
    ours = np.array(scores)
    theirs = ours[::-1] + 0.5
    plain = window(np.sort(np.concatenate([ours, theirs])), float(tau), width)
    moved = stream_window(ours, theirs, float(tau), width)
    assert moved.rank == pytest.approx(plain.rank)
    assert [moved.low, moved.high] == pytest.approx([plain.low, plain.high])


def test_calibration_error() -> None:
    from tests.helpers.outcomes import outcome

    found = outcome(np.zeros(4), np.array([True, True, False, False]))
    object.__setattr__(found, "confidence", np.array([0.9, 0.9, 0.9, 0.1]))
    assert calibration_error(found) == pytest.approx((abs(2.7 - 2) + 0.1) / 4)
