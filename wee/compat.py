"""A workaround for a torchvision wheel that does not match torch.

The torchvision wheel on PyPI is built for CUDA. With a CPU build of torch its compiled extension does not load,
and `import torchvision` fails with "operator torchvision::nms does not exist", because it registers fake
implementations of two operators that have not been declared. timm, lightning and torchmetrics all import torchvision,
so none of them can be imported either. Declaring the two operators is enough: neither wee nor these packages call them.

The parts of wee that need torch therefore install an import finder, which declares the operators when torchvision is first
imported, and then removes itself. Nothing is declared if torchvision works already. `import wee` alone installs nothing.
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
    """A meta-path finder that finds no module: it applies the workaround for torchvision just before its import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Repair torchvision and remove this finder when torchvision is imported; always return None."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            repair_torchvision()
        return None


def repair_on_import() -> None:
    """Arrange for torchvision to be repaired when it is imported. Imports nothing itself."""
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
    """Return whether the installed torchvision wheel was built for CUDA, without importing it."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    return version.is_file() and re.search(r"\+cu\d", version.read_text()) is not None
