"""``results.csv``: a row for each interval of each attempt, failures included."""

from collections.abc import Iterator

from sleeptui.core.session import Attempt
from sleeptui.recorder.exports.measured import Measured, grade_of
from sleeptui.recorder.exports.tables import Cell, table

COLUMNS = (
    "run_id", "env_id", "server", "model", "arm", "level", "mode", "cold_kind", "block", "cycle",
    "nth_in_process", "interval", "value_s", "class", "freed_bytes", "residual_bytes", "canary",
    "attempt", "operation", "began_s", "outcome",
)  # fmt: skip
"""``block``: which life of the server's process. An attempt that does not count has one row, with
the time that it took, and a ``class`` other than ``ok``; of operations by hand ``arm`` and
``cold_kind`` are empty."""


def results_csv(measured: Measured) -> bytes:
    """The file."""
    rows = (row for one in measured.session.attempts for row in _rows(measured, one))
    return table(COLUMNS, rows)


def _rows(measured: Measured, one: Attempt) -> Iterator[tuple[Cell, ...]]:
    session, record = measured.session, one.record
    for interval, value_s in measured.told(one):
        yield (
            session.run_id,
            session.env_id,
            one.server,
            one.model,
            None,
            one.level,
            one.mode,
            None,
            one.life,
            one.cycle,
            one.nth,
            interval,
            value_s,
            measured.classes[one.id],
            record.freed_bytes if record else None,
            record.residual_bytes if record else None,
            grade_of(one),
            one.id,
            one.kind,
            (one.began_ns - session.began_ns) / 1e9,
            str(record.outcome) if record else None,
        )
