"""Find, read and check the configuration: defaults < file < ``SLEEPTUI_*`` < flags."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from sleeptui.config_toml import file_of, path_of, tables_of, text_of
from sleeptui.core.commands import BY_ID, Command, commands_of
from sleeptui.core.errors import ConfigError
from sleeptui.core.settings import RecordingDefaults, Sampling, ServerSpec, Settings
from sleeptui.core.text import clean, one_line

FILE_NAME = "sleeptui.toml"
ENVIRONMENT = {
    "SLEEPTUI_FLEET": "path of the configuration file",
    "SLEEPTUI_INTERVAL": "seconds between two looks, 0.1 to 10",
    "SLEEPTUI_THEME": "name of a theme",
    "SLEEPTUI_READONLY": "1: nothing can be put to sleep or woken",
    "SLEEPTUI_ASCII": "1: only ASCII characters",
    "SLEEPTUI_SESSIONS": "folder of the recorded sessions",
}
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
_SHORTEST_S, _LONGEST_S = 0.1, 10.0
_ORDINARY_URL = re.compile(
    r"https?://[A-Za-z0-9._-]{1,250}(:[0-9]{1,5})?(/[A-Za-z0-9._/-]{0,250})?"
)
_KEY_NAME = re.compile(r"[a-z0-9_]+(\+[a-z0-9_]+)*|[A-Z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; None: not given."""

    fleet: str | None = None
    servers: tuple[str, ...] = ()
    """NAME=URL"""
    demo: str | None = None
    readonly: bool | None = None
    interval_s: float | None = None
    theme: str | None = None
    ascii: bool | None = None
    record: str | None = None
    """Record from the start, into this folder; empty: into that of the settings."""
    record_text: bool | None = None


def load_settings(flags: Flags, environment: Mapping[str, str], folder: Path) -> Settings:
    """The settings of this run.

    Args:
        flags: The command line.
        environment: ``os.environ``, or a test's.
        folder: The working directory, where ``sleeptui.toml`` is looked for.

    Raises:
        ConfigError: Something is wrong; says what, where and what to do.
    """
    path = find_file(flags, environment, folder)
    settings = read_file(path) if path else Settings()
    settings = _with_environment(settings, environment)
    settings = _with_flags(settings, flags)
    settings = replace(settings, recording=_recording(settings.recording, flags, environment))
    _check_names(server.name for server in settings.servers)
    _check_keymap(settings)
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a configuration file is looked for."""

    path: Path
    why: str
    """What names it: --fleet, SLEEPTUI_FLEET, the working directory, the user's configuration."""
    is_named: bool = False
    """It was asked for: then there is no other, and it must be there."""


def places(flags: Flags, environment: Mapping[str, str], folder: Path) -> tuple[Place, ...]:
    """Where it is looked for, in that order; the first that is there is used."""
    named = flags.fleet or environment.get("SLEEPTUI_FLEET")
    if named:
        source = "--fleet" if flags.fleet else "SLEEPTUI_FLEET"
        return (Place(path=Path(named), why=source, is_named=True),)
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(  # noqa: PTH118 - may start with ~
        environment.get("HOME", "~"), ".config"
    )
    user = Path(home) / "sleeptui" / "config.toml"
    return (
        Place(path=folder / FILE_NAME, why="the working directory"),
        Place(path=user, why="the user's configuration"),
    )


def find_file(flags: Flags, environment: Mapping[str, str], folder: Path) -> Path | None:
    """The configuration file to read; None where there is none.

    Raises:
        ConfigError: A file was named and is not there.
    """
    for place in places(flags, environment, folder):
        path = file_of(str(place.path))
        if path is None and place.is_named:
            is_there = os.path.exists(place.path)  # noqa: PTH110 - also of names that are too long
            what = "it is not a file" if is_there else "there is no such file"
            raise ConfigError(f"{place.path}: {what}", hint=f"check {place.why}")
        if path is not None:
            return path
    return None


def read_file(path: Path) -> Settings:
    """Read one configuration file.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong.
    """
    return _beside(parse(text_of(path), str(path)), path.absolute().parent)


