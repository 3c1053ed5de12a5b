"""Tasks and metrics, named by a kind and a parameter: `cov@5`, `risk@80`, `fpr@95`, `aurc`.

A task is the purpose that a system is operated for, and determines an operating threshold: Cov@r (the largest coverage at a
risk of r per cent), Risk@c (the risk at a coverage of c per cent), FPR@t (the share of OOD samples accepted when t per cent
of the ID samples are accepted). Every task is a metric. `METRICS` is the catalogue of all kinds.
On data that contains OOD samples, Risk@c and the areas are those of SCOD.

A task as a metric describes a *ranking*: its threshold comes from the labels of the data on which it is measured. A deployed
system must fix its acceptance threshold beforehand. For each task there are therefore two *deployed* metrics
(`Metric.deployed_for`), which are measured at the threshold that the validation set gives for the task. The *certified*
metrics are measured at a threshold whose risk on new data is guaranteed with a given probability.

Values are in per cent, except for the areas `aurc` and `augrc`, `nll` and `brier`.
"""

from wee.method.metrics.base import MetricKind, TaskKind
from wee.method.metrics.catalogue import METRICS, metric_help, task_help
from wee.method.metrics.deployed import DeployedKind
from wee.method.metrics.names import TASKS, Metric, Task
from wee.method.metrics.predictions import calibration_error
from wee.method.metrics.ranked import RankedOutcome

__all__ = [
    "METRICS",
    "TASKS",
    "DeployedKind",
    "Metric",
    "MetricKind",
    "RankedOutcome",
    "Task",
    "TaskKind",
    "calibration_error",
    "metric_help",
    "task_help",
]
