"""The stages: each a Hydra application, a thin function of its config. Nothing heavy is imported at the top."""
