"""A runner of exported cascades that needs numpy and onnxruntime alone (and Pillow, to read image files).

It imports nothing of wee, and no torch. `wee export format=onnx` copies this file into the folder of an exported cascade as
`run.py`, so that the folder runs where wee is not installed:

    python FOLDER/run.py IMAGES --output predictions.csv

From Python:

    from run import OnnxCascade  # with FOLDER on the path; or: from wee.cascade.onnx_runner import OnnxCascade

    cascade = OnnxCascade("FOLDER")
    prediction = cascade(images)  # images [N, channels, height, width]: bytes, or floating-point numbers in [0, 1]
    prediction.label, prediction.confidence, prediction.stage, prediction.accepted
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import hashlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FILE = "cascade.onnx.json"
"""The file that describes an exported cascade, beside its graphs."""

VERSION = 1
"""Version of that file."""

COLUMNS = ("file", "label", "class", "confidence", "stage", "accepted")
"""The columns of a table of predictions: those of `wee predict`."""

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
"""Extensions of image files."""


class RunnerError(ValueError):
    """An error that the user can correct: a wrong folder, a changed file, images of a wrong shape."""


class MemberArrays:
    """One network's logits [n, classes] in float64, and what scores need of them.

    Args:
        logits: [n, classes], float64, divided by the temperature.
    """

    def __init__(self, logits: Array) -> None:
        self.logits = logits

    @cached_property
    def largest(self) -> Array:
        """The largest logit [n]."""
        return np.asarray(self.logits.max(1))

    @cached_property
    def _exponentials(self) -> tuple[Array, Array]:
        exponentials = np.exp(self.logits - self.largest[:, None])
        return exponentials, exponentials.sum(1)

    @cached_property
    def logsumexp(self) -> Array:
        """The logsumexp of the logits [n]."""
        return np.asarray(self.largest + np.log(self._exponentials[1]))

    @cached_property
    def probs(self) -> Array:
        """Softmax outputs [n, classes]."""
        exponentials, total = self._exponentials
        return np.asarray(exponentials / total[:, None])

    @cached_property
    def peak(self) -> Array:
        """The largest probability [n]."""
        return np.asarray(self.probs.max(1))

    @cached_property
    def entropy(self) -> Array:
        """The negative entropy of the softmax output [n]."""
        return _negative_entropy(self.probs)


class OutputArrays:
    """The outputs of m members for n samples.

    Args:
        members: in the order in which their softmax outputs are summed.
    """

    def __init__(self, members: Sequence[MemberArrays]) -> None:
        self.members = list(members)

    @cached_property
    def probs(self) -> Array:
        """The mean of the members' softmax outputs [n, classes]."""
        return self.mean(lambda member: member.probs)

    def mean(self, value: Callable[[MemberArrays], Array]) -> Array:
        """Return the mean of a value over the members, summed in their order."""
        values = [value(member) for member in self.members]
        return np.asarray(functools.reduce(np.add, values) / len(values)) if len(values) > 1 else values[0]


def _negative_entropy(probs: Array) -> Array:
    logs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
    return np.asarray((probs * logs).sum(1))


def msp(outputs: OutputArrays) -> Array:
    """Return the maximum softmax probability of the mean prediction [n]."""
    return np.asarray(outputs.probs.max(1))


def entropy(outputs: OutputArrays) -> Array:
    """Return the negative entropy of the mean prediction [n]."""
    return _negative_entropy(outputs.probs)


def max_logit(outputs: OutputArrays) -> Array:
    """Return the mean of the members' largest logits [n]."""
    return outputs.mean(lambda member: member.largest)


def energy(outputs: OutputArrays) -> Array:
    """Return the mean of the members' logsumexp [n]."""
    return outputs.mean(lambda member: member.logsumexp)


def margin(outputs: OutputArrays) -> Array:
    """Return the largest minus the second largest probability of the mean prediction [n]."""
    top = np.partition(outputs.probs, -2, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0])


def gini(outputs: OutputArrays) -> Array:
    """Return the sum of the squared mean probabilities [n]."""
    return np.asarray(np.square(outputs.probs).sum(1))


def mean_msp(outputs: OutputArrays) -> Array:
    """Return the mean of the members' own maximum softmax probabilities [n]."""
    return outputs.mean(lambda member: member.peak)


def mean_entropy(outputs: OutputArrays) -> Array:
    """Return the mean of the members' own negative entropies [n]."""
    return outputs.mean(lambda member: member.entropy)


