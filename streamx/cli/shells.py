"""What shells ask while a command line is being written, and the scripts that make them ask."""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            file) compopt -o default ;;
            part) compopt -o nospace; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done <<< "$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2> /dev/null)"
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
# click's own takes an answer apart at each comma.
_FISH = """\
function %(complete_func)s
    for line in (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \\
            COMP_CWORD=(commandline -t) %(prog_name)s 2> /dev/null)
        set -l answer (string split --max 1 "," -- $line)
        switch $answer[1]
            case file
                __fish_complete_path $answer[2]
            case plain
                echo $answer[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
# What stands by itself in a line of bash; all else gets a backslash before it.
_PLAIN = frozenset("_-+,./:=@%^")


class _Silent(ShellComplete):
    """Completes whole words, `--option=value` included, and says nothing if it cannot."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        option, sign, _ = incomplete.partition("=")
        joined = option + sign if sign and option.startswith("--") else ""
        try:
            items = super().get_completions(args, incomplete)
        except Exception:  # nobody asked for a message between two keys
            return []
        for item in items:
            item.value = joined + item.value
        return items


class _Bash(_Silent, BashComplete):
    """Takes words as the shell will, and gives what is to stand in the place of the last one.

    click takes the words that readline makes, which end at each `=` and `:`, and leaves blanks
    and quotes in what it gives as they are.
    """

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line + "|")  # so that the last word is there if it is empty
        return words[1:-1], words[-1].removesuffix("|")

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        quote = _open_quote(os.environ["COMP_LINE"])
        if quote is not None:
            kept = len(incomplete) - len(quote)
        else:
            breaks = set(os.environ.get("COMP_WORDBREAKS", "=:")) & set("=:@")
            kept = max((incomplete.rfind(each) for each in breaks), default=-1) + 1
        lines = []
        for item in self.get_completions(args, incomplete):
            value = item.value[kept:]
            kind = "part" if item.part else item.type
            lines.append(f"{kind},{value if quote is not None else _escaped(value)}")
        return "\n".join(lines)


class _Zsh(_Silent, ZshComplete):
    pass


class _Fish(_Silent, FishComplete):
    source_template = _FISH


def register() -> None:
    """Let click answer what shells ask with these."""
    for each in (_Bash, _Zsh, _Fish):
        add_completion_class(each)


def _open_quote(line: str) -> str | None:
    """Return what stands behind a quote that is still open, or None.

    >>> _open_quote("streamx transform 'my file.csv' --select 'first na")
    'first na'
    >>> _open_quote("streamx transform my\\\\'file") is None
    True
    """
    opened: tuple[str, int] | None = None
    is_escaped = False
    for position, char in enumerate(line):
        if is_escaped:
            is_escaped = False
        elif char == "\\" and (opened is None or opened[0] == '"'):
            is_escaped = True
        elif opened is None and char in "'\"":
            opened = char, position + 1
        elif opened is not None and char == opened[0]:
            opened = None
    return None if opened is None else line[opened[1] :]


def _escaped(text: str) -> str:
    r"""Return a text as it stands in a line of bash.

    >>> print(_escaped("year,first name"))
    year,first\ name
    """
    return "".join(
        char if char.isalnum() or char in _PLAIN or char > "\x7f" else f"\\{char}" for char in text
    )
