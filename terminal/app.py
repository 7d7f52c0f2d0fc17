"""The program as Typer sees it: commands that know `--json` and `--debug` even when the rest cannot be parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from anyseek.errors import UsageError
from anyseek.options import path_text

Context = typer.Context
CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]
"""The ancestor of all errors of a command line that cannot be understood (BadParameter is a UsageError is a
ClickException): Typer keeps its copy of click's classes to itself, and BadParameter is public."""
_Misused: Any = typer.BadParameter.__mro__[1]


@dataclass(slots=True)
class Output:
    """How a command was asked to speak; the context's `obj`, from the first moment on."""

    as_json: bool = False
    is_debug: bool = False

    def read(self, values: dict[str, Any]) -> None:
        """From a command's parsed parameters."""
        self.as_json = self.as_json or bool(values.get("as_json"))
        self.is_debug = self.is_debug or bool(values.get("debug")) or bool(os.environ.get("ANYSEEK_DEBUG"))


class Command(TyperCommand):
    """A command with `--debug`, whose `--debug` and `--json` hold for its own usage errors too."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_debug_option())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click."""
        original = list(args)
        try:
            _refuse_twice(self, ctx, original)
            rest: list[str] = super().parse_args(ctx, args)
        except CommandLineError as error:
            _place(error, ctx)
            ctx.obj.read(_parsed_as_far_as_possible(self, ctx, original))
            raise
        ctx.obj.read(ctx.params)
        del ctx.params["debug"]
        _refuse_empty(self, ctx)
        return rest


class Group(TyperGroup):
    """A group of such commands."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_debug_option())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click; alone, a group prints its help."""
        if not args and not self.invoke_without_command:
            args = ["--help"]
        original = list(args)
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except CommandLineError as error:
            _place(error, ctx)
            ctx.obj.read(_parsed_as_far_as_possible(self._any_command(), ctx, original))
            raise
        ctx.obj.read(ctx.params)
        del ctx.params["debug"]
        return rest

    def _any_command(self) -> Any:
        """One that has the options which all have."""
        return next(one for one in self.commands.values() if not isinstance(one, TyperGroup))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See click; where there is no such command, what is left is read as that of any command."""
        try:
            return super().resolve_command(ctx, args)
        except CommandLineError:
            ctx.obj.read(_parsed_as_far_as_possible(self._any_command(), ctx, args[1:]))
            raise


def _refuse_twice(command: Any, ctx: Any, args: list[str]) -> None:
    """Raises click's UsageError for an option that takes one value and is given several times.

    Click takes the last of them alone, as if the others had not been there.
    """
    given = command.make_parser(ctx).parse_args(args=list(args))[2]
    for one in given:
        is_single = one.param_type_name == "option" and not (one.multiple or one.is_flag or one.count)
        if is_single and given.count(one) > 1:
            raise _Misused(f"{one.opts[0]} is given more than once, and takes one value.", ctx)


_OF_PATHS = ("FILE", "FOLDER", "PATH", "DIR", "HIT")
"""What the values of options and arguments are called that are paths."""


def _refuse_empty(command: Any, ctx: Any) -> None:
    """Raises UsageError for an option, or a path, that is given as nothing: where a script's variable is not set, a
    command would do to everything what was meant for a part. A path may be a blank."""
    for one in command.params:
        given = ctx.params.get(one.name)
        is_path = any(name in (one.metavar or "") for name in _OF_PATHS)
        for value in given if isinstance(given, list | tuple) else [given]:
            is_empty = isinstance(value, str) and not (value if is_path else value.strip())
            if not is_empty or ctx.get_parameter_source(one.name).name != "COMMANDLINE":
                continue
            if one.param_type_name == "option":
                raise UsageError(
                    f"{one.opts[0]} is empty.",
                    "Is a variable not set? Give it a value, or leave the option out.",
                )
            if is_path:
                path_text(value)


def _place(error: Any, ctx: Any) -> None:
    """Tell an error that the parser of options raised which command it is of: not all of click's know it."""
    error.ctx = error.ctx or ctx


def _debug_option() -> TyperOption:
    help_text = "Show the traceback of an unexpected error (or set ANYSEEK_DEBUG)."
    return TyperOption(param_decls=["--debug"], is_flag=True, default=False, help=help_text)


def _parsed_as_far_as_possible(command: Any, ctx: Any, args: list[str]) -> dict[str, Any]:
    """The values of options, by parameter, of a command line that is wrong somewhere."""
    parser = command.make_parser(ctx)
    parser.ignore_unknown_options = parser.allow_interspersed_args = True
    before, ctx.resilient_parsing = ctx.resilient_parsing, True
    try:
        values: dict[str, Any] = parser.parse_args(args=list(args))[0]
    finally:
        ctx.resilient_parsing = before
    return values


class App(typer.Typer):
    """A Typer whose commands and groups are those above, in plain text."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": Group, "rich_markup_mode": None, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """See Typer.command."""
        return super().command(name, **{"cls": Command, **settings})


def unparsed(error: Exception) -> tuple[str, str]:
    """A command line's error in one sentence, and where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "anyseek"
    message = _in_plain_words(" ".join(str(getattr(error, "format_message", error.__str__)()).split()))
    return message, f"See: {path} --help{_dash_hint(error, path)}"


def _in_plain_words(message: str) -> str:
    """What click says of numbers, without a programmer's words."""
    message = re.sub(r"is not a valid int(eger)?( range)?\.", "is not a whole number.", message)
    message = re.sub(r"is not a valid float( range)?\.", "is not a number.", message)
    message = re.sub(r"is not in the range x>=(\S+)\.", r"is less than \1.", message)
    return re.sub(r"is not in the range (\S+)<=x<=(\S+)\.", r"is not from \1 to \2.", message)


def _dash_hint(error: Exception, path: str) -> str:
    """How to write words that begin with a dash, for an error about an unknown option or the value of a short one."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    takes_arguments = any(one.param_type_name == "argument" for one in getattr(command, "params", ()))
    short = [
        name for name in getattr(getattr(error, "param", None), "opts", ()) if name[:1] == "-" != name[1:2]
    ]
    if not takes_arguments or not (short or getattr(error, "option_name", None)):
        return ""
    return f'. What begins with a dash and is no option comes after --, as in: {path} -- "-5 degrees"'
