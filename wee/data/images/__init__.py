"""Image files on disk."""

from wee.compat import repair_on_import

repair_on_import()