def expected_entropy(outputs: OutputArrays) -> Array:
    """Return the mean negative entropy of two members or more [n]."""
    return mean_entropy(outputs)


def mutual_information(outputs: OutputArrays) -> Array:
    """Return minus the disagreement of two members or more [n]."""
    return np.asarray(np.minimum(entropy(outputs) - mean_entropy(outputs), 0))


CONFIDENCES: dict[str, Callable[[OutputArrays], Array]] = {
    function.__name__: function
    for function in (
        msp, entropy, max_logit, energy, margin, gini, mean_msp, mean_entropy, expected_entropy, mutual_information,
    )
}  # fmt: skip
"""The scores of `wee.method.scores` in numpy, by name. Each maps the outputs for n samples to float64 [n]."""

RULES: dict[str, Callable[[dict[str, Any], int, OutputArrays], Array | bool]] = {
    "intervals": lambda rule, stage, outputs: _inside(rule["intervals"][stage], CONFIDENCES[rule["score"]](outputs)),
    "fixed": lambda rule, stage, outputs: stage < int(rule["stage"]),
}
"""What decides at a stage who goes on, by the form of the rule: a truth value for each sample [n], or one for all."""


def _inside(interval: dict[str, Any], confidences: Array) -> Array:
    return np.asarray((confidences >= float(interval["low"])) & (confidences <= float(interval["high"])))


