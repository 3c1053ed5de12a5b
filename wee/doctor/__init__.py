"""What `wee doctor` looks at: the installation, the machine, the folders and the store.

Most of it imports nothing but the standard library, because it has to work where torch, numpy or Hydra do not. What needs
more imports it inside a check, and a check that fails is reported like any other finding.
"""
