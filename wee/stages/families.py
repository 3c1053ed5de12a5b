"""Deprecated: use `wee.commands.families`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("wee.commands.families", run_name="__main__", alter_sys=True)