@dataclass(frozen=True)
class Preprocessing:
    """How images are prepared for a network.

    Attributes:
        size: side of the square input in pixels.
        mean, std: pixel values x in [0, 1] are normalised as (x - mean) / std, for each channel.
        interpolation: how images are resized.
        crop_pct: side of the central crop as a share of the shorter side of the resized image.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_pct: float

    @property
    def _side(self) -> int:
        """The length of the shorter side before the crop."""
        return math.floor(self.size / self.crop_pct)

    def normalised(self, pixels: Array) -> Array:
        """Return pixels [n, channels, h, w], bytes or numbers in [0, 1], as the network sees them, float32."""
        scaled = pixels.astype(np.float32) / np.float32(255) if pixels.dtype == np.uint8 else pixels.astype(np.float32)
        mean, std = (np.array(values, dtype=np.float32).reshape(1, -1, 1, 1) for values in (self.mean, self.std))
        return np.asarray((scaled - mean) / std)

    def of_arrays(self, images: Array) -> Array:
        """Return images [n, channels, h, w], bytes or numbers in [0, 1], resized, cropped and normalised, float32.

        Raises:
            RunnerError: they have to be resized, by an interpolation other than bilinear or bicubic.
        """
        before = images.shape[2:]
        height, width = (self._side * length // min(before) for length in before)
        if (height, width) != before:
            if self.interpolation not in KERNELS:
                raise RunnerError(
                    f"arrays are resized by {' or '.join(KERNELS)} interpolation, and this cascade needs "
                    f"{self.interpolation}: give images whose shorter side has {self._side} pixels, or image files"
                )
            floats = images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images
            rows, columns = (
                _resizing(old, new, self.interpolation) for old, new in zip(before, (height, width), strict=True)
            )
            images = rows @ (floats.astype(np.float32) @ columns.T)
        top, left = (round((length - self.size) / 2) for length in (height, width))
        return self.normalised(images[:, :, top : top + self.size, left : left + self.size])

    def of_file(self, image: Any) -> Array:
        """Return a Pillow image resized and cropped as bytes, and normalised [channels, size, size], as `wee predict` does.

        Args:
            image: the image, of the mode of the cascade's channels.
        """
        from PIL import Image

        width, height = image.size
        shape = tuple(self._side if length == min(width, height) else int(self._side * length / min(width, height))
                      for length in (width, height))  # fmt: skip
        if shape != image.size:
            image = image.resize(shape, getattr(Image.Resampling, self.interpolation.upper()))
        left, top = (round((length - self.size) / 2.0) for length in shape)
        pixels = np.asarray(image.crop((left, top, left + self.size, top + self.size)), dtype=np.uint8)
        return np.asarray(self.normalised(pixels.reshape(1, self.size, self.size, -1).transpose(0, 3, 1, 2))[0])

    def of_file_as_floats(self, image: Any) -> Array:
        """Return a Pillow image as `of_file` does, but resized as floating-point numbers.

        It is for cascades that were calibrated on images in memory, which are resized so.
        """
        pixels = np.asarray(image, dtype=np.uint8).reshape(1, image.height, image.width, -1)
        return np.asarray(self.of_arrays(pixels.transpose(0, 3, 1, 2))[0])


def _triangle(x: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(x), 0))


def _cubic(x: Array) -> Array:
    """The cubic convolution kernel with a = -0.5 (Keys, 1981), as Pillow and torch use it with antialiasing."""
    x, a = np.abs(x), -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    return np.asarray(np.where(x < 1, near, np.where(x < 2, (((x - 5) * x + 8) * x - 4) * a, 0)))


KERNELS: dict[str, tuple[Callable[[Array], Array], float]] = {"bilinear": (_triangle, 1.0), "bicubic": (_cubic, 2.0)}
"""The kernel of each antialiased interpolation, and its radius."""


@functools.cache
def _resizing(old: int, new: int, interpolation: str) -> Array:
    """Return the matrix [new, old], float32, that resizes one dimension with antialiasing."""
    kernel, radius = KERNELS[interpolation]
    scale = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * (old / new)
    first = np.maximum((centres - radius * scale + 0.5).astype(int), 0)
    last = np.minimum((centres + radius * scale + 0.5).astype(int), old)
    pixels = np.arange(old)
    weights = kernel((pixels - centres[:, None] + 0.5) / scale)
    weights = np.where((pixels >= first[:, None]) & (pixels < last[:, None]), weights, 0)
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)


LEVEL = 1e-4
"""The probability of a false alarm: that any share differs although both sets of samples are from one distribution."""

ACCEPTS_NOTHING = "this cascade accepts nothing, because what was asked for could not be certified: see its card"
"""The warning about a cascade without an acceptance threshold."""

Limits = Callable[[float, int, float], tuple[float, float]]
"""Gives an interval of an expected value, from the mean, the number of variables, and the probability of an error."""


def mean_interval(mean: float, count: int, delta: float) -> tuple[float, float]:
    """Return an interval of the expected value of independent variables between 0 and 1, by numpy alone.

    It is that of `wee.method.guarantees.mean_interval`, which has the sources.

    Args:
        mean: the mean of the variables, in [0, 1].
        count: the number of variables.
        delta: the probability that the interval misses the expected value, in (0, 1).

    Returns:
        The limits, in [0, 1]; 0 and 1 if there are no variables.
    """
    total, level = mean * count, delta / (2 * math.e)
    at_least, at_most = math.floor(total + 1e-9), math.ceil(total - 1e-9)
    return 1 - _upper_limit(count - at_least, count, level), _upper_limit(at_most, count, level)


def _upper_limit(losses: int, count: int, level: float) -> float:
    """Return the p at which P(Binomial(count, p) <= losses) is a level below 1/2 (Clopper and Pearson), by bisection."""
    if losses == count:
        return 1.0
    # The terms fall by these ratios, times (1 - p) / p, from the largest one on. Those that are left out are less than e^-40.
    places = np.arange(losses, max(losses - 9 * math.isqrt(losses) - 9, 0), -1)
    ratios = places / (count - places + 1)
    ways = math.lgamma(count + 1) - math.lgamma(losses + 1) - math.lgamma(count - losses + 1)
    low, high = losses / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        largest = math.exp(ways + losses * math.log(middle) + (count - losses) * math.log1p(-middle))
        tail = largest * (1 + float(np.cumprod(ratios * (1 - middle) / middle).sum()))
        low, high = (middle, high) if tail > level else (low, middle)
    return high


@dataclass(frozen=True)
class ComparedShare:
    """The share of some samples that are accepted, or that reach a stage, beside that of the test set.

    Attributes:
        stage: the stage that is reached, counted from 1; None for the share of accepted samples.
        observed: the share of the samples, in [0, 1].
        expected: the share of the test set, in [0, 1].
        differs: whether the two cannot come from one distribution, at the level `LEVEL`.
    """

    stage: int | None
    observed: float
    expected: float
    differs: bool

    @property
    def name(self) -> str:
        """What the share is of: "accepted", or "reaches stage 2"."""
        return "accepted" if self.stage is None else f"reaches stage {self.stage}"

    @property
    def observation(self) -> str:
        """The observed share as a part of a sentence."""
        observed = f"{100 * self.observed:.2f} %"
        return f"{observed} are accepted" if self.stage is None else f"{observed} reach stage {self.stage}"


@dataclass(frozen=True)
class Reference:
    """What is known of a cascade on its test set, with which its decisions on new samples are compared.

    `wee.cascade.drift` says how shares are compared, and why.

    Attributes:
        coverage: the share of the test samples that is accepted, in [0, 1].
        reaching: the share of the test samples that reaches each stage [stages], in [0, 1]; the first is 1.
        risk: the share of errors among the accepted test samples, in [0, 1].
        samples, groups: the numbers of test samples, and of groups of dependent samples among them.
        certified: whether any guarantee holds.
        risk_limit: the certified limit of the risk, in (0, 1); None if no risk is certified.
    """

    coverage: float
    reaching: Sequence[float]
    risk: float
    samples: int
    groups: int
    certified: bool
    risk_limit: float | None

    def independent_samples(self, count: int, independent: bool = False) -> int:
        """Return how many independent samples some new samples count as.

        Args:
            count: the number of samples.
            independent: whether they are independent of each other; otherwise they are taken to depend on each other like
                the samples of the test set.
        """
        return count if independent else count * self.groups // self.samples

    def compare(
        self, accepted: int, leaving: Sequence[int], independent: bool = False, limits: Limits = mean_interval
    ) -> list[ComparedShare]:
        """Compare the decisions on some samples with those on the test set.

        Args:
            accepted: the number of accepted samples.
            leaving: the number of samples that leave at each stage [stages].
            independent: whether the samples are independent of each other; see `independent_samples`.
            limits: gives the interval of a share.

        Returns:
            The share of accepted samples, and the shares that reach each stage but the first; none without samples.
        """
        count = sum(leaving)
        if not count:
            return []
        shares: list[tuple[int | None, float, float]] = [(None, accepted / count, self.coverage)]
        for later in range(1, len(self.reaching)):
            shares.append((later + 1, sum(leaving[later:]) / count, self.reaching[later]))
        number, level = self.independent_samples(count, independent), LEVEL / (2 * len(shares))
        compared = []
        for stage, observed, expected in shares:
            lower, upper = limits(observed, number, level)
            expected_lower, expected_upper = limits(expected, self.groups, level)
            differs = lower > expected_upper or upper < expected_lower
            compared.append(ComparedShare(stage, observed, expected, differs))
        return compared

    def warning(self, shares: Sequence[ComparedShare], samples: str = "images") -> str | None:
        """Say which shares differ from those of the test set, and what this means.

        Args:
            shares: what `compare` has returned.
            samples: what the samples are, in the plural.

        Returns:
            One or two sentences without a final full stop; None if no share differs.
        """
        differing = [share for share in shares if share.differs]
        if not differing:
            return None
        places = [" of the test set", *[""] * (len(differing) - 1)]
        parts = [
            f"{share.observation} ({100 * share.expected:.2f} %{place})"
            for share, place in zip(differing, places, strict=True)
        ]
        listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
        if self.certified:
            made = "certified on"
            known = f"The guarantee is about {samples} like those alone, and says nothing about these"
        else:
            made = "calibrated on"
            known = f"The expected numbers are about {samples} like those alone"
        return f"these {samples} are not like those that the cascade was {made}: {listed}. {known}"

    def broken_guarantee(
        self, wrong: int, accepted: int, independent: bool = False, limits: Limits = mean_interval
    ) -> str | None:
        """Say that the risk of accepted samples with labels is above the certified one, if it is beyond chance.

        The risk is above the limit if the lower limit of its interval is, at the level `LEVEL`.

        Args:
            wrong: the number of wrong predictions among them.
            accepted: the number of accepted samples with labels.
            independent: whether the samples are independent of each other; see `independent_samples`.
            limits: gives the interval of a share.

        Returns:
            A sentence without a final full stop; None if no risk is certified, or if the risk can be as certified.
        """
        if self.risk_limit is None or not accepted:
            return None
        risk = wrong / accepted
        if limits(risk, self.independent_samples(accepted, independent), LEVEL)[0] <= self.risk_limit:
            return None
        return (
            f"{100 * risk:.2f} % of what is accepted is wrong, and at most {100 * self.risk_limit:.5g} % was certified: these "
            "samples are not from the distribution that the cascade was certified on, or their labels are wrong"
        )


@dataclass(frozen=True)
class OnnxStage:
    """One stage of an exported cascade.

    Attributes:
        graph: the file of its graph.
        sha256: the checksum of that file.
        preprocessing: how images are prepared for it.
        temperature: what its logits are divided by.
        resumes: the stage from whose features it goes on, counted from 0; None if it starts from images.
    """

    graph: str
    sha256: str
    preprocessing: Preprocessing
    temperature: float
    resumes: int | None

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> OnnxStage:
        """Read one stage of `FILE`."""
        transform = {**record["transform"]}
        transform |= {name: tuple(float(value) for value in transform[name]) for name in ("mean", "std")}
        temperature = 1.0 if record["temperature"] is None else float(record["temperature"])
        preprocessing = Preprocessing(**transform)
        return cls(record["graph"], record["sha256"], preprocessing, temperature, record["resumes"])


@dataclass(frozen=True)
class OnnxPrediction:
    """What an exported cascade says about N samples.

    Attributes:
        probabilities: of the classes [N, classes], float64.
        label: the predicted class [N], int64.
        confidence: the final score [N], float64; higher = keep.
        stage: the stage at which each sample left [N], int64, counted from 0.
        accepted: whether the confidence reaches the acceptance threshold [N].
    """

    probabilities: Array
    label: Array
    confidence: Array
    stage: Array
    accepted: Array

    def __len__(self) -> int:
        return len(self.label)


Prepare = Callable[[int, Array], Array]
"""Gives the input of a stage: (stage, places of n samples) to an array [n, channels, size, size], float32."""


class OnnxCascade:
    """A cascade that `wee export format=onnx` has saved in a folder.

    Args:
        folder: the folder.
        threads: the number of threads of each operator; None leaves it to onnxruntime.
        providers: where graphs run, as onnxruntime names it.

    Attributes:
        description: what the folder says of the cascade: classes, thresholds, what to expect, what is certified.
        classes: the names of the classes, in the order of the labels.
        stages: the stages, in the order in which they run.
        reference: its decisions on the test set, with which those on new images are compared.

    Raises:
        RunnerError: the folder is not that of an exported cascade, was written by a newer version, or a graph is missing or
            has changed.
    """

    def __init__(
        self, folder: str | Path, threads: int | None = None, providers: Sequence[str] = ("CPUExecutionProvider",)
    ) -> None:
        self.folder = Path(folder)
        self.description = _read(self.folder)
        try:
            self.classes: list[str] = self.description["classes"]
            self.channels = int(self.description["channels"])
            self.stages = [OnnxStage.from_dict(record) for record in self.description["stages"]]
            self._rule, self._order = self.description["rule"], self.description["summing_order"]
            self._averages = bool(self.description["averages"])
            self._resizes_bytes = bool(self.description.get("resizes_bytes", True))
            self._confidence = CONFIDENCES[self.description["score"]]
            self._goes_on = functools.partial(RULES[self._rule["form"]], self._rule)
            self.acceptance = float(self.description["acceptance"])
            self.reference = Reference(**self.description["reference"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunnerError(
                f"{self.folder / FILE} cannot be read: {type(error).__name__}: {error}; export the cascade again"
            ) from None
        self._sessions = [_session(self.folder, stage, threads, providers) for stage in self.stages]
        self._inputs = [[given.name for given in session.get_inputs()] for session in self._sessions]

    def __len__(self) -> int:
        """The number of stages."""
        return len(self.stages)

    @property
    def thresholds(self) -> list[float]:
        """The confidences at which decisions change: the ends of the windows, and the acceptance threshold."""
        ends = [float(interval[end]) for interval in self._rule.get("intervals", []) for end in ("low", "high")]
        return [*ends, self.acceptance]

    def __call__(self, images: Array) -> OnnxPrediction:
        """Classify a batch of images.

        Args:
            images: [N, channels, height, width]: bytes, or floating-point numbers in [0, 1]. Each stage prepares only the
                images that reach it.

        Raises:
            RunnerError: there are no images, or their shape or type is another one.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise RunnerError(f"images must be [N, {self.channels}, height, width]; they are {list(images.shape)}")
        if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
            raise RunnerError(
                f"images must be bytes (uint8) or floating-point numbers in [0, 1]; they are {images.dtype}"
            )

        def prepare(stage: int, places: Array) -> Array:
            left = images if len(places) == len(images) else images[places]
            return self.stages[stage].preprocessing.of_arrays(left)

        return self.run_prepared(prepare, len(images))

    def run_prepared(self, prepare: Prepare, count: int) -> OnnxPrediction:
        """Classify samples whose inputs are prepared elsewhere, for instance read from files.

        Args:
            prepare: gives the input of a stage for some samples, given their places in 0 .. N - 1 in ascending order. It is
                asked once for all stages with equal preprocessing.
            count: N.

        Raises:
            RunnerError: there are no samples.
        """
        return self._cascade(count, _Graphs(self, prepare, count))

    def replay(self, logits: Sequence[Array]) -> OnnxPrediction:
        """Decide on stored logits as on those of the graphs.

        Args:
            logits: of each stage, all samples [N, classes] each; not divided by temperatures.

        Raises:
            RunnerError: there are no samples, or not as many logits as stages.
        """
        if len(logits) != len(self):
            raise RunnerError(f"a cascade of {len(self)} stages needs logits of as many; got {len(logits)}")
        return self._cascade(len(logits[0]), lambda stage, places: np.asarray(logits[stage])[places])

    def classify_files(self, files: Sequence[Path]) -> tuple[dict[Path, tuple[Any, ...]], dict[Path, str]]:
        """Classify image files.

        Args:
            files: their paths.

        Returns:
            The cells of `COLUMNS` after the first, by file, and the reasons why files could not be read, by file.

        Raises:
            RunnerError: Pillow is not installed.
        """
        if importlib.util.find_spec("PIL") is None:
            raise RunnerError("image files are read by Pillow, which is not installed: pip install pillow")
        images, unreadable = {}, {}
        for file in files:
            try:
                images[file] = _open(file, self.channels)
            except Exception as error:  # decoders of damaged files raise exceptions of many types
                unreadable[file] = str(error).partition(" <")[0]
        if not images:
            return {}, unreadable
        readable = list(images)

        def prepare(stage: int, places: Array) -> Array:
            preprocessing = self.stages[stage].preprocessing
            of_file = preprocessing.of_file if self._resizes_bytes else preprocessing.of_file_as_floats
            return np.stack([of_file(images[readable[place]]) for place in places])

        said = self.run_prepared(prepare, len(readable))
        columns = (said.label.tolist(), said.confidence.tolist(), said.stage.tolist(), said.accepted.tolist())
        rows = {
            file: (label, self.classes[label], repr(confidence), stage + 1, str(accepted).lower())
            for file, label, confidence, stage, accepted in zip(readable, *columns, strict=True)
        }
        return rows, unreadable

    def _cascade(self, count: int, logits_of: Callable[[int, Array], Array]) -> OnnxPrediction:
        """Run stage by stage, on the samples that are left."""
        if not count:
            raise RunnerError("a cascade needs one sample or more; there are none")
        places = np.arange(count)
        known: list[tuple[int, Array]] = []  # logits of what has run for the samples that are left, by place in the sum
        record: dict[str, Array] = {}
        for stage, described in enumerate(self.stages):
            logits = logits_of(stage, places).astype(np.float64)
            logits = logits if described.temperature == 1 else logits / described.temperature
            earlier = known if self._averages else []
            known = sorted([*earlier, (self._order[stage], logits)], key=lambda one: one[0])
            outputs = OutputArrays([MemberArrays(array) for _, array in known])
            decision = stage < len(self) - 1 and self._goes_on(stage, outputs)
            if decision is True:
                continue
            latest = {"probabilities": outputs.probs, "confidence": self._confidence(outputs)}
            latest |= {"label": outputs.probs.argmax(1), "stage": np.full(len(places), stage)}
            for name, array in latest.items():
                if name not in record:
                    record[name] = np.empty((count, *array.shape[1:]), array.dtype)
                record[name][places] = array
            if decision is False:
                break
            chosen = np.flatnonzero(decision)
            if not len(chosen):
                break
            places, known = places[chosen], [(order, array[chosen]) for order, array in known]
        return OnnxPrediction(**record, accepted=record["confidence"] >= self.acceptance)


