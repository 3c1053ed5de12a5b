"""Data loaders whose order is fixed by a seed and an epoch, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, default_collate

from wee.data.variation import ResizedCrops, ShiftedImages
from wee.errors import WeeError
from wee.members.trainer import TrainerConfig


class TrainingOrder(Sampler[int]):
    """The samples of every optimiser step, epoch after epoch, as one stream fixed by a seed.

    A training that goes on at some step sees what it would have seen, and several processes share each step's samples
    between them. Every epoch is a new permutation, and has whole batches alone.

    Args:
        count: of samples.
        batch_size: samples a step, over all processes.
        seed: of the permutations.
        steps: of the whole training.
        first: the step to begin at.
        tell: whether an item is a place plus the epoch times the number of samples, for data sets that vary by epoch.
        rank, ranks: which of how many processes this is.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        steps: int,
        first: int = 0,
        tell: bool = False,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self.steps, self.first, self.tell, self.rank, self.ranks = steps, first, tell, rank, ranks

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
            own = order[batch * self.batch_size : (batch + 1) * self.batch_size][self.rank :: self.ranks]
            yield from (own + epoch * self.count if self.tell else own).tolist()


def training_loader(
    dataset: Dataset[Any],
    config: TrainerConfig,
    seed: int,
    workers: int,
    first: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> DataLoader[Any]:
    """The batches of a training, from a step on: as large as one process takes at a time.

    Args:
        dataset: the training images.
        config: batch size, steps and accumulation.
        seed: of the order.
        workers: processes that load.
        first: the step to begin at.
        rank, ranks: which of how many processes this is.

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
    """Every sample once, or only some of them, in the order of the split."""
    wanted = dataset if only is None else Subset(dataset, only)
    return DataLoader(wanted, batch_size, num_workers=workers, collate_fn=collate)


def collate(samples: Any) -> Any:
    """A batch from samples; from a data set that hands out whole batches, that batch."""
    return samples if isinstance(samples, Mapping) else default_collate(samples)
