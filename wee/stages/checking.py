"""Deprecated: use `wee.commands.data`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("wee.commands.data", run_name="__main__", alter_sys=True)
