"""AccountFile: a small file about a run, replaced as a whole whenever it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from streamx.errors import OutputError, UsageError, cannot
from streamx.write.publish import Target

# An option, or what else a file is called, and its path if there is one.
Named = tuple[str, str | os.PathLike[str] | None]


class AccountFile:
    """A file whose readers see the old content or all of the new one.

    Args:
        option: the option that named it, for messages.
        target: where it goes.
    """

    def __init__(self, option: str, target: Target) -> None:
        self.option = option
        self.target = target

    def write(self, content: bytes) -> None:
        """Write the content in place of what is there; a pipe or device just gets it.

        Raises:
            OutputError: it cannot be written.
        """
        target = self.target
        try:
            if target.descriptor is not None:
                _write_all(target.descriptor, content)
            elif target.is_special:
                with open(target.path, "wb", buffering=0) as file:
                    _write_all(file.fileno(), content)
            else:
                self._replace(content)
        except OSError as error:
            raise OutputError(cannot(f"write {self.option}", target.name, error)) from error

    def _replace(self, content: bytes) -> None:
        unpublished = self.target.create()
        try:
            try:
                _write_all(unpublished.descriptor, content)
            finally:
                os.close(unpublished.descriptor)
            unpublished.place()
        except BaseException:
            unpublished.discard()
            raise


def account_files(
    paths: Sequence[Named], input: str | tuple[str, ...], outputs: Iterable[Named]
) -> dict[str, AccountFile]:
    """Return the files of the options that name one, checked before anything is read.

    Args:
        paths: options and their paths.
        input, outputs: the run's own, by what to call them, which none of them may be.

    Raises:
        UsageError: two are the same, or one is the run's own.
        OutputError: one cannot be written.
    """
    files: dict[str, AccountFile] = {}
    taken: dict[str | int, str] = {}
    outputs = list(outputs)
    for option, path in (*outputs, *paths):
        if path is None:
            continue
        what = "output" if (option, path) in outputs else option
        target = Target.of(os.fspath(path), input, is_direct=False, what=what)
        place = target.path if target.descriptor is None else target.descriptor
        if place in taken:
            raise UsageError(
                f"{option} and {taken[place]} are the same file ({target.name}); name another"
            )
        if not target.is_special:
            taken[place] = option
        files[option] = AccountFile(option, target)
    return {option: files[option] for option, path in paths if path is not None}


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
