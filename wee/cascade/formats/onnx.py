"""Export as ONNX graphs, with a runner that needs no torch. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.cascade.formats.base import ExportFormat
from wee.cascade.onnx_runner import CONFIDENCES
from wee.errors import WeeError
from wee.method import FixedRule, IntervalRule

if TYPE_CHECKING:
    from wee.cascade.module import Cascade


class Onnx(ExportFormat):
    """One ONNX graph for each member or exit, the gate as data, and a runner on numpy and onnxruntime (extra onnx)."""

    name = "onnx"
    label = "ONNX"
    help = "an ONNX graph for each member or exit, and a runner on numpy and onnxruntime alone"
    packages = ("onnx", "onnxscript", "onnxruntime")
    extra = "onnx"

    def check(self, cascade: Cascade) -> None:
        """Check that the score and the rule of a cascade are data that the runner reads.

        Raises:
            WeeError: one of them is a plug-in, or the rule is of another kind.
        """
        rule = cascade.rule
        if type(rule) not in (IntervalRule, FixedRule):
            raise WeeError(
                f"the rule {type(rule).__name__} cannot be exported: the runner decides by intervals, or at a fixed stage. "
                "Calibrate with wee calibrate"
            )
        scores = [cascade.score.name, *([rule.score] if isinstance(rule, IntervalRule) else [])]
        for score in scores:
            if score not in CONFIDENCES:
                raise WeeError(
                    f"the score {score} cannot be exported: the runner has the built-in scores alone "
                    f"({', '.join(CONFIDENCES)})"
                )

    def write(self, cascade: Cascade, folder: Path, done: Callable[[int], None]) -> dict[str, Any]:
        """Write graphs, gate and runner, and compare their results with those of the cascade; see `ExportFormat.write`."""
        from wee.cascade.formats.graphs import write_graphs

        return write_graphs(cascade, folder, self.name, done)
