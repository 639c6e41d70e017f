"""Sinks, and how a finished file takes the place of the old one."""
