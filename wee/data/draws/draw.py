"""Perturbed draws of small grey images, which are the same on every machine.

Random numbers come from numpy's `RandomState`, whose streams are frozen, and results are rounded to bytes, so that
rounding errors of `sin` and `cos` do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wee.data.draws.config import PerturbationConfig

_AT_ONCE = 512  # number of images that are resampled together; they fit the processor's cache


def perturb(images: NDArray[np.float64], seed: list[int], config: PerturbationConfig) -> NDArray[np.uint8]:
    """Draw one perturbed image from each image.

    The steps are, in this order: rotation, magnification, shear and shift in a single bilinear resampling, with black
    outside the image; a factor on the contrast; a square of random grey at a random position; Gaussian noise.

    Args:
        images: grey values in [0, 1], [N, side, side].
        seed: seed of the random numbers.
        config: the strength of each perturbation.

    Returns:
        Grey values in 0..255, [N, 1, size, size].
    """
    rng = np.random.RandomState(seed)
    count, size = len(images), config.size

    def uniform(low: float, high: float) -> NDArray[np.float64]:
        return low + (high - low) * rng.random_sample(count)

    angle = np.deg2rad(uniform(-config.rotation, config.rotation))
    magnification = np.exp(uniform(*np.log(config.scale)))
    shear = uniform(-config.shear, config.shear)
    shift = [uniform(-config.shift, config.shift) for _ in range(2)]
    maps = _inverse(angle, magnification, shear)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE)]
    drawn = np.concatenate([_resample(images[p], maps[p], [s[p] for s in shift], size) for p in parts])
    drawn *= uniform(*config.contrast)[:, None, None]

    side = np.rint(uniform(0, config.occluder) * size)
    left, top = (np.floor(rng.random_sample(count) * (size - side + 1)) for _ in range(2))
    pixel = np.arange(size)
    across = (left[:, None] <= pixel) & (pixel < (left + side)[:, None])
    down = (top[:, None] <= pixel) & (pixel < (top + side)[:, None])
    grey = rng.random_sample(count)
    np.copyto(drawn, grey[:, None, None], where=down[:, :, None] & across[:, None, :])

    drawn += uniform(*config.noise)[:, None, None] * rng.standard_normal(drawn.shape)
    drawn.clip(0, 1, out=drawn)
    drawn *= 255
    np.rint(drawn, out=drawn)
    result: NDArray[np.uint8] = drawn.astype(np.uint8)[:, None]
    return result


def _inverse(
    angle: NDArray[np.float64], magnification: NDArray[np.float64], shear: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the inverse maps [N, 2, 2] from the result's coordinates to the image's: of rotation, then shear, then scale."""
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [[cos + shear * sin, sin - shear * cos], [-sin, cos]]
    return np.moveaxis(np.array(rows), -1, 0) / magnification[:, None, None]


def _resample(
    images: NDArray[np.float64], maps: NDArray[np.float64], shift: list[NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    """Resample images bilinearly, [N, side, side] -> [N, size, size]; coordinates are in [-1, 1], and outside is black."""
    count, side = images.shape[:2]
    centres = (2 * np.arange(size) + 1) / size - 1
    x, y = np.meshgrid(centres, centres)
    source = []
    for axis in range(2):
        position = maps[:, axis, 0, None, None] * x + maps[:, axis, 1, None, None] * y - shift[axis][:, None, None]
        source.append(((position + 1) * side - 1) / 2)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    across, down = (np.clip(s + 1, 0, side + 1 - 1e-9) for s in source)
    left, top = across.astype(np.intp), down.astype(np.intp)
    across -= left
    down -= top
    corner = (np.arange(count)[:, None, None] * (side + 2) + top) * (side + 2) + left
    flat = padded.ravel()
    upper = (1 - across) * flat.take(corner) + across * flat.take(corner + 1)
    corner += side + 2
    lower = (1 - across) * flat.take(corner) + across * flat.take(corner + 1)
    blended: NDArray[np.float64] = (1 - down) * upper + down * lower
    return blended
