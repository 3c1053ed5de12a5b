"""How a batch of images is prepared for a network, as `wee.data.base.Transform` describes it."""

from __future__ import annotations

import math

from torch import Tensor, nn

from wee.data.base import Transform, as_floats, resized


class Preparation(nn.Module):
    """Resizes, crops and normalises images on the device that it is on.

    The shorter side is resized to size / crop_pct, rounded down, and the central square of the size is kept, as timm does for
    evaluation. Images that already have that size are not resized. For square images and a crop_pct of 1, the result is that of
    `wee.data.base.ArrayImages`, to the last bit. Data sets of image files are resized by Pillow as 8-bit pixels, and the
    results differ by up to half a step of 1/255.

    Args:
        transform: size, mean, standard deviation, interpolation and crop.

    Shapes:
        Maps images [n, channels, h, w], bytes or floating-point numbers in [0, 1], to [n, channels, size, size].

    Raises:
        WeeError: images have to be resized, by an interpolation other than bilinear or bicubic.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform
        for name, values in zip(("mean", "std"), transform.normalisation(), strict=True):
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the images as the network sees them."""
        return (as_floats(self._cropped(images)) - self.mean) / self.std

    def _cropped(self, images: Tensor) -> Tensor:
        """Return the resized images, cropped to squares."""
        size = self.transform.size
        before, side = images.shape[2:], math.floor(size / self.transform.crop_pct)
        height, width = (side * length // min(before) for length in before)
        if (height, width) != tuple(before):
            images = resized(images, height, width, self.transform.interpolation)
        top, left = (round((length - size) / 2) for length in (height, width))
        return images[:, :, top : top + size, left : left + size]
