"""Lightning modules, callbacks and data loaders that train members and record their logits."""

from wee.compat import repair_on_import

repair_on_import()
