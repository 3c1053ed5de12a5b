"""Corruptions of images at five severities, in the manner of ImageNet-C (Hendrycks and Dietterich, ICLR 2019).

Strengths are chosen for images of about 32 pixels; lengths are given in 32nds of the smaller side, so that larger images are
corrupted alike. Random numbers come from numpy's `RandomState`, whose streams are frozen.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.float64]
"""An image with values in [0, 1], [height, width, channels]."""


def corrupted(image: Image.Image, corruption: str, severity: int, seed: Sequence[int]) -> Image.Image:
    """Return a corrupted image of the same size and mode.

    Args:
        image: an 8-bit image, grey or in colour.
        corruption: name of the corruption in `CORRUPTIONS`.
        severity: from 1 (weak) to 5 (strong).
        seed: seed of the random numbers; integers from 0 to 2^32 - 1.
    """
    pixels = np.asarray(image, dtype=np.float64) / 255
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    changed = CORRUPTIONS[corruption](pixels, severity - 1, RandomState(list(seed)))
    values = np.rint(changed.clip(0, 1) * 255).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def gaussian_noise(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Add Gaussian noise, drawn for each value."""
    deviation = [0.04, 0.06, 0.08, 0.10, 0.13][level]
    return pixels + deviation * random.standard_normal(pixels.shape)


def impulse_noise(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Set a share of all values to 0 or 1 ("salt and pepper")."""
    share = [0.01, 0.02, 0.03, 0.05, 0.08][level]
    drawn = random.random_sample(pixels.shape)
    return np.where(drawn < share / 2, 0.0, np.where(drawn < share, 1.0, pixels))


def defocus_blur(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Average over a disc, as a lens out of focus does."""
    radius = [0.7, 0.9, 1.1, 1.4, 1.8][level] * _unit(pixels)
    reach = int(np.ceil(radius + 0.5))
    across, down = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    disc = np.clip(radius + 0.5 - np.hypot(across, down), 0, 1)
    return np.asarray(ndimage.convolve(pixels, (disc / disc.sum())[..., None], mode="nearest"))


def motion_blur(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Average along a line in a random direction, as a moving camera does."""
    length = [1.5, 2.0, 2.7, 3.5, 4.5][level] * _unit(pixels)
    angle = random.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, 2 * int(np.ceil(length)) + 1)
    moved = [
        ndimage.shift(pixels, (step * np.sin(angle), step * np.cos(angle), 0), order=1, mode="nearest")
        for step in steps
    ]
    return np.asarray(np.mean(moved, axis=0))


def contrast(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Move all values towards the mean of their channel."""
    factor = [0.75, 0.6, 0.45, 0.3, 0.2][level]
    mean = pixels.mean((0, 1), keepdims=True)
    return np.asarray(mean + factor * (pixels - mean))


def brightness(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Add a constant to all values; the brightest are clipped."""
    return pixels + [0.06, 0.12, 0.18, 0.25, 0.35][level]


def pixelation(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Reduce the image by averaging, and enlarge it again without interpolation."""
    share = [0.9, 0.8, 0.7, 0.6, 0.5][level]
    height, width = pixels.shape[:2]
    image = _image(pixels)
    small = image.resize((max(1, round(width * share)), max(1, round(height * share))), Image.Resampling.BOX)
    return _pixels(small.resize((width, height), Image.Resampling.NEAREST))


def jpeg(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Compress and decompress the image as JPEG."""
    file = io.BytesIO()
    _image(pixels).save(file, "JPEG", quality=[60, 40, 28, 18, 10][level])
    return _pixels(Image.open(file))


def fog(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Mix the image with a bright cloud whose density varies smoothly, and which lowers the contrast."""
    amount = [0.25, 0.4, 0.55, 0.7, 0.85][level]
    height, width = pixels.shape[:2]
    cloud = np.zeros((height, width))
    for octave in range(1, 5):
        grid = random.random_sample((2**octave + 1, 2**octave + 1))
        zoom = ((height - 1) / 2**octave, (width - 1) / 2**octave)
        rows, columns = np.meshgrid(np.arange(height) / zoom[0], np.arange(width) / zoom[1], indexing="ij")
        cloud += ndimage.map_coordinates(grid, [rows, columns], order=1, mode="nearest") / 2**octave
    spread = cloud.max() - cloud.min()
    cloud = (cloud - cloud.min()) / spread if spread > 0 else cloud
    density = (amount * (0.5 + 0.5 * cloud))[..., None]
    return (1 - density) * pixels + density * 0.85


def rotation(pixels: Pixels, level: int, random: RandomState) -> Pixels:
    """Rotate the image about its centre, in either direction; corners are filled by reflection."""
    degrees = [6, 11, 17, 24, 33][level] * (1 if random.random_sample() < 0.5 else -1)
    turned = ndimage.rotate(pixels, degrees, axes=(0, 1), reshape=False, order=1, mode="reflect")
    return np.asarray(turned)


def _unit(pixels: Pixels) -> float:
    """Return a 32nd of the smaller side of an image, in pixels."""
    return float(min(pixels.shape[:2])) / 32


def _image(pixels: Pixels) -> Image.Image:
    values = np.rint(pixels * 255).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def _pixels(image: Image.Image) -> Pixels:
    values: Any = np.asarray(image, dtype=np.float64) / 255
    return np.asarray(values[..., None] if values.ndim == 2 else values)


CORRUPTIONS: Mapping[str, Callable[[Pixels, int, RandomState], Pixels]] = {
    function.__name__: function
    for function in (
        gaussian_noise,
        impulse_noise,
        defocus_blur,
        motion_blur,
        contrast,
        brightness,
        pixelation,
        jpeg,
        fog,
        rotation,
    )
}
"""Every corruption, by name: a function of an image, the severity minus 1, and a source of random numbers."""
