"""The root of the command line: global options, verbs that are loaded when they are typed, and the
one place where an exception becomes a message and an exit code."""

import gc
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rotation.cli.verbs import FORMER, SECTIONS, VERBS

# Rich is only for help on a terminal: it takes a third of the time that `--help` may take.
_PRETTY = sys.stdout.isatty() and ("--help" in sys.argv or len(sys.argv) == 1)
if TYPE_CHECKING or not _PRETTY:
    from click import Command, Group
else:
    from rich_click import RichCommand as Command
    from rich_click import RichGroup as Group


@dataclass
class Settings:
    """The global options, given before the verb or after it."""

    config: str | None = None
    output: str = "text"
    color: str = "auto"
    debug: bool = False

    @property
    def colored(self) -> bool | None:
        """None: colours wherever the output is a terminal."""
        if self.color != "auto":
            return self.color == "always"
        return False if os.environ.get("NO_COLOR") else None


def settings() -> Settings:
    """The settings of the command that is running."""
    return click.get_current_context().ensure_object(Settings)


def _remember(context: click.Context, option: click.Parameter, value: object) -> None:
    # An option that was not given after the verb must not undo one before it.
    if value is not None and option.name is not None:
        setattr(context.ensure_object(Settings), option.name, value)


def _print_version(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 -- click's own
    if value and not context.resilient_parsing:
        from rotation import __version__  # noqa: PLC0415 -- seldom asked for

        click.echo(f"rotation {__version__}")
        context.exit()


def version_option() -> click.Option:
    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
        help="Print the version; `rotation version` tells more.",
    )  # fmt: skip


def global_options() -> list[click.Parameter]:
    shared: dict[str, Any] = {"expose_value": False, "callback": _remember, "default": None}
    return [
        click.Option(
            ["-c", "--config"],
            type=click.Path(),  # a text: `pathlib` takes longer than the help itself
            help="The configuration file.  [env: ROTATION_CONFIG]",
            **shared,
        ),
        click.Option(
            ["-o", "--output"],
            type=click.Choice(["text", "json"]),
            help="What stdout is for: a person or a program.",
            **shared,
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            help="Colours; auto obeys NO_COLOR and wants a terminal.",
            **shared,
        ),
        click.Option(["--debug"], flag_value=True, help="Show a traceback.", **shared),
    ]


class Verb(Command):
    """A verb, which also takes the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += global_options()


def _help(function: Callable[..., Any], examples: Sequence[str]) -> str:
    return _with_examples(inspect.getdoc(function) or "", examples)


def _with_examples(text: str, examples: Sequence[str]) -> str:
    lines = "\n".join(f"  rotation {example}" for example in examples)
    return f"{text}\n\n\b\nExamples:\n{lines}"


def verb(name: str, *examples: str) -> Callable[[Callable[..., int | None]], click.Command]:
    """Makes a function a verb. It returns its exit code; None is success."""

    def build(function: Callable[..., int | None]) -> click.Command:
        return click.command(name, cls=Verb, help=_help(function, examples))(function)

    return build


class VerbGroup(Group):
    """A verb with verbs of its own, such as `journal check`."""

    def add(
        self, name: str, *examples: str
    ) -> Callable[[Callable[..., int | None]], click.Command]:
        def build(function: Callable[..., int | None]) -> click.Command:
            command = verb(name, *examples)(function)
            self.add_command(command)
            return command

        return build


def verb_group(name: str, help: str, *examples: str) -> VerbGroup:  # noqa: A002 -- click's own word
    return VerbGroup(name, params=global_options(), help=_with_examples(help, examples))


def _load(name: str) -> click.Command:
    module, _, attribute = VERBS[name].target.partition(":")
    loaded = getattr(importlib.import_module(f"rotation.cli.{module}"), attribute)
    assert isinstance(loaded, click.Command), name
    gc.enable()
    return loaded


class Program(Group):
    """The root. Its commands are names with a line of help; each is loaded when it is typed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = [FORMER.get(args[0], args[0]), *args[1:]]
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name and command else None, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, listed.help) for name, listed in verbs.items()])

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        extra["standalone_mode"] = False
        extra.setdefault("obj", Settings())
        try:
            code = super().main(*args, **extra) or 0
        except BaseException as error:  # noqa: BLE001 -- the last one to ask
            from rotation.cli.failures import exit_code_of  # noqa: PLC0415 -- --help does without

            code = exit_code_of(error, extra["obj"])
        sys.exit(code)


def _color(context: click.Context) -> None:
    context.color = context.ensure_object(Settings).colored


def _stubs(names: Iterable[str]) -> dict[str, click.Command]:
    return {name: click.Command(name, help=VERBS[name].help) for name in names}


@click.pass_context
def _root(context: click.Context) -> None:
    _color(context)


program = Program(
    "rotation",
    commands=_stubs(VERBS),
    params=[*global_options(), version_option()],
    callback=_root,
    help="Replaces machine credentials without an outage and without leaving a stray key behind.",
    epilog="`rotation VERB --help` shows examples. Start with `rotation init`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

if not TYPE_CHECKING and _PRETTY:
    from rich_click.rich_panel import RichCommandPanel

    for section, verbs in SECTIONS.items():
        program.add_panel(RichCommandPanel(section, commands=list(verbs)))
