"""The report of a benchmark: cycle after cycle, how many were without a fault."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from sleeptui.core.bench import ENDED_EARLY, PhaseKind, Question
from sleeptui.core.canary import Grade
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.operation import Kind
from sleeptui.core.places import Places, phases_of
from sleeptui.core.session import PhaseSeen, Session
from sleeptui.core.stats import binomial
from sleeptui.recorder.exports.digits import whole
from sleeptui.recorder.exports.markdown import code, section, table, text
from sleeptui.recorder.exports.measured import grade_of

_GOOD = (OK, DISTURBED)
_SURE = (Grade.IDENTICAL, Grade.WITHIN_NOISE)
"""Grades of a canary that answers as before."""


def stability(session: Session) -> list[str]:
    """Cycle after cycle of one process: how many were without a fault."""
    places = Places(session)
    groups: dict[tuple[str, int], list[PhaseSeen]] = defaultdict(list)
    for one in phases_of(session, PhaseKind.CYCLE):
        if places.question(one.phase.id) is Question.STABILITY and one.cls not in ENDED_EARLY:
            groups[one.phase.server, one.phase.level or 0].append(one)
    answers = _answers(session)
    rows = (_stable(key, cycles, answers) for key, cycles in groups.items())
    heads = (
        "server", ">level", ">cycles", ">without a fault", ">at least, % (95 % sure)",
        ">answers as before", "faults",
    )  # fmt: skip
    return section(
        "Stability",
        ["A cycle counts where its sleep, its wake and its canary are well."] if groups else [],
        table(heads, rows) if groups else [],
    )


def _answers(session: Session) -> Mapping[int, Sequence[str | None]]:
    """Grades of the canaries after the wakes of each phase."""
    found: dict[int, list[str | None]] = defaultdict(list)
    for one in session.attempts:
        if one.kind == Kind.WAKE and one.phase is not None:
            found[one.phase].append(grade_of(one))
    return found


def _stable(
    key: tuple[str, int], cycles: Sequence[PhaseSeen], answers: Mapping[int, Sequence[str | None]]
) -> list[str]:
    server, level = key
    well = sum(one.cls in _GOOD for one in cycles)
    same = sum(any(grade in _SURE for grade in answers[one.phase.id]) for one in cycles)
    faults = Counter(one.cls for one in cycles if one.cls not in _GOOD)
    return [
        text(server),
        str(level),
        whole(len(cycles)),
        whole(well),
        f"{binomial(well, len(cycles)).at_least * 100:.1f}",
        whole(same),
        ", ".join(f"{count} {code(cls)}" for cls, count in sorted(faults.items())),
    ]
