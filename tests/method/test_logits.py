"""Summaries of logits: what is right, whatever the chunk, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from wee.errors import WeeError
from wee.method import NO_LABEL, summarise
from wee.method import logits as module


@pytest.fixture
def logits() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(57, 9)).astype(np.float32) for _ in range(3)]


def test_labels_ranks_and_losses(logits: list[np.ndarray]) -> None:
    labels = np.arange(57) % 9
    found = summarise(logits, labels, [(0, 1, 2)])[0, 1, 2]
    p = np.mean([np.exp(z.astype(float)) / np.exp(z.astype(float)).sum(1, keepdims=True) for z in logits], axis=0)
    true = p[np.arange(57), labels]
    assert (found.label == p.argmax(1)).all()
    assert (found.correct == (p.argmax(1) == labels)).all()
    assert (found.top5 == ((p > true[:, None]).sum(1) < 5)).all()
    np.testing.assert_allclose(found.log_prob, np.log(true))
    np.testing.assert_allclose(found.brier, ((p - np.eye(9)[labels]) ** 2).sum(1))


def test_chunks_do_not_show(logits: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros(57, dtype=np.int64)
    sets, scores = [(0,), (1, 2)], ["msp", "energy"]
    whole = summarise(logits, labels, sets, scores)
    monkeypatch.setattr(module, "CHUNK_VALUES", 40)
    pieces = summarise(logits, labels, sets, scores)
    for members in sets:
        assert (whole[members].label == pieces[members].label).all()
        for score in scores:
            assert (whole[members].scores[score] == pieces[members].scores[score]).all()


def test_equal_probabilities_are_ranked_in_class_order() -> None:
    flat = [np.zeros((10, 10))]
    found = summarise(flat, np.arange(10), [(0,)])[0,]
    assert found.label.tolist() == [0] * 10
    assert found.correct.tolist() == [True] + [False] * 9
    assert found.top5.tolist() == [True] * 5 + [False] * 5


def test_samples_of_no_class_are_never_correct(logits: list[np.ndarray]) -> None:
    found = summarise(logits, np.full(57, NO_LABEL), [(0,)])[0,]
    assert not found.correct.any()
    assert not found.top5.any()
    assert np.isnan(found.log_prob).all()


def test_what_does_not_fit_is_refused(logits: list[np.ndarray]) -> None:
    labels = np.zeros(57, dtype=np.int64)
    with pytest.raises(WeeError, match="alike"):
        summarise([logits[0], logits[1][:50]], labels, [(0,)])
    with pytest.raises(WeeError, match="one label a sample"):
        summarise(logits, labels[:5], [(0,)])
    with pytest.raises(WeeError, match=r"labels run from 0 to 9, but the logits have 9 classes"):
        summarise(logits, np.arange(57) % 10, [(0,)])
    with pytest.raises(WeeError, match="at least one member"):
        summarise([], labels, [(0,)])
