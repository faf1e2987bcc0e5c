"""The entry point: global options, signals, and the one place that prints errors."""

import importlib
import keyword
import os
import re
import signal
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from covcat import setting_files, stopping
from covcat.cli import complete, help, printing, usage
from covcat.cli.declare import given, one_of
from covcat.cli.printing import put
from covcat.cli.session import Session, envelope, put_error, readable
from covcat.cli.table import terminal_width
from covcat.cli.utf8 import start_again_in_utf8
from covcat.download import STORES
from covcat.engine import use_engine
from covcat.errors import CovcatError, SignalError, StopSignal, UsageError
from covcat.files import check_local
from covcat.text import escaped
from covcat.version import __version__

_DATA_DIR = Path("covcat-data")
_COLORS = ("auto", "always", "never")
_EXAMPLES = {
    "covcat list --modality ct": "which resources have CT",
    "covcat show cohen": "what one is, may be used for, and how it is verified",
    "covcat fetch figure1": "download, verify, unpack; prints the folder",
}

COMMANDS = tuple(chain(*help.COMMANDS.values()))


def app(only: str = "") -> typer.Typer:
    """Return covcat with all commands, or with one: to load a module and read its options costs."""
    found = typer.Typer(
        cls=usage.Commands,
        name="covcat",
        help="A catalog and verified downloader of public COVID-19 medical imaging resources.\n\n"
        "Exit codes: 0 ok, 1 bug, 2 usage, 3 not found, 4 network, 5 integrity, 6 extraction, "
        "7 a person must act, 8 disk, 9 several kinds, 128+N signal N.",
        invoke_without_command=True,
        rich_markup_mode=None,  # rich's help takes 200 ms longer
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="Global options may stand before or after the command.",
    )
    found.callback()(options)
    for name in (only,) if only in COMMANDS else COMMANDS:
        module = importlib.import_module(f"covcat.cli.{name}{'_' * keyword.iskeyword(name)}")
        if hasattr(module, "register"):
            module.register(found)
        else:
            found.command(name)(getattr(module, f"{name}_command", None) or getattr(module, name))
    for group in (found, *(one.typer_instance for one in found.registered_groups)):
        for command in group.registered_commands if group else ():
            command.cls = help.Command
    return found


def _print_version(wanted: bool) -> None:
    if wanted:
        put(sys.stdout, f"covcat {__version__}\n")
        raise typer.Exit