def folder_of(settings: Settings) -> Path:
    """What a relative path in the settings is relative to: where the configuration file lies."""
    path = Path(settings.source)
    return path.absolute().parent if path.is_file() else Path.cwd()


def _beside(settings: Settings, folder: Path) -> Settings:
    if settings.gpu_bank is None:
        return settings
    bank = path_of(settings.gpu_bank, f"{settings.source}: gpu_bank")
    return replace(settings, gpu_bank=str(folder / bank))


def parse(text: str, where: str) -> Settings:
    """Settings from the text of a configuration file.

    Raises:
        ConfigError: Something is wrong; names the file and the line.
    """
    import msgspec  # noqa: PLC0415

    from sleeptui.config_errors import explain, line_of  # noqa: PLC0415
    from sleeptui.config_schema import ConfigFile  # noqa: PLC0415

    tree = tables_of(text, where)
    try:
        file = msgspec.convert(tree, ConfigFile)
    except msgspec.ValidationError as error:
        raise explain(error, text, where, ConfigFile) from error
    seen: set[str] = set()
    for index, server in enumerate(file.server):
        line = line_of(text, ("server", index, "name"))
        place = f"{where}, line {line}" if line else where
        if server.name in seen:
            raise ConfigError(
                f"{place}: there are two servers named “{one_line(server.name)}”",
                hint="give each its own name",
            )
        seen.add(server.name)
        server.url = checked_url(server.url, place, one_line(server.name))
        if problem := server.runtime.problem:
            raise ConfigError(
                f"{place}: {one_line(server.name)}: {problem}",
                hint="a server runs in a container, or as a command with its env and cwd",
            )
        for name in filter(None, (server.weights, server.compile_cache, server.runtime.cwd)):
            path_of(name, f"{place}: {one_line(server.name)}")
        if server.name != clean(server.name).strip():
            raise ConfigError(
                f"{place}: the name has control characters or outer spaces",
                hint="use plain text",
            )
    return file.settings(where)


