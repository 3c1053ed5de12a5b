"""The catalogue of export formats. Imports no torch: it is imported when a cascade is exported.

To add a format, write a file with a class derived from `ExportFormat` and list it here.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from wee.cascade.formats.base import ExportFormat
from wee.cascade.formats.onnx import Onnx
from wee.catalogue import Catalogue, first_line
from wee.errors import WeeError


def _plugin(name: str, plugin: Any) -> ExportFormat:
    """Return the format that a plug-in's object defines: a class derived from `ExportFormat`, or an instance of one."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if not issubclass(cls, ExportFormat):
        raise WeeError(f"{name} is no export format: derive its class from wee.cascade.formats.ExportFormat")
    if inspect.isabstract(cls):
        raise WeeError(f"the export format {name} has no {', '.join(sorted(cls.__abstractmethods__))}")
    made: ExportFormat = cls() if plugin is cls else copy.copy(plugin)
    made.name, made.label = name, getattr(made, "label", name.partition(":")[2])
    made.help = getattr(made, "help", first_line(cls))
    return made


EXPORT_FORMATS: Catalogue[ExportFormat] = Catalogue("export format", [Onnx()], _plugin)
"""The export formats; the first is the default."""

__all__ = ["EXPORT_FORMATS", "ExportFormat"]