def options(
    ctx: typer.Context,
    data_dir: Annotated[Path, given("--data-dir", "Where releases are kept.", "DIR")] = _DATA_DIR,
    catalog_folders: Annotated[
        list[Path] | None, given("--catalog", "A folder of your own entries; repeatable.", "DIR")
    ] = None,
    mirror: Annotated[
        str | None, given("--mirror", "Ask URL/<host>/<path> for https://<host>/…", "URL")
    ] = None,
    offline: Annotated[bool, given("--offline", "Open no socket.")] = False,
    engine: Annotated[
        str | None,
        given("--engine", "Work on this Dask cluster, such as tcp://scheduler:8786.", "URL"),
    ] = None,
    color: Annotated[
        str, given("--color", "auto, always or never.", "WHEN", **one_of("--color", _COLORS))
    ] = "auto",
    no_input: Annotated[bool, given("--no-input", "Never ask a question.")] = False,
    as_json: Annotated[bool, given("--json", "Print one JSON document.")] = False,
    quiet: Annotated[bool, given("--quiet", "Print results only.", None, "-q")] = False,
    verbose: Annotated[
        int, given("--verbose", "Say where an error came from.", None, "-v", count=True)
    ] = 0,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Read the global options."""
    del version  # its callback has printed it
    printing.color_when(color)
    check_local(data_dir, "--data-dir")
    if mirror is not None and "@" in mirror:
        raise UsageError("--mirror has a user name in it: a mirror never receives credentials")
    if mirror is not None and not mirror.startswith(("http://", "https://", *STORES)):
        raise UsageError(
            f"--mirror `{mirror}` is the address of neither a web server nor a store",
            hint="such as --mirror http://127.0.0.1:8080",
        )
    _choose_engine(engine, data_dir, offline=offline)
    ctx.obj = Session(
        data_dir=data_dir.absolute() if engine else data_dir,  # workers have other working folders
        catalog_folders=tuple(catalog_folders or ()),
        mirror=mirror,
        offline=offline,
        color=color,
        no_input=no_input,
        json=as_json,
        quiet=quiet,
        verbose=verbose,
        settings=ctx.obj or setting_files.Settings(),
        words=ctx.meta.get(usage.WORDS, ()),
    )
    for file in ctx.obj.settings.files:
        if file.state not in ("read", "not there"):
            ctx.obj.say(f"note: `{file.path}` is not read: {file.state}")
    if ctx.invoked_subcommand is None:
        if as_json:
            raise UsageError("missing command", hint="covcat --help")
        put(sys.stdout, _greeting())


def _choose_engine(address: str | None, data_dir: Path, *, offline: bool) -> None:
    if address is not None and not re.fullmatch(setting_files.ENGINE, address):
        raise UsageError(
            f"--engine `{address}` is no address of a Dask scheduler",
            hint="such as --engine tcp://scheduler:8786",
        )
    if address is not None and offline:
        raise UsageError("--engine asks a scheduler, and --offline opens no socket")
    use_engine(address, data_dir)


def _greeting() -> str:
    """Return what bare `covcat` says; on a narrow terminal each meaning is below its command."""
    least = max(map(len, _EXAMPLES))
    lines = [f"  {command:<{least}}  {meaning}" for command, meaning in _EXAMPLES.items()]
    if sys.stdout.isatty() and max(map(len, lines)) > terminal_width(sys.stdout):
        pairs = ((f"  {command}", f"      {meaning}") for command, meaning in _EXAMPLES.items())
        lines = [line for pair in pairs for line in pair]
    text = [
        "covcat: public COVID-19 medical imaging resources, listed truly and fetched verified",
        *("", *lines, ""),
        "`covcat --help` lists all commands, `covcat COMMAND --help` explains one.",
    ]
    return "".join(readable(line, sys.stdout) for line in text)


def main() -> NoReturn:
    """Run covcat on the process's arguments, and exit with its code."""
    start_again_in_utf8()
    stopping.listen()
    printing.begin()
    complete.join_words(os.environ)
    try:
        code = _run(usage.in_order(sys.argv[1:]))
        fault = printing.end()
        if fault is not None:
            put_error(fault)
            code = code or fault.code  # the work has an error of its own: that matters more
    except (KeyboardInterrupt, StopSignal):  # at the last moment
        code = SignalError(stopping.asked() or signal.SIGINT).code
    sys.exit(code)


def _run(args: Sequence[str]) -> int:
    is_help = {"-h", "--help", "-V", "--version"} & set(usage.options(args))
    is_completion = "_COVCAT_COMPLETE" in os.environ
    files = setting_files.Settings()
    printing.color_when(usage.color(args))
    printing.progress_as(usage.progress(args, {}))
    try:
        try:
            files = files if is_help else setting_files.read()
            printing.progress_as(usage.progress(args, files.defaults()))
        except UsageError:
            if not is_completion:  # a mistake must not stand before help or completion
                raise
        code: Any = app(*[] if is_completion else usage.words(args)[:1])(
            list(args),
            prog_name="covcat",
            standalone_mode=False,
            obj=files,
            default_map=files.defaults(),
        )
    except SystemExit as end:  # typer printed the help, and nobody reads it
        if isinstance(end.__context__, BrokenPipeError):
            return 0
        raise
    except (Exception, KeyboardInterrupt, StopSignal) as error:
        return _report(_error_of(error), args)
    return _report(SignalError(signal.SIGINT), args) if code == 130 else int(code or 0)


def _error_of(error: BaseException) -> CovcatError:
    """Return what ended a run as one of covcat's errors; after a signal, all else is its doing."""
    number = stopping.asked()
    if isinstance(error, CovcatError) and number is None:
        return error
    if number is not None or isinstance(error, KeyboardInterrupt | StopSignal):
        found: CovcatError = SignalError(number or signal.SIGINT)
    elif isinstance(error, typer.TyperException | typer.Abort):
        found = usage.error_of(error)
    elif isinstance(error, OSError):  # typer's own printing of --help has no file name
        from covcat.files import disk_error

        doing = "write the result" if error.filename is None else "read or write"
        found = disk_error(error, doing)
    else:
        found = CovcatError(
            f"a bug in covcat: {type(error).__name__}: {error}",
            hint="run it again with -v, and report what it prints",
        )
    found.__cause__ = error
    return found


def _report(error: CovcatError, args: Sequence[str]) -> int:
    """Print an error where it belongs, and return its exit code."""
    document = ""
    if usage.wants_json(args):
        document = envelope(usage.command(args), error.data or None, error)
    is_told = bool(document) and put(sys.stdout, document)
    if not is_told or printing.has_events():
        put_error(error)
    if {"-v", "-vv", "--verbose"} & set(args) or os.environ.get("COVCAT_VERBOSE", "0") != "0":
        import traceback

        trace = "".join(traceback.format_exception(error))
        if printing.has_events():
            printing.put_event("traceback", text=trace)
            return error.code
        for line in trace.split("\n"):
            put(sys.stderr, escaped(line) + "\n")  # a message in it may hold anything
    return error.code
