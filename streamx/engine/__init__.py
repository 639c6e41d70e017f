"""Engines: where Plan.run executes."""
