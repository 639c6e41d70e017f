"""JobInput: what a run reads, as its options say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from streamx.compression import Compression, compression_of
from streamx.errors import UsageError
from streamx.formats import FileFormat
from streamx.job_options import Options
from streamx.read.http_options import Http, is_url, plain_url
from streamx.storage import is_storage_url, shown_url
from streamx.values import FormatName, file_format, format_of, record_format

if TYPE_CHECKING:
    from streamx.read.files import InputFile


@dataclass(frozen=True, kw_only=True)
class JobInput(Options):
    """The options of a run, and what follows from them for what it reads."""

    @property
    def input_name(self) -> str:
        """The input as it may be shown: a URL without what may be secret."""
        first, more = shown_address(self.input), len(self.inputs) - 1
        return f"{first} and {more} more" if more > 0 else first

    @cached_property
    def files(self) -> tuple[InputFile, ...] | None:
        """The files of the input where it may be several; None where it is read as it comes.

        Raises:
            InputError: there is none.
        """
        if not (self.is_many or self.is_on_cluster):
            return None
        from streamx.read.files import files_of  # for this alone

        files = files_of(self.inputs or (self.input,))
        if self.source_format is None:
            _refuse_mixed([file.name for file in files])
        return files

    @cached_property
    def is_many(self) -> bool:
        """Tell whether the input is read file by file, each with a header of its own."""
        is_told = bool(self.inputs) or self.add_source is not None or self.headers is not None
        return is_told or _is_several(self.input)

    @property
    def input_names(self) -> list[str]:
        """All inputs as they may be shown, where several are named."""
        return [shown_address(each) for each in self.inputs]

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of the files of an input that is read here, file by file, by their numbers."""
        is_known = self.is_many and not self.is_on_cluster
        return tuple(file.name for file in self.files or ()) if is_known else ()

    @property
    def input_paths(self) -> tuple[str, ...]:
        """The paths of all that is read, none of which may be written."""
        return (self.input,) if self.files is None else tuple(file.path for file in self.files)

    @cached_property
    def first_input(self) -> str:
        """The input, or the first of its files where it may be several."""
        return self.input if self.files is None else self.files[0].address

    @property
    def is_on_cluster(self) -> bool:
        """Tell whether workers of a cluster do the work."""
        return self.engine == "dask"

    @property
    def input_format(self) -> str:
        """The name of the input's format, as named or by extension."""
        return self.source_format or source_format_of(self.first_input, self.http)

    @property
    def reads(self) -> FileFormat | None:
        """What makes JSONL of the input; None for CSV, TSV and JSONL itself."""
        return file_format(self.input_format)

    @cached_property
    def formats_read(self) -> tuple[FileFormat | None, ...]:
        """What makes JSONL of the files of the input, once for each format among them."""
        if self.source_format is not None or self.files is None:
            return (self.reads,)
        names = dict.fromkeys(source_format_of(file.name) for file in self.files)
        return tuple(map(file_format, names))

    def format_of_file(self, name: str) -> FileFormat | None:
        """Return what makes JSONL of an input file of a name, see `reads`."""
        return file_format(self.source_format or source_format_of(name))

    @property
    def source(self) -> FormatName:
        """The format of the input's records."""
        return record_format(self.input_format)

    @property
    def input_compression(self) -> Compression | None:
        """How the input is compressed, as far as its name tells."""
        return None if is_paged(self.http) else compression_of(shown_address(self.first_input))

    @property
    def compressed_files(self) -> list[tuple[str, FileFormat | None]]:
        """The names of files that are compressed, as far as names tell, and the format of each."""
        if self.files is None:
            return [] if self.input_compression is None else [(self.input_name, self.reads)]
        names = [file.name for file in self.files if compression_of(file.name) is not None]
        return [(name, self.format_of_file(name)) for name in names]

    @property
    def reader_bytes(self) -> int:
        """What reading a compressed input takes, of several files the one that takes most."""
        if self.files is None or not self.is_many:
            found = {self.input_compression}
        else:
            found = {compression_of(file.name) for file in self.files}
        return max(0 if each is None else each.reader_bytes for each in found)


def source_format_of(path: str, http: Http | None = None) -> str:
    """Return the name of the format of an input by its extension; pages become JSONL.

    Raises:
        UsageError: the extension is none of ours.
    """
    if is_paged(http):
        return "jsonl"
    return format_of(shown_address(path), "input", "--from")


def shown_address(path: str) -> str:
    """Return an input or output as it may be shown: a URL without what may be secret."""
    if is_url(path):
        return plain_url(path)
    return shown_url(path) if is_storage_url(path) else path


def _refuse_mixed(paths: Sequence[str]) -> None:
    """Refuse files whose records are of several formats.

    Raises:
        UsageError: two are, or the extension of one is none of ours.
    """
    first = format_of(paths[0], "input", "--from")
    for path in paths:
        other = format_of(path, "input", "--from")
        if record_format(other) != record_format(first):
            raise UsageError(
                f"{paths[0]} is {first} and {path} is {other}; name files of one format, or say "
                "--from if it is that of all"
            )


def _is_several(input: str) -> bool:
    if input == "-" or is_url(input):
        return False
    from streamx.read.files import is_several  # for this alone

    return is_several(input)


def is_paged(http: Http | None) -> bool:
    """Tell whether an input comes page by page."""
    return http is not None and http.paginate is not None
