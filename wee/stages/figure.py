"""Deprecated: use `wee.commands.figure`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("wee.commands.figure", run_name="__main__", alter_sys=True)
