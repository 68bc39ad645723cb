"""The charts of a session: which there are, where they lie, and what stands below them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from sleeptui.core.session import Session
from sleeptui.recorder.exports import chart_memory, chart_requests, chart_residual, chart_times
from sleeptui.recorder.exports.measured import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One of them."""

    path: str
    """Below the folder of the report."""
    title: str
    caption: str
    is_worth: Callable[[Session], bool]
    draw: Callable[[Measured], bytes]


def _chart(name: str, module: ModuleType) -> Chart:
    return Chart(
        path=f"charts/{name}.svg",
        title=module.TITLE,
        caption=module.CAPTION,
        is_worth=module.is_worth,
        draw=module.draw,
    )


MEMORY = _chart("memory", chart_memory)
TIMES = _chart("times", chart_times)
REQUESTS = _chart("requests", chart_requests)
RESIDUAL = _chart("residual", chart_residual)
CHARTS = (MEMORY, TIMES, REQUESTS, RESIDUAL)


def charts(measured: Measured) -> Mapping[str, bytes]:
    """Those for which the session has something, by path."""
    return {one.path: one.draw(measured) for one in CHARTS if one.is_worth(measured.session)}
