"""What the log of a vLLM server tells of its start: the steps it timed, and why it failed. Pure.

Only the values that the lines name are used ("took 2.38 seconds"): their stamps have a resolution
of a second. Sentences as logged by 0.6 to 0.33; none of them is promised by vLLM.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from sleeptui.core.secrecy import hide
from sleeptui.core.text import one_line

_N = r"(\d+(?:\.\d+)?)"
_PHASES = (
    ("weights_s", re.compile(rf"Loading weights took {_N} s")),
    ("load_s", re.compile(rf"Model loading took .*? and {_N} s")),
    ("dynamo_s", re.compile(rf"Dynamo bytecode transform time: {_N} s")),
    ("compiled_graph_s", re.compile(rf"Directly load the compiled graph.* took {_N} s")),
    ("compile_s", re.compile(rf"torch\.compile(?: and initial profiling.*?)? took {_N} s")),
    ("compile_s", re.compile(rf"torch\.compile takes {_N} s in total")),
    ("compile_s", re.compile(rf"\(compilation: {_N} s")),
    ("profile_s", re.compile(rf"Initial profiling/warmup run took {_N} s")),
    ("graphs_s", re.compile(rf"Graph capturing finished in {_N} sec")),
    ("engine_s", re.compile(rf"init engine .*? took {_N} s")),
)
"""Where two sentences tell of the same step, the longer time counts: one includes the other."""
_GRAPH = re.compile(rf"Compiling a graph for .* takes {_N} s")
_READY = "Application startup complete"
_LONGEST_S = 86_400.0

_PREFIX = re.compile(
    r"^(?:\([\w-]+ pid=\d+\) )?(?:(?:ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d (?:\[\S+\] )?)?"
)
_ERROR = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Interrupt)\b(?::|$)|[\w./ -]+: error: |error: |fatal: )"
)
_SHELL = re.compile(r": (?:command )?not found$|: No such file or directory$|: Permission denied$")
_VALIDATION = re.compile(r"ValidationError: \d+ validation errors? for")
_ECHO = ("Engine core initialization failed", "EngineDeadError", "cancelled by cancel scope")
"""Errors that only say that another process has failed, which has told why before."""


def read_phases(lines: Iterable[str]) -> Mapping[str, float]:
    """Seconds of each step that the log of a start tells, by name, up to the end of the start.

    Several workers do the same side by side: the slowest counts. What a server that is up logs
    later (a reload of its weights) is not a part of its start.
    """
    found: dict[str, float] = {}
    graphs: dict[str, float] = {}
    for line in lines:
        if _READY in line:
            break
        for name, pattern in _PHASES:
            value = _seconds(pattern, line)
            if value is not None:
                found[name] = max(value, found.get(name, 0.0))
        value = _seconds(_GRAPH, line)
        if value is not None:
            # One process compiles one range after the other.
            who = line.partition(")")[0]
            graphs[who] = graphs.get(who, 0.0) + value
    if graphs:
        found["graph_compile_s"] = max(graphs.values())
    return found


def failure(lines: Sequence[str]) -> str:
    """The line of a server's output that says best why it has ended; empty: none does.

    The last error that does not merely repeat that another process of the server has failed. It
    is shown and recorded, so without what looks like a secret.
    """
    echo = ""
    for at in range(len(lines) - 1, -1, -1):
        text = _PREFIX.sub("", lines[at]).strip()
        if not _ERROR.match(text) and not _SHELL.search(text):
            continue
        if any(word in text for word in _ECHO):
            echo = echo or text
            continue
        if _VALIDATION.search(text) and at + 1 < len(lines):
            text = _PREFIX.sub("", lines[at + 1]).strip() or text
            text = text.removeprefix("Value error, ").partition(" [type=")[0]
        return one_line(hide(text))
    return one_line(hide(echo))


def _seconds(pattern: re.Pattern[str], line: str) -> float | None:
    match = pattern.search(line)
    if match is None:
        return None
    value = float(match[1])
    return value if math.isfinite(value) and value <= _LONGEST_S else None
