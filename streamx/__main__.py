"""Lets `python -m streamx` do what the command `streamx` does."""

from streamx.cli import main

main()
