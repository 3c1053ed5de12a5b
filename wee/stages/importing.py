"""Deprecated: use `wee.commands.import_`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("wee.commands.import_", run_name="__main__", alter_sys=True)