class _Graphs:
    """The graphs of a cascade on one batch.

    Args:
        cascade: whose.
        prepare: gives inputs.
        count: the number of samples.
    """

    def __init__(self, cascade: OnnxCascade, prepare: Prepare, count: int) -> None:
        self._cascade, self._prepare = cascade, prepare
        self._row = np.arange(count)  # of each sample in what is kept
        self._kept: dict[Preprocessing | int, list[Array]] = {}  # inputs by preprocessing, features by stage

    def __call__(self, stage: int, places: Array) -> Array:
        """Return the logits of a stage for the samples that are left, given their places [n, classes]."""
        cascade, described = self._cascade, self._cascade.stages[stage]
        later = cascade.stages[stage + 1 :]
        rows = self._row[places]
        kept = {
            key: arrays if len(rows) == len(arrays[0]) else [array[rows] for array in arrays]
            for key, arrays in self._kept.items()
        }
        self._row[places] = np.arange(len(places))
        if described.resumes is not None:
            state = kept.pop(described.resumes)
        else:
            if described.preprocessing not in kept:
                kept[described.preprocessing] = [self._prepare(stage, places)]
            state = kept[described.preprocessing]
        session, names = cascade._sessions[stage], cascade._inputs[stage]
        logits, *features = session.run(None, dict(zip(names, state, strict=True)))
        needed = {one.preprocessing if one.resumes is None else one.resumes for one in later}
        self._kept = {key: arrays for key, arrays in {**kept, stage: features}.items() if key in needed}
        return np.asarray(logits)


