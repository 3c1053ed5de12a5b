"""Deprecated: use `wee.commands.sweep`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("wee.commands.sweep", run_name="__main__", alter_sys=True)
