"""Families of networks: configs, construction, costs, checkpoints."""

from wee.compat import repair_on_import

repair_on_import()
