"""Data loaders whose order depends only on a seed and an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, default_collate

from wee.data.variation import ResizedCrops, ShiftedImages
from wee.errors import WeeError
from wee.members.trainer import TrainerConfig


class TrainingOrder(Sampler[int]):
    """Yields the sample indices of every optimiser step, epoch after epoch, as one stream fixed by a seed.

    A training run that resumes at some step sees the samples that it would have seen without the interruption. Several
    processes share the samples of each step. Every epoch is a new permutation; an incomplete last batch is dropped.

    Args:
        count: number of samples.
        batch_size: samples in one step, over all processes.
        seed: seed of the permutations.
        steps: number of steps of the whole training.
        first: the step to begin at.
        with_epoch: whether to yield index + epoch * count instead of index, so that a data set can draw another augmentation in
            each epoch.
        rank, ranks: the index of this process, and the number of processes.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        steps: int,
        first: int = 0,
        with_epoch: bool = False,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self.steps, self.first, self.with_epoch, self.rank, self.ranks = steps, first, with_epoch, rank, ranks

    def __len__(self) -> int:
        return (self.steps - self.first) * len(range(self.rank, self.batch_size, self.ranks))

    def __iter__(self) -> Iterator[int]:
        per_epoch = self.count // self.batch_size
        known, order = -1, torch.empty(0)
        for step in range(self.first, self.steps):
            epoch, batch = divmod(step, per_epoch)
            if epoch != known:
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                known, order = epoch, torch.randperm(self.count, generator=generator)
            share = order[batch * self.batch_size : (batch + 1) * self.batch_size][self.rank :: self.ranks]
            yield from (share + epoch * self.count if self.with_epoch else share).tolist()


def training_loader(
    dataset: Dataset[Any],
    config: TrainerConfig,
    seed: int,
    workers: int,
    first: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> DataLoader[Any]:
    """Return a loader of training batches, from some step on; a batch is what one process computes at once.

    Args:
        dataset: the training images.
        config: batch size, steps and accumulation.
        seed: seed of the order.
        workers: number of processes that load.
        first: the step to begin at.
        rank, ranks: the index of this process, and the number of processes.

    Raises:
        WeeError: a batch does not divide among processes and accumulated parts.
    """
    count = len(dataset)  # type: ignore[arg-type]
    whole = min(config.batch_size, count)
    parts = ranks * config.accumulate
    if whole % parts:
        raise WeeError(
            f"a batch of {whole} does not divide among {ranks} devices and {config.accumulate} accumulated parts; "
            "choose trainer.batch_size as a multiple of both together"
        )
    varies = isinstance(dataset, (ShiftedImages, ResizedCrops))
    order = TrainingOrder(count, whole, seed, config.total_steps(count), first, varies, rank, ranks)
    return DataLoader(dataset, whole // parts, sampler=order, num_workers=workers, collate_fn=collate)


def ordered_loader(
    dataset: Dataset[Any], batch_size: int, workers: int, only: Sequence[int] | None = None
) -> DataLoader[Any]:
    """Return a loader of every sample, or of those at the indices `only`, in the order of the split."""
    wanted = dataset if only is None else Subset(dataset, only)
    return DataLoader(wanted, batch_size, num_workers=workers, collate_fn=collate)


def collate(samples: Any) -> Any:
    """Make a batch from samples; a data set that returns whole batches is passed through."""
    return samples if isinstance(samples, Mapping) else default_collate(samples)
