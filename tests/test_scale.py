"""The page about scale is what the command prints, and the fit behind it finds the rates that made the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scale import MEASUREMENTS, Model, Study, page

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "scale.md").read_text() == page(json.loads(MEASUREMENTS.read_text()))


def test_rates_are_found_again() -> None:
    start, split, sample, base, image = 0.8, 2e-3, 1.5e-7, 2e8, 60.0
    measured: list[dict[str, Any]] = []
    for images, sets, scales, settings in [(1000, 5, 1, 34), (5000, 5, 1, 34), (5000, 75, 1, 34), (5000, 75, 5, 170)]:
        splits = sets + 2
        taken = start + settings * splits * (split + sample * images)
        size = {"images": images, "sets": sets, "scales": scales, "members": 4}
        memory = base + image * splits * images
        measured.append({"size": size, "settings": settings, "seconds": [taken], "memory": [memory]})
    model = Model.of(measured, np.median)
    np.testing.assert_allclose([*model.seconds, *model.memory], [start, split, sample, base, image])
    assert model.error(measured) == pytest.approx(0, abs=1e-9)
    study = Study(sets=75, images=5000, clean=10_000)
    assert model.sweep_seconds(study) == pytest.approx(measured[-1]["seconds"][0])
    assert model.sweep_bytes(study) == pytest.approx(measured[-1]["memory"][0])
    assert study.logits(4) == 5 * 4 * 385_000 * (4000 + 64)
