"""Data loaders whose order is fixed by a seed and an epoch, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, default_collate


class SeededOrder(Sampler[int]):
    """A permutation for every epoch, from (seed, epoch): a resumed epoch has the order it would have had.

    Args:
        count: of samples.
        seed: of the order.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(torch.randperm(self.count, generator=generator).tolist())


def training_loader(dataset: Dataset[Any], batch_size: int, seed: int, workers: int) -> DataLoader[Any]:
    """Whole batches in a seeded order."""
    count = len(dataset)  # type: ignore[arg-type]
    order = SeededOrder(count, seed)
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
