"""Writes the networks of a cascade as ONNX graphs, and checks that onnxruntime gives the results of torch."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wee.cascade import onnx_runner
from wee.cascade.description import CascadeDescription, checksum
from wee.cascade.drift import reference_of
from wee.cascade.module import Cascade, Segment
from wee.cascade.onnx_runner import OnnxCascade, RunnerError
from wee.errors import WeeError
from wee.files import write_json
from wee.method import FixedRule, IntervalRule, rule_to_dict
from wee.method.arrays import Bools, Floats
from wee.method.policies.rules import number_to_json
from wee.versions import versions

log = logging.getLogger("wee")

RUNNER = "run.py"
"""The name of the runner in the folder of an exported cascade."""

BATCHES = (1, 7, 64)
"""The batch sizes at which graphs are compared with their networks."""

TOLERANCE = 1e-4
"""The largest difference between a graph and its network, relative to the largest output where that is above 1."""

EDGE = 1e-5
"""How close to a threshold a confidence must be for decisions to differ by rounding."""

RANDOM_LOGITS = 1024
"""The number of samples of random logits on which the gates of cascade and runner are compared."""

LARGEST_GRAPH = 2**31 - 2**20
"""The largest size of weights that a graph in one file can hold, in bytes: a protobuf message is smaller than 2 GiB."""


class _LogitsAlone(nn.Module):
    """A step of a cascade from whose features nothing goes on: returns logits alone.

    Args:
        step: a network, or a segment of a multi-exit network.
    """

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, *state: Tensor) -> Tensor:
        """Return the logits [n, classes]."""
        result = self.step(*state)
        logits: Tensor = result if isinstance(result, Tensor) else result[0]
        return logits


def write_graphs(cascade: Cascade, folder: Path, name: str, done: Callable[[int], None]) -> dict[str, Any]:
    """Write an exported cascade: graphs, description and runner.

    Args:
        cascade: loaded from a folder, on the CPU.
        folder: an existing, empty folder.
        name: the name of the format.
        done: called with the number of stages that have been finished since the last call.

    Returns:
        The largest difference between graphs and networks, the number of samples whose decisions were compared, and how many
        of them are left out because they are at a threshold.

    Raises:
        WeeError: a network cannot be exported, or the results of torch and onnxruntime differ.
    """
    description = cascade.description
    assert description is not None
    states = _states(cascade, description)
    largest, records = 0.0, []
    for stage in range(len(cascade)):
        graph, resumed = f"stage{stage + 1}.onnx", _resumed(cascade, stage)
        step = cascade.steps[stage] if _goes_on(cascade, stage) else _LogitsAlone(cascade.steps[stage])
        examples = [[tensor[:count] for tensor in states[stage]] for count in BATCHES]
        what = description.stages[stage].name
        _export(step, examples[1], folder / graph, what)
        difference = _difference(step, folder / graph, examples, what)
        largest = max(largest, difference)
        records.append(_stage(description, stage, graph, checksum(folder / graph), resumed))
        done(1)
    write_json(folder / onnx_runner.FILE, _description(cascade, description, records, name, largest))
    shutil.copyfile(onnx_runner.__file__, folder / RUNNER)
    try:
        compared, left_out = _compare_whole(cascade, OnnxCascade(folder), states, max(EDGE, 2 * largest))
    except RunnerError as error:
        raise WeeError(f"the runner cannot load what was exported: {error}") from None
    log.info(
        f"graphs and networks differ by at most {largest:.2g}; the runner decides like the cascade on {compared:,} random "
        f"samples ({left_out:,} at a threshold are left out)"
    )
    return {"largest_difference": largest, "compared": compared, "left_out": left_out}


def _resumed(cascade: Cascade, stage: int) -> int | None:
    """The stage from whose features a stage goes on; None if it starts from images."""
    step = cascade.steps[stage]
    if not isinstance(step, Segment) or step.done == 0:
        return None
    return max(
        earlier
        for earlier, other in enumerate(cascade.steps)
        if earlier < stage and isinstance(other, Segment) and other.network is step.network
    )


def _goes_on(cascade: Cascade, stage: int) -> bool:
    """Whether a later stage goes on from the features of a stage."""
    return any(_resumed(cascade, later) == stage for later in range(stage + 1, len(cascade)))


def _states(cascade: Cascade, description: CascadeDescription) -> list[list[Tensor]]:
    """Random inputs of each stage, as many samples as the largest batch: prepared images, or the features of an exit."""
    random = torch.Generator().manual_seed(0)
    states: list[list[Tensor]] = []
    features: dict[int, list[Tensor]] = {}
    for stage, described in enumerate(description.stages):
        resumed = _resumed(cascade, stage)
        if resumed is None:
            size = described.transform["size"]
            mean, std = (np.array(described.transform[name], dtype=np.float32) for name in ("mean", "std"))
            pixels = torch.rand(max(BATCHES), described.channels, size, size, generator=random)
            state = [(pixels - torch.from_numpy(mean)[:, None, None]) / torch.from_numpy(std)[:, None, None]]
        else:
            state = features[resumed]
        states.append(state)
        if _goes_on(cascade, stage):
            with torch.inference_mode():
                features[stage] = [tensor.clone() for tensor in cascade.steps[stage](*state)[1:]]
    return states


def _export(step: nn.Module, example: Sequence[Tensor], path: Path, what: str) -> None:
    """Write a network as a graph with a free batch size.

    Raises:
        WeeError: torch cannot export it, or it is too large for one file.
    """
    weights = sum(tensor.numel() * tensor.element_size() for tensor in step.state_dict().values())
    if weights > LARGEST_GRAPH:
        raise WeeError(f"{what} has weights of {weights:,} bytes, and an ONNX file holds less than {LARGEST_GRAPH:,}")
    varied = isinstance(
        step, (Segment, _LogitsAlone)
    )  # these take any number of tensors, as one argument of torch.export
    batch = torch.export.Dim("batch")
    shapes: Any = tuple({0: batch} for _ in example)
    try:
        with _quiet():
            torch.onnx.export(
                step.eval(),
                tuple(example),
                str(path),
                dynamo=True,
                external_data=False,
                dynamic_shapes=(shapes,) if varied else shapes,
                verbose=False,
            )
    except Exception as error:  # many kinds, of torch.export and of onnxscript
        reason = str(error).strip().partition("\n")[0]
        raise WeeError(f"{what} cannot be exported to ONNX: {type(error).__name__}: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress reports and warnings of torch's exporter from the console."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _difference(step: nn.Module, path: Path, examples: Sequence[Sequence[Tensor]], what: str) -> float:
    """The largest difference between a graph and its network, relative to the largest output where that is above 1.

    Raises:
        WeeError: it is larger than `TOLERANCE`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    largest = 0.0
    for example in examples:
        with torch.inference_mode():
            result = step(*example)
        expected = [result] if isinstance(result, Tensor) else list(result)
        outputs = session.run(None, {name: tensor.numpy() for name, tensor in zip(names, example, strict=True)})
        for output, tensor in zip(outputs, expected, strict=True):
            difference = float(np.abs(output - tensor.numpy()).max()) / max(1.0, float(tensor.abs().max()))
            largest = max(largest, difference)
            if not difference <= TOLERANCE:
                raise WeeError(
                    f"the graph of {what} gives other results than its network: they differ by {difference:.2g} at batch "
                    f"size {len(example[0])}, and at most {TOLERANCE:g} is allowed. Nothing is exported"
                )
    return largest


