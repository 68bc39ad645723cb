"""The phases of a benchmark as a background of charts over time: which experiment ran when."""

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.places import Places
from sleeptui.core.session import Session
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.chart_time import at

_WORDS = {
    Question.LATENCY: "wake against cold start",
    Question.MEMORY: "memory, proof by use",
    Question.IN_FLIGHT: "requests in flight",
    Question.STABILITY: "stability",
    None: "restored",
}
_SHADE, _LINE = "#eef1f4", "#8c959f"
_LETTER = 0.0068
"""Width of a letter as a part of the chart's."""


def shade(every: Sequence[Axes], session: Session) -> None:
    """Every second block grey, a line between two experiments, their names on top."""
    whole = max(at(session.ended_ns, session), 1e-9)
    blocks = [one for one in session.phases if one.phase.kind is PhaseKind.BLOCK]
    for number, one in enumerate(blocks):
        if number % 2 == 0:
            end = session.ended_ns if one.ended_ns is None else one.ended_ns
            for axes in every:
                axes.axvspan(
                    at(one.began_ns, session), at(end, session), color=_SHADE, linewidth=0, zorder=0
                )
    for words, began, ended in _experiments(session):
        for axes in every:
            axes.axvline(began, color=_LINE, linewidth=0.8)
        if len(words) * _LETTER < (ended - began) / whole:
            every[0].annotate(
                words, (began, 0.0), xycoords=("data", "axes fraction"), xytext=(3, 2),
                textcoords="offset points", va="bottom", fontsize=7.5, color=canvas.INK,
                bbox={"facecolor": canvas.PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85},
            )  # fmt: skip


def _experiments(session: Session) -> Iterator[tuple[str, float, float]]:
    """Name, begin and end of each run of phases of one question, in the unit of the axis."""
    places = Places(session)
    begun: list[tuple[Question | None, int]] = []
    for one in session.phases:
        question = places.question(one.phase.id)
        if one.phase.parent is None and (not begun or begun[-1][0] is not question):
            begun.append((question, one.began_ns))
    ends = [*(began for _, began in begun), session.ended_ns][1:]
    for (question, began), ended in zip(begun, ends, strict=True):
        yield _WORDS[question], at(began, session), at(ended, session)
