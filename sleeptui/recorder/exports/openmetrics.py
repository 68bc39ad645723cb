"""``session.prom``: the figures of a session for Prometheus' textfile collector.

Base units, names and escaping as in the OpenMetrics specification 1.0, and all of them gauges, so
that readers of Prometheus' older text format take the file as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

from sleeptui.core.interval import Interval
from sleeptui.core.text import one_line
from sleeptui.recorder.exports.measured import Measured

_TIMES = {
    "sleeptui_cold_start_seconds": (("cold.health",), "Started to healthy."),
    "sleeptui_cold_start_first_token_seconds": (("cold.ttft",), "Started to the first token."),
    "sleeptui_sleep_seconds": (("sleep.call",), "Sleep called to answer complete."),
    "sleeptui_first_sleep_seconds": (("sleep.first",), "The same, first level 1 sleep of a life."),
    "sleeptui_wake_seconds": (("wake.call", "wake.ready_l2"), "Wake called to answer complete."),
    "sleeptui_wake_first_token_seconds": (("wake.ttft",), "Wake called to the first token."),
    "sleeptui_switch_seconds": (("switch",), "Switch called to the first token."),
}
_Sample = tuple[Mapping[str, str], float | None]


def openmetrics(measured: Measured) -> bytes:
    """The file."""
    lines = [
        *_about(measured),
        *_times(measured.intervals),
        *_attempts(measured),
        *_memory(measured),
        *_verdicts(measured),
        "# EOF",
    ]
    return ("\n".join(lines) + "\n").encode()


def _about(measured: Measured) -> Iterator[str]:
    session = measured.session
    labels = {
        "run_id": session.run_id,
        "env_id": session.env_id,
        "tool": session.tool,
        "host": session.machine.host,
        "driver": session.machine.driver,
        "partial": "true" if session.partial else "false",
        "simulated": "true" if session.demo else "false",
    }
    yield from _family("sleeptui_session_info", "What was measured.", [(labels, 1.0)])
    began = [({"run_id": session.run_id}, session.wall_ns / 1e9)]
    yield from _family("sleeptui_session_began_timestamp_seconds", "Unix time.", began)
    lasted = [({"run_id": session.run_id}, session.duration_s)]
    yield from _family("sleeptui_session_duration_seconds", "First line to last.", lasted)


def _times(intervals: Sequence[Interval]) -> Iterator[str]:
    for name, (ids, told) in _TIMES.items():
        every = [one for one in intervals if one.id in ids and one.n]
        medians = [(_labels(one), one.median) for one in every]
        yield from _family(name, f"{told} Median.", medians)
        counts = [(_labels(one), float(one.n)) for one in every]
        yield from _family(name.replace("_seconds", "_samples"), f"{told} Values.", counts)


def _labels(one: Interval) -> Mapping[str, str]:
    level = {} if one.level is None else {"level": str(one.level)}
    arm = {"cold_kind": one.arm} if one.arm else {}
    return {"server": one.server, "model": one.model, **level, **arm}


def _attempts(measured: Measured) -> Iterator[str]:
    every: list[_Sample] = [
        (
            {
                "server": one.server,
                "kind": one.kind,
                **({} if one.level is None else {"level": str(one.level)}),
                "class": cls,
            },
            float(number),
        )
        for one in measured.reliability
        for cls, number in one.classes.items()
    ]
    return _family("sleeptui_attempts", "Operations by class.", every)


def _memory(measured: Measured) -> Iterator[str]:
    every: list[_Sample] = []
    for gpu in measured.session.gpus:
        if len(gpu.used) and not isnan(gpu.used.values[-1]):
            labels = {"gpu": str(gpu.index), "uuid": gpu.uuid}
            every.append((labels, gpu.used.values[-1]))
    return _family("sleeptui_gpu_memory_used_bytes", "Of a GPU, at the end.", every)


def _verdicts(measured: Measured) -> Iterator[str]:
    every = [
        ({"server": one.server, "expectation": one.expectation.id}, one)
        for one in measured.session.verdicts
    ]
    words: list[_Sample] = [({**who, "verdict": one.word.value}, 1.0) for who, one in every]
    yield from _family("sleeptui_verdict", "What was said of an expectation.", words)
    values: list[_Sample] = [(who, one.value) for who, one in every]
    yield from _family("sleeptui_verdict_value", "What was measured for it.", values)


def _family(name: str, told: str, samples: Sequence[_Sample]) -> Iterator[str]:
    """One metric; nothing where there is no value."""
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} gauge"
    for labels, value in known:
        inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        yield f"{name}{{{inside}}} {value!r}"


def _escaped(word: str) -> str:
    return one_line(word).replace("\\", "\\\\").replace('"', '\\"')