def _read(folder: Path) -> dict[str, Any]:
    """Return what the folder says of the cascade.

    Raises:
        RunnerError: it is not the folder of an exported cascade, or of a newer version.
    """
    path = folder / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise RunnerError(
            f"{folder} is not the folder of an exported cascade: it has no {FILE}; make one: wee export"
        ) from None
    except ValueError as error:
        raise RunnerError(f"{path} is not JSON: {error}") from None
    version = record.get("version") if isinstance(record, dict) else None
    if not isinstance(version, int) or version < 1:
        raise RunnerError(f"{path} has no version, and is not the description of an exported cascade")
    if version > VERSION:
        raise RunnerError(
            f"{path} is of version {version}, and this runner reads up to {VERSION}: use the run.py in that folder"
        )
    return dict(record)


def _session(folder: Path, stage: OnnxStage, threads: int | None, providers: Sequence[str]) -> Any:
    """Return the session of a graph.

    Raises:
        RunnerError: the graph is missing or has changed, or onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise RunnerError("graphs are run by onnxruntime, which is not installed: pip install onnxruntime") from None
    path = folder / stage.graph
    if not path.is_file():
        raise RunnerError(f"{folder} has no file {stage.graph}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != stage.sha256:
        raise RunnerError(
            f"{path} has changed since the cascade was exported: its checksum is not that in {FILE}. The thresholds are for "
            "another network; export the cascade again"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = threads or 0
    # Every stage has threads of its own. Those that wait must not keep the processors from the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=list(providers))


def _open(file: Path, channels: int) -> Any:
    """Read and decode an image file, in colour or grey."""
    from PIL import Image

    with Image.open(file) as image:
        return image.convert("RGB" if channels == 3 else "L")


def list_images(folder: Path) -> list[str]:
    """Return the paths of the images below a folder, in the order of `wee predict`.

    Where there are class folders with images, images beside these folders do not count.

    Raises:
        RunnerError: there is no such folder, or it has no images.
    """
    if not folder.is_dir():
        raise RunnerError(f"there is no folder {folder}")
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    names = [name for one in classes for name in sorted(_below(folder / one, folder))] or sorted(_below(folder, folder))
    if not names:
        raise RunnerError(f"there are no images in {folder} (of the kinds {', '.join(EXTENSIONS)})")
    return names


def _below(folder: Path, root: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, root)
        elif entry.name.lower().endswith(EXTENSIONS):
            yield entry.relative_to(root).as_posix()


@dataclass
class Tally:
    """Counts of what a run has predicted.

    Attributes:
        leaving: the number of images that left at each stage [stages].
        accepted: the number of accepted images.
        labelled: the number of accepted images whose true class is known.
        wrong: how many of these are predicted wrongly.
        unreadable: why images could not be read, by name.
        strange_folders: the folders with images that are not named like a class, so that no true class is known.
    """

    leaving: list[int]
    accepted: int = 0
    labelled: int = 0
    wrong: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    strange_folders: Sequence[str] = ()

    def add(self, cells: Sequence[Any], truth: str | None) -> None:
        """Count one prediction.

        Args:
            cells: those of `COLUMNS` after the first.
            truth: the name of the true class; None if it is unknown.
        """
        _, predicted, _, stage, accepted = cells
        self.leaving[stage - 1] += 1
        if accepted == "true":
            self.accepted += 1
            self.labelled += truth is not None
            self.wrong += truth not in (None, predicted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Classify the images of a folder, and write a table as `wee predict` does; return the exit status.

    Like `wee predict`, it warns if the images are not like those of calibration, and if too much of what is accepted is wrong.
    The exit status is then 0 all the same.
    """
    parser = argparse.ArgumentParser(description="Classify images with the exported cascade in this script's folder.")
    parser.add_argument("images", type=Path, help="a folder of images, or of folders named like the classes")
    parser.add_argument("--output", type=Path, help="the CSV file to write; by default the table is printed")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--batch-size", type=int, default=64, help="images that run through the first stage together")
    parser.add_argument("--threads", type=int, help="threads of each operator; by default onnxruntime decides")
    parser.add_argument(
        "--independent",
        action="store_true",
        help="the images are independent of each other; otherwise they are taken to depend on each other like the test "
        "samples, so that they tell less about whether they are like those of calibration",
    )
    parser.add_argument("--cascade", type=Path, default=Path(__file__).parent, help="the folder of the cascade")
    given = parser.parse_args(arguments)
    try:
        cascade, tally = _classify(given)
    except (RunnerError, OSError) as error:
        sys.stderr.write(f"{Path(__file__).name}: {error}\n")
        return 1
    for line in _summary(cascade, tally, given.independent):
        sys.stderr.write(f"{line}\n")
    return 0 if sum(tally.leaving) else 1


