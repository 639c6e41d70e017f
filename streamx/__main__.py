"""The entry of the command: `streamx` and `python -m streamx`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a run takes over, Ctrl-C ends the process without a word, not in a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from streamx.cli import cli

    cli()


if __name__ == "__main__":
    main()
