"""The entry of the command: `streamx` and `python -m streamx`."""

from __future__ import annotations

import gc
import signal

# Objects made between two looks for garbage. A run leaves next to none: what it no longer needs
# goes at once, what it has imported stays.
_GARBAGE_THRESHOLD = 10_000


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a run takes over, Ctrl-C ends the process without a word, not in a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from streamx.cli import cli
    from streamx.errors import StreamxError

    try:
        cli()
    except StreamxError as error:  # of an import: STREAMX_CODEC names what there is not
        from streamx.cli.run import fail

        fail(str(error), error.exit_code)
    finally:
        gc.freeze()  # the process ends: a last look at every object would be in vain


if __name__ == "__main__":
    main()