def _classify(given: argparse.Namespace) -> tuple[OnnxCascade, Tally]:
    """Write the table, and return the cascade, and counts of what it predicts."""
    if given.batch_size < 1:
        raise RunnerError(f"--batch-size is {given.batch_size}: it is a number of images, 1 or more")
    if given.output is not None and given.output.exists() and not given.overwrite:
        raise RunnerError(f"{given.output} exists: give another --output, or replace it with --overwrite")
    cascade = OnnxCascade(given.cascade, given.threads)
    names = list_images(given.images)
    truths, strange_folders = _true_classes(names, cascade.classes)
    part = None if given.output is None else given.output.with_name(f".{given.output.name}.part")
    if part is not None:
        part.parent.mkdir(parents=True, exist_ok=True)
    tally = Tally([0] * len(cascade), strange_folders=strange_folders)
    table = contextlib.nullcontext(sys.stdout) if part is None else part.open("w", newline="", encoding="utf-8")
    with table as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for start in range(0, len(names), given.batch_size):
            files = {given.images / name: name for name in names[start : start + given.batch_size]}
            rows, skipped = cascade.classify_files(list(files))
            for path, cells in rows.items():
                writer.writerow((files[path], *cells))
                tally.add(cells, truths.get(files[path]))
            tally.unreadable |= {files[path]: reason for path, reason in skipped.items()}
            if given.output is not None and sys.stderr.isatty():
                sys.stderr.write(f"\r{min(start + given.batch_size, len(names)):,} of {len(names):,} images\r")
    if part is not None:
        part.replace(given.output)
    return cascade, tally


