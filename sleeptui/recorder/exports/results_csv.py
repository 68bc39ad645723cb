"""``results.csv``: a row for each interval of each attempt, failures included."""

from collections.abc import Iterator

from sleeptui.core.bench import PhaseKind
from sleeptui.core.session import Attempt
from sleeptui.recorder.exports.measured import Measured, grade_of
from sleeptui.recorder.exports.tables import Cell, table

COLUMNS = (
    "run_id", "env_id", "server", "model", "arm", "level", "mode", "cold_kind", "block", "cycle",
    "nth_in_process", "interval", "value_s", "class", "freed_bytes", "residual_bytes", "canary",
    "attempt", "operation", "began_s", "outcome",
)  # fmt: skip
"""``block``: which life of the server's process, in a benchmark the number of the block; there
``cycle`` counts within the block, and 0 is the first of a process. An attempt that does not count
has one row, with the time that it took, and a ``class`` other than ``ok``; of operations by hand
``arm`` and ``cold_kind`` are empty."""


_COUNTED = (PhaseKind.CYCLE, PhaseKind.TRIAL, PhaseKind.PROOF)


def results_csv(measured: Measured) -> bytes:
    """The file."""
    rows = (row for one in measured.session.attempts for row in _rows(measured, one))
    return table(COLUMNS, rows)


def _rows(measured: Measured, one: Attempt) -> Iterator[tuple[Cell, ...]]:
    session, record, phase = measured.session, one.record, measured.places.phase(one.phase)
    is_cycle = phase is not None and phase.kind in _COUNTED
    cold = record.cold.kind if record and record.cold else phase.cold if phase else None
    for interval, value_s in measured.told(one):
        yield (
            session.run_id,
            session.env_id,
            one.server,
            one.model,
            phase.arm or None if phase else None,
            one.level,
            one.mode,
            cold.value if cold else None,
            (phase.block if phase else None) or one.life,
            phase.nth if is_cycle and phase else one.cycle,
            one.nth,
            interval,
            value_s,
            measured.class_told(one),
            record.freed_bytes if record else None,
            record.residual_bytes if record else None,
            grade_of(one),
            one.id,
            one.kind,
            (one.began_ns - session.began_ns) / 1e9,
            str(record.outcome) if record else None,
        )
