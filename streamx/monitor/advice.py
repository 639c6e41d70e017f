"""Advice: the part that holds a run up, in words, and one thing to try against that."""

from __future__ import annotations

from dataclasses import dataclass

from streamx.sizing import available_cpus


@dataclass(frozen=True, slots=True)
class Advisor:
    """Says what to try, for one run.

    Attributes:
        ran_in: where the work is done, as in a Report.
        workers: chunks worked on at a time.
        is_counted: a limit keeps the work to one worker.
        is_compressed_input, is_compressed_output: which side is compressed.
        is_paged: the input comes from the web page by page.
        is_rated: a rate limits the calls of functions.
        is_adaptive: as many calls are on their way as the far side bears.
    """

    ran_in: str
    workers: int
    is_counted: bool = False
    is_compressed_input: bool = False
    is_compressed_output: bool = False
    is_paged: bool = False
    is_rated: bool = False
    is_adaptive: bool = False

    def advice(self, stage: str, busy_share: float) -> str:
        """Return a clause about the stage that others wait for.

        >>> Advisor("loop", 1).advice("workers", 0.98)
        'workers busy 98 %: try a higher --concurrency'
        >>> Advisor("threads", 2).advice("reader", 0.1)
        'input is slow: try a faster source'
        """
        if stage == "reader":
            if self.is_compressed_input:
                return "unpacking is slow: try zstd, or gzip with streamx[gzip]"
            if self.is_paged:
                return "input is slow: try a larger --page-size"
            return "input is slow: try a faster source"
        if stage == "writer":
            if self.is_compressed_output:
                return "packing is slow: try a lower --compression-level"
            return "output is slow: try a faster disk or reader"
        return f"workers busy {100 * busy_share:.0f} %: try {self._for_workers()}"

    def _for_workers(self) -> str:
        if self.ran_in == "dask":
            return "more workers in the cluster"
        if self.is_rated:
            is_bound_by_that = self.ran_in != "loop" or self.is_adaptive
            return "a higher --rate-limit" + ("" if is_bound_by_that else " or --concurrency")
        if self.ran_in == "loop":
            return self._for_loop()
        if self.ran_in == "caller":
            return "a function in a file, which more processes can run"
        if self.is_counted:
            return "--limit as the last step of another run: counting takes one worker"
        cpus = available_cpus()
        more = f"-j {cpus}" if self.workers < cpus else ""
        if self.ran_in == "processes":
            return f"{more} or an async function" if more else "an async function or --batch-size"
        return more or "to --select fewer columns"

    def _for_loop(self) -> str:
        if self.is_adaptive:
            return "a faster far side, which bears no more now"
        return "a higher --concurrency"
