"""Old names of `wee.commands`, for one release: `python -m wee.stages.train` is `python -m wee.commands.train`."""