def _true_classes(names: Sequence[str], classes: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the true class of each image, by name, and the folders that are not named like a class.

    The true class is the class folder; if there are other folders than those of classes, no true class is known.
    """
    folders = {name: name.partition("/")[0] for name in names if "/" in name}
    strange = sorted(set(folders.values()) - set(classes))
    return ({} if strange else folders), strange


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _summary(cascade: OnnxCascade, tally: Tally, independent: bool) -> Iterator[str]:
    """Yield what is said of a run: images that were skipped, counts, the shares beside those of the test set, and warnings."""
    for name, reason in tally.unreadable.items():
        yield f"skipped: {name}: {reason}"
    total, reference = sum(tally.leaving), cascade.reference
    unreadable = _counted(len(tally.unreadable), "image")
    yield f"{_counted(total, 'prediction')}, {tally.accepted:,} accepted; {unreadable} could not be read"
    shares = reference.compare(tally.accepted, tally.leaving, independent)
    numbers = [(share.name, share.observed, share.expected) for share in shares]
    if tally.labelled:
        numbers.insert(1, ("risk of what is accepted", tally.wrong / tally.labelled, reference.risk))
    for name, observed, expected in numbers:
        yield f"{name}: {100 * observed:.2f} % (test set: {100 * expected:.2f} %)"
    if tally.strange_folders:
        listed = ", ".join(tally.strange_folders[:5]) + (", .." if len(tally.strange_folders) > 5 else "")
        yield f"the risk of what is accepted is unknown, because these folders are not named like classes: {listed}"
    if not math.isfinite(cascade.acceptance):
        yield f"warning: {ACCEPTS_NOTHING}"
    number = reference.independent_samples(total, independent)
    if number < total:
        yield (
            f"compared with the test set as {_counted(number, 'independent image')}, because the samples there depend on each "
            "other; --independent if yours do not"
        )
    for text in (
        reference.warning(shares),
        reference.broken_guarantee(tally.wrong, tally.labelled, independent),
    ):
        if text is not None:
            yield f"warning: {text}"


if __name__ == "__main__":
    sys.exit(main())
