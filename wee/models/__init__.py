"""Families of networks: configs, construction, costs, checkpoints."""
