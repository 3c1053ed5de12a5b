"""Data loaders whose order is fixed by a seed and an epoch, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, default_collate

from wee.data.augment import ResizedCrops, ShiftedImages


class SeededOrder(Sampler[int]):
    """A permutation for every epoch, from (seed, epoch): a resumed epoch has the order it would have had.

    Args:
        count: of samples.
        seed: of the order.
        tell: whether an item is a place plus the epoch times the number of samples, for data sets that vary by epoch.
    """

    def __init__(self, count: int, seed: int, tell: bool = False) -> None:
        self.count, self.seed, self.tell, self.epoch = count, seed, tell, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        first = self.epoch * self.count if self.tell else 0
        return iter((first + torch.randperm(self.count, generator=generator)).tolist())


def training_loader(dataset: Dataset[Any], batch_size: int, seed: int, workers: int) -> DataLoader[Any]:
    """Whole batches in a seeded order."""
    count = len(dataset)  # type: ignore[arg-type]
    order = SeededOrder(count, seed, tell=isinstance(dataset, (ShiftedImages, ResizedCrops)))
    return DataLoader(
        dataset, min(batch_size, count), sampler=order, drop_last=True, num_workers=workers, collate_fn=collate
    )


def ordered_loader(
    dataset: Dataset[Any], batch_size: int, workers: int, only: Sequence[int] | None = None
) -> DataLoader[Any]:
    """Every sample once, or only some of them, in the order of the split."""
    wanted = dataset if only is None else Subset(dataset, only)
    return DataLoader(wanted, batch_size, num_workers=workers, collate_fn=collate)


def collate(samples: Any) -> Any:
    """A batch from samples; from a data set that hands out whole batches, that batch."""
    return samples if isinstance(samples, Mapping) else default_collate(samples)
