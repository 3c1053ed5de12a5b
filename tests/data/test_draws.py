"""Corruption: how far each part of it goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wee.data.draws.config import PerturbationConfig
from wee.data.draws.draw import perturb


def test_without_corruption_a_draw_is_the_enlarged_image() -> None:
    still = PerturbationConfig(
        size=16, rotation=0, scale=[1, 1], shear=0, shift=0, contrast=[1, 1], occluder=0, noise=[1e-9, 1e-9]
    )
    image = np.zeros((1, 8, 8))
    image[0, 3, 4] = 1
    drawn = perturb(image, [0], still)[0, 0]
    assert drawn.shape == (16, 16)
    assert np.unravel_index(drawn.argmax(), drawn.shape) in [(6, 8), (6, 9), (7, 8), (7, 9)]
    assert drawn.sum() / 255 == pytest.approx(4, abs=0.05)  # a pixel covers four


def test_a_shift_moves_the_image() -> None:
    moved = replace(
        PerturbationConfig(),
        rotation=0.0,
        scale=[1, 1],
        shear=0.0,
        shift=0.5,
        contrast=[1, 1],
        occluder=0.0,
        noise=[1e-9, 1e-9],
    )
    image = np.zeros((200, 8, 8))
    image[:, 3:5, 3:5] = 1
    centres = [np.argwhere(d[0] > 128).mean(0) for d in perturb(image, [1], moved)]
    spread = (np.array(centres) - 11.5) / 12
    assert np.abs(spread).max() <= 0.55
    assert np.abs(spread).max() > 0.4
