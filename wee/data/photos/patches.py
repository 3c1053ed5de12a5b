"""Patches of scikit-learn's two sample photographs: square regions, averaged to 8x8 like the originals of the digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HEIGHT, _WIDTH = 427, 640


def patch_names(region: int) -> list[str]:
    """Return the id of each patch, for regions with a side of `region` pixels."""
    rows, columns = _HEIGHT // region, _WIDTH // region
    return [f"photo-{p}-{r:02d}-{c:02d}" for p in range(2) for r in range(rows) for c in range(columns)]


def patches(region: int) -> NDArray[np.float64]:
    """Return the patches as grey values in [0, 1], [n, 8, 8]; `region` is a multiple of 8 pixels."""
    from sklearn.datasets import load_sample_images

    photo_patches = []
    for photo in load_sample_images().images:
        grey = np.asarray(photo, dtype=np.float64) @ [0.299, 0.587, 0.114] / 255
        rows, columns = grey.shape[0] // region, grey.shape[1] // region
        block = region // 8
        cut = grey[: rows * region, : columns * region].reshape(rows, 8, block, columns, 8, block).mean((2, 5))
        photo_patches.append(cut.transpose(0, 2, 1, 3).reshape(-1, 8, 8))
    return np.concatenate(photo_patches)
