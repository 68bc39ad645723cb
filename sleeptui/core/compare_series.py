"""Series of an imported file as intervals, so that two imported sessions can be compared. Pure."""

from dataclasses import replace

from sleeptui.core.compare_models import UNNAMED
from sleeptui.core.interval import Interval, Sample, measured
from sleeptui.core.session import ImportedSeries, Session

TIME = "s"
RATE = "/s"
"""End of the units in which more is better: ``tok/s``, ``req/s``."""


def imported(session: Session) -> tuple[Interval, ...]:
    """Those that are times or rates; with the file's own median where it has no values."""
    server = session.servers[0] if session.servers else None
    name, model = (server.name, server.model) if server else ("", UNNAMED)
    return tuple(
        _interval(series, name, model)
        for series in session.imported
        if series.unit == TIME or series.unit.endswith(RATE)
    )


def _interval(series: ImportedSeries, server: str, model: str) -> Interval:
    """All values are of one start of the server, as far as the file tells."""
    bare = Interval(
        id=f"{series.name} [{series.run}]" if series.run else series.name,
        server=server,
        model=model,
        unit=series.unit,
        samples=tuple(
            Sample(value_s=value, attempt_id=number, at_ns=0, life=1)
            for number, value in enumerate(series.values)
            if value is not None
        ),
    )
    told = measured(bare)
    return told if told.samples else replace(bare, median=series.stats.get("median"))
