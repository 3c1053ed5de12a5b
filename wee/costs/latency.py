"""The time of a forward pass on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from wee.costs.base import Cost
from wee.costs.timing import Subject, interleaved
from wee.machine import processor_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from wee.data.base import Transform

LATENCY = "latency"

FLOAT32 = "float32"


@dataclass(frozen=True)
class Conditions:
    """What times depend on besides the network.

    Attributes:
        batch: the number of images in a forward pass.
        device: the device, as torch names it.
        autocast: the type of torch's automatic mixed precision, such as "bfloat16"; None for none.
        channels_last: whether images and weights have the memory layout "channels last".
    """

    batch: int = 1
    device: str = "cpu"
    autocast: str | None = None
    channels_last: bool = True

    def describe(self) -> dict[str, Any]:
        """Return the conditions as plain data, with the machine, the number of threads and the version of torch.

        `machine` is the name of the processor, or of the accelerator that the device stands for.
        """
        import torch

        kind = torch.device(self.device).type
        return {
            "batch": self.batch,
            "device": kind,
            "machine": processor_name() if kind == "cpu" else _accelerator(self.device),
            "threads": torch.get_num_threads(),
            "precision": self.autocast or FLOAT32,
            "layout": "channels_last" if self.channels_last else "contiguous",
            "torch": version("torch"),
        }

    def images(self, size: int, channels: int) -> Tensor:
        """Return a batch of random images [batch, channels, size, size] on the device, in the memory layout of the config."""
        import torch

        generator = torch.Generator().manual_seed(0)
        images = torch.randn(self.batch, channels, size, size, generator=generator).to(self.device)
        return images.to(memory_format=self._layout)

    def prepare(self, network: nn.Module) -> nn.Module:
        """Move a network to the device and to the memory layout, and return it in evaluation mode."""
        memory_format: torch.memory_format = self._layout
        return network.to(self.device).to(memory_format=memory_format).eval()  # type: ignore[call-overload, no-any-return]

    @property
    def _layout(self) -> torch.memory_format:
        import torch

        return torch.channels_last if self.channels_last else torch.contiguous_format


@dataclass(frozen=True)
class Latency(Cost):
    """The mean time of one image in a forward pass on a batch of random images, in seconds.

    Times of several networks are comparable if they are measured in the same run, as `wee latency` does.

    Attributes:
        where: what the times depend on.
        images: the least number of images that are timed.
        rounds: the number of rounds; see `wee.costs.timing.interleaved`.
        warmup: the number of forward passes before the first round, which are not timed.
        clock: returns the time in seconds.
    """

    name = LATENCY
    label = "latency"
    unit = "s"
    help = "Mean time of one image at batch 1 on the processor, in seconds; wee latency also measures other batches."

    where: Conditions = Conditions()
    images: int = 2000
    rounds: int = 10
    warmup: int = 5
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False)

    def measure(self, network: nn.Module, transform: Transform, channels: int) -> float | list[float]:
        """Time the network, or a multi-exit network up to each exit, in rounds in which the exits alternate."""
        where = self.where
        passes = forward_passes(where.prepare(network), where.images(transform.size, channels), where.autocast)
        calls = calls_in_turn(self.images, where.batch, self.rounds)
        subjects = [Subject(run, where.batch, calls) for run in passes]
        times = interleaved(subjects, self.rounds, self.warmup, synchroniser(where.device), self.clock)
        means = ascending([one.mean for one in times])
        return means[0] if len(means) == 1 else means

    def conditions(self) -> Mapping[str, Any]:
        """Return the batch size, the machine, its threads, the precision and the version of torch."""
        return self.where.describe()


def forward_passes(network: nn.Module, images: Tensor, autocast: str | None = None) -> list[Callable[[int], object]]:
    """Return functions that run a network on a batch of images: one function, or one up to each exit.

    Args:
        network: the network, in evaluation mode.
        images: the images [n, channels, size, size], on the device of the network.
        autocast: the type of automatic mixed precision; None for none.

    Returns:
        Functions of a number, which is not used.
    """
    import torch

    from wee.models.exits import MultiExit

    def runs(forward: Callable[[], object]) -> Callable[[int], object]:
        def run(call: int) -> object:
            with torch.inference_mode(), mixed_precision(images.device, autocast):
                return forward()

        return run

    if isinstance(network, MultiExit):
        state = [images]
        exits = range(1, network.exits + 1)
        return [runs(lambda number=number: network.resume(state, 0, number)) for number in exits]  # type: ignore[misc]
    parts: Any = getattr(network, "up_to", None)
    return [runs(lambda part=part: part(images)) for part in ([network] if parts is None else parts())]  # type: ignore[misc]


def mixed_precision(device: torch.device, autocast: str | None) -> Any:
    """Return a context of automatic mixed precision; an empty one if `autocast` is None."""
    import torch

    return nullcontext() if autocast is None else torch.autocast(device.type, dtype=getattr(torch, autocast))


def synchroniser(device: str) -> Callable[[], object]:
    """Return a function that waits until a device has finished its work; on the CPU there is nothing to wait for."""
    import torch

    place = torch.device(device)
    if place.type == "cpu":
        return lambda: None
    synchronise: Callable[..., object] = getattr(torch, place.type).synchronize
    return synchronise if place.type == "mps" else lambda: synchronise(place)


def calls_in_turn(images: int, batch: int, rounds: int) -> int:
    """Return the number of calls in each round with which at least `images` images are timed.

    Example:
        >>> calls_in_turn(2000, 1, 10), calls_in_turn(2000, 256, 10)
        (200, 1)
    """
    return math.ceil(images / batch / rounds)


def ascending(times: list[float]) -> list[float]:
    """Return the times of exits, each at least that of the exit before it: the noise of a clock can exchange two."""
    return [max(times[: place + 1]) for place in range(len(times))]


def _accelerator(device: str) -> str:
    """Return the name of an accelerator."""
    import torch

    place = torch.device(device)
    name: Any = getattr(getattr(torch, place.type, None), "get_device_name", None)
    return str(name(place)) if callable(name) else place.type
