"""Accounts: the files that tell of a run, written however it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from streamx.errors import OutputError
from streamx.extras import needing
from streamx.job import Job

if TYPE_CHECKING:
    from streamx.monitor.summary import Story
    from streamx.monitor.watch import View

Warn = Callable[[str], None]
Write = Callable[[bytes], None]


class Accounts:
    """What is told of a run, and where: nowhere, unless a file is asked for.

    Attributes:
        views: to be shown the run's snapshots.
        warnings: what was warned of.

    Args:
        warn: called with each warning.
        story: what is told; None to tell nothing.
    """

    def __init__(self, warn: Warn, story: Story | None = None) -> None:
        self.views: list[View] = [] if story is None else [story.recorder]
        self.warnings: list[str] = [] if story is None else story.warnings
        self._warn = warn
        self._endings: list[Callable[[BaseException | None], None]] = []

    def warn(self, text: str) -> None:
        """Pass a warning on, and remember it."""
        self.warnings.append(text)
        self._warn(text)

    def at_end(self, ending: Callable[[BaseException | None], None]) -> None:
        """Call something when the run has ended, with what ended it."""
        self._endings.append(ending)

    def end(self, error: BaseException | None) -> None:
        """Write how the run ended; a file that cannot be written is told of in the others.

        Raises:
            OutputError: a file cannot be written.
        """
        failure: OutputError | None = None
        for ending in self._endings:
            try:
                ending(error or failure)
            except OutputError as unwritten:
                failure = failure or unwritten
        if failure is not None:
            raise failure


@contextmanager
def accounts_of(job: Job, warn: Warn) -> Iterator[Accounts]:
    """Yield the accounts of the run that is the body, and end them as it ends.

    Raises:
        UsageError: a file is the run's input or output, or another one's.
        OutputError: a file cannot be written.
    """
    accounts = _opened(job, warn)
    try:
        yield accounts
    except BaseException as error:
        with suppress(OutputError):  # what ended the run says more
            accounts.end(error)
        raise
    try:
        accounts.end(None)
    except OutputError as error:
        raise OutputError(f"{error}. The output is complete") from error


def _opened(job: Job, warn: Warn) -> Accounts:
    if not any(path for _, path in job.accounts):
        return Accounts(warn)
    from streamx.monitor.summary import Story, summary_text
    from streamx.write.account import account_files

    files = account_files(job.accounts, job.input_paths, job.written)
    writes = {option: file.write for option, file in files.items()}
    story = Story(job.input_name, job.output_name, job.advisor, _chosen(job))
    accounts = Accounts(warn, story)
    if write := writes.get("--summary"):
        accounts.at_end(partial(_write_text, write, summary_text, story))
    if write := writes.get("--report"):
        with needing("--report", "report"):
            from streamx.monitor.page import page_text
        accounts.at_end(partial(_write_text, write, page_text, story))
    if write := writes.get("--metrics"):
        with needing("--metrics", "metrics"):
            from streamx.monitor.metrics import Metrics
        # A pipe whose reader is slow would hold up the run.
        once = {} if files["--metrics"].target.is_replaceable else {"interval_seconds": math.inf}
        metrics = Metrics(write, job.input_name, job.output_name, **once)
        accounts.views.append(metrics)
        accounts.at_end(metrics.end)
    return accounts


def _chosen(job: Job) -> dict[str, Any]:
    """Return the options that are not as they are by default; how progress is shown is none."""
    chosen = {}
    for option in fields(job):
        default = option.default if option.default_factory is MISSING else option.default_factory()
        value = getattr(job, option.name)
        if value != default and (value or default) and option.name != "progress":
            chosen[option.name] = value
    if job.inputs:
        chosen["inputs"] = job.input_names
    return chosen | {"input": job.input_name, "output": job.output_name}


def _write_text(
    write: Write,
    text_of: Callable[[Story, BaseException | None], bytes],
    story: Story,
    error: BaseException | None,
) -> None:
    write(text_of(story, error))
