"""Verdicts at the end of a benchmark, made from its journal as any reader would make them."""

import asyncio
from dataclasses import replace

from sleeptui.core.bench import VerdictReached
from sleeptui.core.errors import JournalError
from sleeptui.core.judge import judge
from sleeptui.core.verdict import Verdict
from sleeptui.services.bench.prepared import BenchEnd, Criteria
from sleeptui.services.panel import Services


async def judged(services: Services, criteria: Criteria, end: BenchEnd) -> BenchEnd:
    """The end with its verdicts, which are told, so that the journal has them too."""
    path, archive = services.recordings.path, services.archive
    if not criteria.expectations:
        return end
    if path is None or archive is None:
        return replace(end, unjudged="nothing was recorded")

    def read() -> tuple[Verdict, ...]:
        """Off the loop: a long journal takes seconds."""
        return judge(criteria.expectations, archive.read(path), criteria.baseline)

    await services.recordings.written()
    try:
        verdicts = await asyncio.to_thread(read)
    except JournalError as error:
        return replace(end, unjudged=str(error))
    for verdict in verdicts:
        services.bus.publish(VerdictReached(at_s=services.clock.now_s(), verdict=verdict))
    await services.recordings.written()
    return replace(end, verdicts=verdicts)
