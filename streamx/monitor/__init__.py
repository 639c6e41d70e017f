"""Views of a running flow and accounts of a finished one."""