def _stage(description: CascadeDescription, stage: int, graph: str, sha256: str, resumed: int | None) -> dict[str, Any]:
    """What the runner needs to know of a stage."""
    described = description.stages[stage]
    return {
        "name": described.name,
        "graph": graph,
        "sha256": sha256,
        "transform": described.transform,
        "temperature": described.temperature,
        "resumes": resumed,
        "costs": described.costs,
    }


def _description(
    cascade: Cascade, description: CascadeDescription, stages: Sequence[dict[str, Any]], name: str, difference: float
) -> dict[str, Any]:
    """The content of the file that describes the exported cascade."""
    assert isinstance(cascade.rule, (IntervalRule, FixedRule))
    return {
        "version": onnx_runner.VERSION,
        "format": name,
        **description.about(),
        "channels": description.stages[0].channels,
        "averages": cascade.combine == "average",
        "stages": list(stages),
        "rule": rule_to_dict(cascade.rule),
        "acceptance": number_to_json(description.acceptance),
        "reference": asdict(reference_of(description)),
        "exported": {
            "from": description.calibrated_on["key"],
            "versions": versions(),
            "batches": list(BATCHES),
            "largest_difference": difference,
        },
    }


def _compare_whole(
    cascade: Cascade, runner: OnnxCascade, states: Sequence[Sequence[Tensor]], near: float
) -> tuple[int, int]:
    """Compare the decisions of the runner with those of the cascade, on random images and on random logits.

    Args:
        cascade: the cascade.
        runner: the exported cascade.
        states: random inputs of each stage.
        near: how close to a threshold the confidence of a sample must be for decisions to differ by rounding.

    Returns:
        The number of samples that were compared, and how many of them are at a threshold, where decisions may differ.

    Raises:
        WeeError: labels, stages or acceptance differ for a sample whose confidence is at no threshold.
    """
    count, classes = len(states[0][0]), len(runner.classes)
    live = cascade.run_prepared(lambda stage, places: states[stage][0][places], count)
    ran = runner.run_prepared(lambda stage, places: states[stage][0].numpy()[places], count)
    rng = np.random.default_rng(0)
    spread = 10 ** rng.uniform(-1, 1, (RANDOM_LOGITS, 1))
    logits = [(spread * rng.normal(size=(RANDOM_LOGITS, classes))).astype(np.float32) for _ in range(len(cascade))]
    pairs = [(live, ran), (cascade.replay(logits), runner.replay(logits))]
    left_out = 0
    for expected, got in pairs:
        different = np.zeros(len(got), dtype=np.bool_)
        for name in ("label", "stage", "accepted"):
            different |= getattr(expected, name).numpy() != getattr(got, name)
        excused = at_an_edge(runner, expected.confidence.numpy(), near) | at_an_edge(runner, got.confidence, near)
        left_out += int(excused.sum())
        different &= ~excused
        if different.any():
            raise WeeError(
                f"the runner decides otherwise than the cascade for {different.sum():,} of {len(got):,} random samples. "
                "Nothing is exported"
            )
    return count + RANDOM_LOGITS, left_out


def at_an_edge(runner: OnnxCascade, confidences: Floats, near: float = EDGE) -> Bools:
    """Return which confidences are so close to a threshold that decisions may differ by rounding [N].

    Args:
        runner: the exported cascade, with its windows and its acceptance threshold.
        confidences: final scores [N].
        near: how close, for confidences up to 1 in size; the share of them for larger ones.
    """
    close = near * np.maximum(1, np.abs(confidences))
    edges = [edge for edge in runner.thresholds if np.isfinite(edge)]
    return np.asarray(np.any([np.abs(confidences - edge) <= close for edge in edges], axis=0))
