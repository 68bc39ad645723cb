"""What the commands say that act without a panel: sentences, blocks and tables. Pure."""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from sleeptui.core.errors import ConfigError
from sleeptui.core.model import ServerView, State
from sleeptui.core.operation import Kind, OperationRecord, Phase
from sleeptui.core.sentences import sentences
from sleeptui.core.text import one_line
from sleeptui.core.units import UNKNOWN, duration, elapsed, memory
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.errand import WELL, Answer

NAME_WIDTH = 40
_LONGEST = 600
_KEY = re.compile(r"(?:in the panel )?(?<![\w-])([lvwx](?= (?:again|[a-z]+s)\b)|3(?= says\b))")
"""A key of the panel as the hints name it: ``l shows its log``."""
_COMMANDS: Mapping[str, str] = {
    "l": "sleeptui log {name}",
    "v": "sleeptui verify {name}",
    "w": "sleeptui wake {name}",
    "x": "sleeptui switch {name}",
    "3": "sleeptui doctor",
}
_GOES_BACK = re.compile(r"(?<![\w-])x goes back")
_READS = re.compile(r"(?<![\w-])w (?=reads)")
_READ = "sleeptui sleep {name} --level 2, then sleeptui wake {name}, "
"""To the next command a server that answers garbage is one that is awake."""
_HEAD = ("NAME", "STATE", "CHECK", "GPU MEMORY", "RESULT", "TOOK", "FREED")


def for_shell(hint: str, server: str) -> str:
    """A hint of the panel with commands in the place of its keys."""
    name = shlex.quote(one_line(server, NAME_WIDTH))
    told = _GOES_BACK.sub("a switch to it goes back", hint)
    told = _READS.sub(lambda _: _READ.format(name=name), told)
    return _KEY.sub(lambda found: _COMMANDS[found[1]].format(name=name), told)


def view_for_shell(view: ServerView) -> ServerView:
    """A server with its advice as the shell needs it."""
    return replace(view, advice=for_shell(view.advice, view.name)) if view.advice else view


def record_for_shell(record: OperationRecord) -> OperationRecord:
    """A record with its hint as the shell needs it."""
    return replace(record, hint=for_shell(record.hint, record.server))


def not_known(unknown: Sequence[str], known: Sequence[str]) -> ConfigError:
    """What is wrong with names that no server has."""
    named = ", ".join(f"“{one_line(name, NAME_WIDTH)}”" for name in unknown)
    close = get_close_matches(unknown[0], known, n=1)
    names = listed([one_line(name, NAME_WIDTH) for name in known])
    there_are = f"there are {names}" if known else "none was found yet"
    meant = f"did you mean “{one_line(close[0], NAME_WIDTH)}”? " if close else ""
    return ConfigError(f"no server is called {named}", hint=f"{meant}{there_are}")


def nobody(notes: Sequence[str]) -> ConfigError:
    """What is wrong where no server is known at all."""
    why = one_line(notes[0]) if notes else "there is no server to act on"
    return ConfigError(why, hint="name the servers in a file: --fleet FILE")


def left(kind: Kind, server: str, *, is_back: bool) -> str:
    """What becomes of an order when the command ends before it."""
    name = one_line(server, NAME_WIDTH)
    if is_back:
        return f"{name}: its {kind.value} is taken back"
    if kind is Kind.SWITCH:
        return f"{name}: its switch ends where it is, what was sent goes on"
    return f"{name}: its {kind.value} was sent, and goes on in the server"


def named(known: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The servers that were asked for, each once, in the order of the asking.

    Raises:
        ConfigError: There is none of that name.
    """
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise not_known(unknown, known)
    return tuple(dict.fromkeys(asked))


def hint_of(answer: Answer) -> str:
    """What to do after it, as the shell needs it."""
    force = "--force sends it all the same" if answer.can_force else ""
    return "; ".join(part for part in (for_shell(answer.hint, answer.server), force) if part)


def sentence(answer: Answer) -> str:
    """What came of an order, and what to do, in one line."""
    kind = f"{answer.record.kind.value} {answer.end.value}: " if answer.record else ""
    said = f"{one_line(answer.server, NAME_WIDTH)}: {kind}{answer.message}"
    return one_line(sentences(said, hint_of(answer)), _LONGEST)


def block(answer: Answer) -> list[str]:
    """What is true now at one server, how that is known, what to do."""
    lines = [one_line(f"{one_line(answer.server, NAME_WIDTH)}: {answer.message}", _LONGEST)]
    if answer.record is not None:
        lines += [f"  {one_line(known, _LONGEST)}" for known in answer.record.known]
    hint = hint_of(answer)
    return [*lines, f"  → {one_line(hint, _LONGEST)}"] if hint else lines


def table(views: Sequence[ServerView], answers: Mapping[str, Answer]) -> list[str]:
    """A row a server: how it stands now, and what came of the order.

    Args:
        views: The servers, as they stand.
        answers: What came of each, by name; none where nothing was asked.
    """
    return columns(_HEAD, [_row(view, answers.get(view.name)) for view in views])


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines, each column as wide as it must be."""
    every = [head, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in every]


def is_well(answers: Collection[Answer]) -> bool:
    """Whether all is as it was asked for."""
    return all(answer.end in WELL for answer in answers)


def doing(views: Sequence[ServerView], now_s: float) -> str:
    """What is done now with those servers; empty: nothing is."""
    return ", ".join(_doing(view, now_s) for view in views if view.operation is not None)


def taking(view: ServerView, now_s: float) -> str:
    """How long what runs on a server takes, and took the last times; empty: nothing runs."""
    if view.operation is None:
        return ""
    last = f", the last times {duration(view.expected_s)}" if view.expected_s else ""
    return f", for {elapsed(now_s - view.operation.began_s)}{last}"


def standing(view: ServerView) -> tuple[str, str, str]:
    """State, check and GPU memory of a server, as cells."""
    level = f" L{view.level}" if view.level is not None else ""
    return (
        f"{view.state.value}{level}",
        UNKNOWN if view.state is State.DOWN else view.check.value,
        memory(view.memory.total_bytes) if view.memory else UNKNOWN,
    )


def _row(view: ServerView, answer: Answer | None) -> tuple[str, ...]:
    record = answer.record if answer else None
    was_sent = record is not None and not record.is_idle
    return (
        one_line(view.name, NAME_WIDTH),
        *standing(view),
        answer.end.value if answer else UNKNOWN,
        duration(record.duration_s) if record and was_sent else UNKNOWN,
        memory(record.freed_bytes) if record else UNKNOWN,
    )


def _doing(view: ServerView, now_s: float) -> str:
    operation, name = view.operation, one_line(view.name, NAME_WIDTH)
    if operation is None:
        return ""
    if operation.phase is Phase.QUEUED:
        return f"{name}: {one_line(operation.note) or 'queued'}"
    return f"{name}: {_phase(view)}{taking(view, now_s)}"


def _phase(view: ServerView) -> str:
    """How far it is, in the words of the panel's states where it has one."""
    operation = view.operation
    if operation is None or operation.phase is Phase.CALLING:
        return view.state.value
    return operation.phase.value
