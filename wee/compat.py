"""The one repair of other people's packages that wee makes.

The torchvision wheel on PyPI is built for CUDA. Beside a CPU build of torch its compiled half does
not load, and `import torchvision` then stops at "operator torchvision::nms does not exist", because
it describes two operators that nobody has declared. timm, lightning and torchmetrics all import
torchvision, so none of them can be imported either. Declaring the two operators is enough: nothing
here or in those packages calls them.

So importing wee puts a finder in front of Python's own, which makes the declarations when somebody begins
to import torchvision, and leaves. Where torchvision works already, nothing is declared.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library: Any = None  # the declarations live as long as this reference


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Finds nothing; repairs torchvision at the moment before it is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Step aside after the first sight of torchvision."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            repair_torchvision()
        return None


def repair_on_import() -> None:
    """Repair torchvision when it is imported, should it ever be; imports nothing now."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _BeforeTorchvision) for f in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())


def repair_torchvision() -> bool:
    """Declare torchvision's operators if they are missing.

    Returns:
        Whether they had to be declared.
    """
    global _library
    import torch

    if _library is not None or torch.version.cuda is not None or not _built_for_cuda():
        return False
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        _library.define(operator + _SCHEMA)
    return True


def _built_for_cuda() -> bool:
    """Whether the installed torchvision wheel was built for CUDA, told without importing it."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    return version.is_file() and re.search(r"\+cu\d", version.read_text()) is not None
