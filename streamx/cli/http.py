"""Options of commands whose INPUT may be a URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

import streamx
from streamx.cli.options import Duration, add_options

F = TypeVar("F", bound=Callable[..., Any])

# Options that make an Http, and what they are called there.
_FIELDS = {
    "paginate": "paginate",
    "page_size": "page_size",
    "records_at": "records_at",
    "next_at": "next_at",
    "page_param": "page_param",
    "size_param": "size_param",
    "http_headers": "headers",
    "http_timeout_seconds": "timeout_seconds",
    "http_retries": "retries",
}


class Header(click.ParamType):  # type: ignore[type-arg]  # older clicks have no generic one
    """A header field, `Name: value`; what may be a secret is not repeated in messages."""

    name = "header"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, colon, content = value.partition(":")
        if not name or not colon:
            self.fail("a header is written 'Name: value'", param, ctx)
        return name, content.strip()


def http_options(command: F) -> F:
    """Add the options that say how to read an input that is a URL."""
    return add_options(
        command,
        click.option(
            "--paginate",
            type=click.Choice(["page", "offset", "cursor", "link"]),
            help="INPUT is an API that gives JSON in pages; how one leads to the next.",
        ),
        click.option("--page-size", type=int, metavar="N", help="Records to ask for in a page."),
        click.option(
            "--records-at",
            metavar="PATH",
            help="Where in a page or a JSON text the records are, such as data.items.  "
            "[default: all of it]",
        ),
        click.option(
            "--next-at",
            metavar="PATH",
            help="Where in a page the next cursor or link is.  [default for link: its Link header]",
        ),
        click.option(
            "--page-param",
            metavar="NAME",
            help="Parameter for page, offset or cursor.  [default: page, offset or cursor]",
        ),
        click.option(
            "--size-param",
            metavar="NAME",
            help="Parameter for the page size.  [default: per_page; limit with offset and cursor]",
        ),
        click.option(
            "--header",
            "http_headers",
            type=Header(),
            multiple=True,
            metavar="'NAME: VALUE'",
            help="Header for an http INPUT; ${VARIABLE} in it comes from the environment. "
            "Repeatable.",
        ),
        click.option(
            "--http-timeout",
            "http_timeout_seconds",
            type=Duration(),
            metavar="TIME",
            help="How long a server may be silent.  [default: 30s]",
        ),
        click.option(
            "--http-retries",
            type=int,
            metavar="N",
            help="How often a failed request is made again.  [default: 5]",
        ),
    )


def with_http(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command's values with one `http` in place of the options above.

    Raises:
        UsageError: they cannot work.
    """
    written = {name: values[name] for name in _FIELDS if values[name] not in (None, ())}
    others = {name: value for name, value in values.items() if name not in _FIELDS}
    if values["paginate"] is None and "records_at" in written:
        others["records_at"] = written.pop("records_at")
    if not written:
        return others
    if "http_headers" in written:
        written["http_headers"] = _distinct(written["http_headers"])
    return others | {"http": streamx.Http(**{_FIELDS[name]: written[name] for name in written})}


def _distinct(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    names = [name.lower() for name, _ in headers]
    for name in names:
        if names.count(name) > 1:
            raise streamx.UsageError(f"--header gives {name} twice")
    return dict(headers)
