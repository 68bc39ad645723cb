"""Requests around a sleep, a lane each: when tokens came, and what the sleep did to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sleeptui.core.model import State
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, RequestSeen, Session
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.measured import Measured

TITLE = "Requests around a sleep"
CAPTION = (
    "A lane a request that was open while its server was put to sleep. Thin: no token yet; thick:"
    " from its first token to its last, a tick each piece that came; the words at its end say how"
    " it ended. Dark band: the sleep's call; light: asleep; orange: the wake's call. Of each level"
    " and mode the sleep with the most requests is shown; one by somebody else lies where looks"
    " found it."
)
_MOST_LANES = 40
_MOST_SLEEPS = 6
_LANE_IN = 0.24
_AROUND_S = 1.0
_TICK = 0.004
"""Pieces nearer than that, as a part of the chart's width, cannot be told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sleep:
    """One time that a server was asleep; by somebody else: as far as looks tell."""

    server: str
    level: int | None
    how: str
    """``mode wait``, ``by somebody else``"""
    began_ns: int
    """Zero of its axis: the request of the sleep."""
    fell_ns: int
    """The call of the sleep was answered."""
    called_ns: int | None
    """The wake was called; None: there is none."""
    over_ns: int
    """The last call of the wake was answered, where there is a wake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """A sleep, and the requests that were open."""

    sleep: _Sleep
    requests: tuple[RequestSeen, ...]
    more: int
    """Requests that are not shown."""
    ended_ns: int
    """Of the session."""

    def at(self, time_ns: int | None) -> float:
        """Seconds since the sleep was called; None: at the end of the session."""
        return ((self.ended_ns if time_ns is None else time_ns) - self.sleep.began_ns) / 1e9


def is_worth(session: Session) -> bool:
    """Whether a request of ours was open at a sleep."""
    return bool(_scenes(session))


def draw(measured: Measured) -> bytes:
    """The chart as SVG."""
    session = measured.session
    scenes = _scenes(session)
    heights = [0.75 + _LANE_IN * len(one.requests) for one in scenes]
    servers = {one.name: number for number, one in enumerate(session.servers)}

    def paint(figure: Figure) -> None:
        """Onto an empty figure."""
        rows = figure.subplots(len(scenes), 1, squeeze=False, height_ratios=heights)
        for row, scene in zip(rows, scenes, strict=True):
            colour = canvas.colour_of(servers.get(scene.sleep.server, 0))
            _paint(row[0], scene, colour)
        rows[-1][0].set_xlabel("time since the sleep was called, s")

    return canvas.svg(paint, fsum(heights) + 0.2)


def _scenes(session: Session) -> list[_Scene]:
    """Of each server, level and mode the sleep with the most open requests, in their order."""
    best: dict[tuple[str, int | None, str], _Scene] = {}
    for sleep in (*_ours(session), *_others(session)):
        scene = _scene(session, sleep)
        key = sleep.server, sleep.level, sleep.how
        known = best.get(key)
        if scene.requests and (known is None or _size(scene) > _size(known)):
            best[key] = scene
    largest = sorted(best.values(), key=lambda one: (-_size(one), one.sleep.began_ns))
    return sorted(largest[:_MOST_SLEEPS], key=lambda one: one.sleep.began_ns)


def _size(scene: _Scene) -> int:
    return len(scene.requests) + scene.more


def _ours(session: Session) -> Iterator[_Sleep]:
    for sleep in session.attempts:
        if sleep.kind != Kind.SLEEP:
            continue
        wake = next(
            (
                one
                for one in session.attempts
                if one.kind == Kind.WAKE
                and one.server == sleep.server
                and one.began_ns > sleep.began_ns
            ),
            None,
        )
        yield _Sleep(
            server=sleep.server,
            level=sleep.level,
            how=f"mode {sleep.mode}" if sleep.mode else "",
            began_ns=sleep.sent_ns or sleep.began_ns,
            fell_ns=_done(sleep, session),
            called_ns=(wake.sent_ns or wake.began_ns) if wake else None,
            over_ns=_done(wake or sleep, session),
        )


def _others(session: Session) -> Iterator[_Sleep]:
    """Sleeps by somebody else: from the look that found it asleep to the one that did not."""
    for span in session.states:
        if span.state != State.ASLEEP or span.by != "other":
            continue
        is_over = span.ended_ns < session.ended_ns
        yield _Sleep(
            server=span.server,
            level=span.level,
            how="by somebody else",
            began_ns=span.began_ns,
            fell_ns=span.began_ns,
            called_ns=span.ended_ns if is_over else None,
            over_ns=span.ended_ns,
        )


def _scene(session: Session, sleep: _Sleep) -> _Scene:
    inside = [
        one
        for one in session.requests
        if one.server == sleep.server
        and one.cohort != "canary"
        and (one.sent_ns or one.began_ns) < sleep.over_ns
        and (one.ended_ns is None or one.ended_ns > sleep.began_ns)
    ]
    inside.sort(key=lambda one: (one.sent_ns or one.began_ns, one.id))
    shown = tuple(inside[:_MOST_LANES])
    return _Scene(
        sleep=sleep, requests=shown, more=len(inside) - len(shown), ended_ns=session.ended_ns
    )


def _done(one: Attempt, session: Session) -> int:
    return one.done_ns or one.ended_ns or session.ended_ns


def _paint(axes: Axes, scene: _Scene, colour: str) -> None:
    _bands(axes, scene)
    left = min(0.0, *(scene.at(one.sent_ns or one.began_ns) for one in scene.requests))
    right = max(scene.at(scene.sleep.over_ns), *(scene.at(one.ended_ns) for one in scene.requests))
    axes.set_xlim(left - 0.03 * (right - left), right + 0.25 * (right - left))  # words at the end
    for lane, one in enumerate(scene.requests):
        _lane(axes, lane, one, scene, colour)
    axes.set_ylim(len(scene.requests) - 0.4, -0.6)
    axes.set_yticks(
        range(len(scene.requests)), [f"{one.cohort} {one.id}" for one in scene.requests]
    )
    level = "" if scene.sleep.level is None else f" level {scene.sleep.level}"
    how = f", {scene.sleep.how}" if scene.sleep.how else ""
    more = f"; {scene.more} more requests are not drawn" if scene.more else ""
    axes.set_title(f"{canvas.name(scene.sleep.server)}: sleep{level}{how}{more}")
    canvas.bare(axes)


def _bands(axes: Axes, scene: _Scene) -> None:
    sleep = scene.sleep
    fell_s = scene.at(sleep.fell_ns)
    axes.axvspan(0, fell_s, color=canvas.SLEEP, alpha=0.35, linewidth=0)
    if sleep.called_ns is not None:
        called_s = scene.at(sleep.called_ns)
        axes.axvspan(fell_s, called_s, color=canvas.SLEEP, alpha=0.09, linewidth=0)
        axes.axvspan(called_s, scene.at(sleep.over_ns), color=canvas.WAKE, alpha=0.35, linewidth=0)


def _lane(axes: Axes, lane: int, request: RequestSeen, scene: _Scene, colour: str) -> None:
    end = scene.at(request.ended_ns)
    first = end if request.first_ns is None else scene.at(request.first_ns)
    axes.hlines(
        lane, scene.at(request.sent_ns or request.began_ns), first, color=canvas.OTHER, linewidth=1
    )
    if request.first_ns is not None:
        for begin, stop, is_flowing in _stretches(request, request.first_ns):
            axes.hlines(
                lane, scene.at(begin), scene.at(stop), color=colour,
                linewidth=5 if is_flowing else 1, alpha=0.55 if is_flowing else 1,
            )  # fmt: skip
    left, right = axes.get_xlim()
    pieces = _some([scene.at(one) for one, _ in request.chunks], _TICK * (right - left))
    axes.plot(pieces, [lane] * len(pieces), "|", color=canvas.INK, markersize=5, alpha=0.6)
    word, tone = _ending(request)
    axes.annotate(
        word, (end, lane), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8,
        color=tone,
    )  # fmt: skip


def _stretches(request: RequestSeen, first_ns: int) -> Iterator[tuple[int, int | None, bool]]:
    """From the first token to the end, cut where its longest silence covers a sleep."""
    times = [one for one, _ in request.chunks]
    end = request.last_ns or request.ended_ns
    gap = max(pairwise(times), key=lambda two: two[1] - two[0], default=None)
    if gap is None or not request.gap_covers_sleep:
        yield first_ns, end, True
        return
    yield first_ns, gap[0], True
    yield gap[0], gap[1], False
    yield gap[1], end, True


def _some(places: Sequence[float], apart: float) -> Sequence[float]:
    """Those that are far enough from the one before."""
    kept: list[float] = []
    for place in places:
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
    return kept


def _ending(request: RequestSeen) -> tuple[str, str]:
    """How it ended, in a word and its colour."""
    tokens = "" if request.output_tokens is None else f", {request.output_tokens} tokens"
    if request.error is not None:
        return f"{canvas.name(request.error, 40)}{tokens}", canvas.BAD
    if request.fate == "completed":
        resumed = "resumed, completed" if request.gap_covers_sleep else "completed"
        return f"{resumed}{tokens}", canvas.SOFT
    if request.fate == "open":
        return "still open at the end", canvas.BAD
    return f"{request.fate}{tokens}", canvas.BAD
