"""wee's sweeper, where Hydra looks for plugins."""
