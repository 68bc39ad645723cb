"""The journal's lines, schema ``sleeptui.journal`` version 1: one JSON object a line.

Every line has ``k`` (its kind), ``n`` (its number from 0 without gaps, given by the writer) and
``t`` (monotonic nanoseconds of what it tells, not of its writing); most have ``s``, the name of
the server. Fields that have their default are left out. Ints for nanoseconds (``_ns``) and bytes
(``_b``), no NaN. Readers skip kinds that they do not know and fields that are new.

Names follow ``vllm bench serve`` and Prometheus where they have one. Values that the whole program
uses (facts, home, verification) are written as they are, under their own names.
"""

from sleeptui.recorder.line_bench import CountsLine, PhaseEndLine, PhaseLine, PlanLine, VerdictLine
from sleeptui.recorder.line_operations import (
    Canary,
    OpBegin,
    OpEnd,
    OpPhase,
    OpQueued,
    ReferenceLine,
    ReqBegin,
    ReqEnd,
    ReqMark,
    StateLine,
)
from sleeptui.recorder.line_samples import Gpu, GpuSlow, Host, Lag, Prom
from sleeptui.recorder.line_session import (
    Anomaly,
    Clock,
    End,
    Env,
    Facts,
    Found,
    Header,
    HomeLine,
    Mark,
    Note,
    Recalled,
    Series,
    Server,
)

AnyLine = (
    Header
    | Clock
    | Env
    | Server
    | Facts
    | HomeLine
    | Recalled
    | OpQueued
    | OpBegin
    | OpPhase
    | OpEnd
    | StateLine
    | Prom
    | Gpu
    | GpuSlow
    | Host
    | Lag
    | ReqBegin
    | ReqMark
    | ReqEnd
    | Canary
    | ReferenceLine
    | Note
    | Found
    | Mark
    | Anomaly
    | Series
    | PlanLine
    | PhaseLine
    | PhaseEndLine
    | CountsLine
    | VerdictLine
    | End
)

__all__ = [
    "Anomaly",
    "AnyLine",
    "Canary",
    "Clock",
    "CountsLine",
    "End",
    "Env",
    "Facts",
    "Found",
    "Gpu",
    "GpuSlow",
    "Header",
    "HomeLine",
    "Host",
    "Lag",
    "Mark",
    "Note",
    "OpBegin",
    "OpEnd",
    "OpPhase",
    "OpQueued",
    "PhaseEndLine",
    "PhaseLine",
    "PlanLine",
    "Prom",
    "Recalled",
    "ReferenceLine",
    "ReqBegin",
    "ReqEnd",
    "ReqMark",
    "Series",
    "Server",
    "StateLine",
    "VerdictLine",
]
