"""The metrics of `wee.method` as a torchmetrics metric, whose state is synchronised between processes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from wee.method import Metric as Quantity
from wee.method import RankedOutcome, Stages, summarise
from wee.method.scores import DEFAULT_SCORE


class SelectiveClassification(Metric):
    """Metrics of selective classification over all batches since the last reset.

    Args:
        names: names of metrics, as `wee.method.Metric.parse` reads them.
        score: the confidence that samples are ranked by.
    """

    full_state_update = False
    logits: list[Tensor]
    labels: list[Tensor]

    def __init__(
        self, names: tuple[str, ...] = ("nll", "accuracy", "cov@5", "aurc"), score: str = DEFAULT_SCORE
    ) -> None:
        super().__init__()
        self.quantities = [Quantity.parse(name) for name in names]
        self.score = score
        self.add_state("logits", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits [n, classes], labels [n]."""
        self.logits.append(logits.detach().float())
        self.labels.append(labels.detach())

    def compute(self) -> dict[str, Tensor]:
        """Return the value of each metric, a float64 scalar, by name."""
        logits = dim_zero_cat(self.logits).cpu().numpy()
        labels = dim_zero_cat(self.labels).cpu().numpy()
        summary = summarise([logits], labels, [(0,)], [self.score])[0,]
        count = len(labels)
        stages = Stages([summary], [1.0], np.arange(count).astype("S"), labels.astype(np.int64))
        outcome = stages.at(np.zeros(count, dtype=np.int64))
        ranking, values = RankedOutcome(outcome, self.score), {}
        for quantity in self.quantities:
            value = quantity.of_ranking(ranking) if quantity.ranks else quantity.of_outcome(outcome)
            values[quantity.name] = torch.tensor(value, dtype=torch.float64)
        return values