def checked_url(url: str, where: str, name: str) -> str:
    """The base URL without a trailing slash.

    Raises:
        ConfigError: It is not an http(s) URL with a host, or it carries a password.
    """
    shown = one_line(url, 80)
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ConfigError(
            f"{where}: {name}: “{shown}” is not a URL: {error}", hint="use http://HOST:PORT"
        ) from error
    if parts.username or parts.password:
        raise ConfigError(
            f"{where}: {name}: the URL carries a user or password",
            hint="put the key into an environment variable and name it in api_key_env",
        )
    is_http = parts.scheme in ("http", "https") and parts.hostname and port != 0
    if not is_http or url != clean(url) or not _can_be_asked(url.strip()):
        raise ConfigError(
            f"{where}: {name}: “{shown}” is not an http URL", hint="use http://HOST:PORT"
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            f"{where}: {name}: the URL has a query or fragment", hint="use http://HOST:PORT"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _can_be_asked(url: str) -> bool:
    """Whether the client takes it: a host may be no name by the rules of international ones."""
    if _ORDINARY_URL.fullmatch(url) and "xn--" not in url.lower():
        return True
    import httpx  # noqa: PLC0415 - takes longer than all of the configuration

    try:
        return bool(httpx.URL(url).host)
    except (httpx.InvalidURL, UnicodeError):
        return False


def parse_server(text: str) -> ServerSpec:
    """A server from ``NAME=URL``, or from a URL alone, which then is its name too.

    Raises:
        ConfigError: It is neither.
    """
    name, equals, url = text.partition("=")
    if not equals or "://" in name:
        url = text
        name = _host_of(text) if "://" in text else ""
    name = name.strip()
    if not name or name != clean(name):
        what = "has control characters" if name else "is missing"
        raise ConfigError(
            f"--server {one_line(text, 80)}: the name {what}",
            hint="use --server NAME=http://HOST:PORT",
        )
    return ServerSpec(name=name, url=checked_url(url, "--server", name))


def _host_of(url: str) -> str:
    """Host and port; a URL that has none is refused later."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return url


def _with_environment(settings: Settings, environment: Mapping[str, str]) -> Settings:
    if text := environment.get("SLEEPTUI_INTERVAL"):
        try:
            interval_s = float(text)
        except ValueError as error:
            raise ConfigError(
                f"SLEEPTUI_INTERVAL: “{one_line(text)}” is not a number", hint="use seconds"
            ) from error
        settings = replace(settings, sampling=_interval(settings, interval_s, "SLEEPTUI_INTERVAL"))
    if theme := environment.get("SLEEPTUI_THEME"):
        settings = replace(settings, theme=theme)
    for name in ("readonly", "ascii"):
        variable = f"SLEEPTUI_{name.upper()}"
        if variable in environment:
            on = _switch(variable, environment[variable])
            settings = (
                replace(settings, readonly=on)
                if name == "readonly"
                else replace(settings, ascii=on)
            )
    return settings


def _with_flags(settings: Settings, flags: Flags) -> Settings:
    if flags.interval_s is not None:
        settings = replace(settings, sampling=_interval(settings, flags.interval_s, "--interval"))
    given = tuple(parse_server(text) for text in flags.servers)
    _check_names(server.name for server in given)
    names = {server.name for server in given}
    kept = tuple(server for server in settings.servers if server.name not in names)
    return replace(
        settings,
        servers=kept + given,
        demo=flags.demo,
        readonly=settings.readonly if flags.readonly is None else flags.readonly,
        theme=flags.theme or settings.theme,
        ascii=settings.ascii if flags.ascii is None else flags.ascii,
    )


def _recording(
    given: RecordingDefaults, flags: Flags, environment: Mapping[str, str]
) -> RecordingDefaults:
    """How sessions are recorded; their folder as a whole path, so that it can be said."""
    folder = flags.record or environment.get("SLEEPTUI_SESSIONS") or given.folder
    return replace(
        given,
        folder=str(path_of(folder, "the folder of sessions").absolute()) if folder else None,
        at_start=given.at_start or flags.record is not None,
        text=given.text if flags.record_text is None else flags.record_text,
    )


def _interval(settings: Settings, interval_s: float, where: str) -> Sampling:
    if not _SHORTEST_S <= interval_s <= _LONGEST_S:
        raise ConfigError(
            f"{where}: {interval_s:g} s is out of range", hint="use 0.1 to 10 seconds"
        )
    return replace(settings.sampling, interval_s=interval_s)


def _switch(variable: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigError(f"{variable}: “{one_line(text)}” is neither 1 nor 0", hint="use 1 or 0")
    return word in _TRUE


def _check_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(
                f"there are two servers named “{name}”", hint="give each its own name"
            )
        seen.add(name)


def _check_keymap(settings: Settings) -> None:
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    where = settings.source
    for name, keys in settings.keymap.items():
        if name not in BY_ID:
            close = get_close_matches(name, BY_ID, n=1)
            hint = f"did you mean “{close[0]}”?" if close else "? shows all commands"
            raise ConfigError(f"{where}: [keymap] has no command “{one_line(name)}”", hint=hint)
        for key in keys.split(","):
            if not _KEY_NAME.fullmatch(key.strip()):
                raise ConfigError(
                    f"{where}: [keymap] {name}: “{one_line(key)}” is not a key",
                    hint="use names such as f2, ctrl+s, S, space, comma-separated",
                )
    for replay in (False, True):
        _check_owners(settings, commands_of(replay=replay))


def _check_owners(settings: Settings, commands: Iterable[Command]) -> None:
    """No key does two things."""
    where = settings.source
    owners: dict[str, str] = {}
    for command in commands:
        for key in settings.keymap.get(command.id, command.key).split(","):
            owner = owners.setdefault(key.strip(), command.id)
            if owner != command.id:
                raise ConfigError(
                    f"{where}: [keymap] the key {key.strip()} is taken by both {owner}"
                    f" and {command.id}",
                    hint="give one of them another key",
                )
