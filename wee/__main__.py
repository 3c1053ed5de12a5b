"""`python -m wee`."""

from wee.cli import main

main()
