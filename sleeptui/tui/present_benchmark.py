"""What the benchmark page says: the plans, the one that runs, what it has found. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sleeptui.core.estimate import about
from sleeptui.core.session import SessionSummary
from sleeptui.core.text import one_line
from sleeptui.services import bench_words, session_words
from sleeptui.services.bench_watch import BenchState, Offer, Watched
from sleeptui.services.bench_words import Sense
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.spans import BLANK, Line, Span, fit, line, wrapped
from sleeptui.tui.tones import Tone

TONES: Final[Mapping[Sense, str]] = {
    Sense.PLAIN: Tone.TEXT,
    Sense.STRONG: Tone.STRONG,
    Sense.MUTED: Tone.MUTED,
    Sense.GOOD: Tone.GOOD,
    Sense.WARNING: Tone.WARN,
    Sense.BAD: Tone.BAD,
}
_NAME: Final = 12
_ASKED: Final = 120
_SERVERS: Final = 2
"""Sentences of the briefing that a question has room for."""
_INDENT: Final = "  "
_STATES: Final[Mapping[BenchState, str]] = {
    BenchState.STARTING: "starts",
    BenchState.RUNNING: "runs",
    BenchState.STOPPING: "stops: the servers are restored",
    BenchState.ENDED: "has ended",
    BenchState.FAILED: "has failed",
}


def row(each: Offer | SessionSummary, width: int, glyphs: Glyphs) -> Line:
    """A row of the list: a plan, or a benchmark that runs elsewhere."""
    if isinstance(each, SessionSummary):
        return _running_row(each, width, glyphs)
    return _plan_row(each, width, glyphs)


def _plan_row(offer: Offer, width: int, glyphs: Glyphs) -> Line:
    """One plan of the list: name, what it is, how long it takes here."""
    takes = "not here" if offer.estimate_s is None else about(offer.estimate_s)
    tone = Tone.BAD if offer.problem else Tone.MUTED
    right = Span(f" {takes} ", tone)
    left = (
        Span(f" {offer.plan.name:<{_NAME}}", Tone.STRONG),
        Span(one_line(offer.plan.title), Tone.TEXT),
    )
    room = width - len(right.text)
    return (*fit(left, room, ellipsis=glyphs.ellipsis), right)


def _running_row(session: SessionSummary, width: int, glyphs: Glyphs) -> Line:
    """A benchmark that runs elsewhere, in the list."""
    spans = (
        Span(f" {glyphs.light} {'runs':<{_NAME - 2}}", Tone.BUSY),
        Span(f"plan {one_line(session.plan or '')}, began {session_words.began(session)}"),
        Span(f", {one_line(session.run_id)}", Tone.MUTED),
    )
    return fit(spans, width, ellipsis=glyphs.ellipsis)


def offered(offer: Offer, width: int) -> list[Line]:
    """What a plan would do here, or why it cannot be carried out."""
    if offer.problem:
        return wrapped(one_line(offer.problem, 600), width, Tone.BAD)
    made: list[Line] = []
    for sentence in offer.briefing:
        tone = Tone.WARN if sentence.startswith("Left out") else Tone.TEXT
        made += wrapped(one_line(sentence), width, tone)
    return [*made, *wrapped("Requests of others disturb it.", width, Tone.MUTED)]


def asked(offer: Offer) -> list[str]:
    """What must be known before a plan is begun."""
    takes = "" if offer.estimate_s is None else f"It takes {about(offer.estimate_s)}."
    servers = [one_line(each, _ASKED) for each in offer.briefing[:_SERVERS]]
    return [*servers, takes, "Meanwhile the panel only watches. Requests of others disturb it."]


def followed(session: SessionSummary, width: int) -> list[Line]:
    """What can be done with one that runs elsewhere."""
    told = "Somebody else has started this benchmark. Enter follows it; it is ended where it began."
    return [*wrapped(told, width), *wrapped(one_line(session.path), width, Tone.MUTED)]


def watched_lines(watched: Watched, now_s: float, width: int, glyphs: Glyphs) -> list[Line]:
    """The benchmark that runs, or has run: how far it is, what it has found."""
    picture = watched.picture
    is_ascii = glyphs.eighths == "" and glyphs.ellipsis == ".."
    made: list[Line] = [_head(watched, glyphs)]
    if picture.planned is not None:
        progress = bench_words.progress(picture, now_s, width, ascii_only=is_ascii)
        made += [BLANK, inked(progress)]
    if watched.is_running:
        doing = bench_words.doing(picture, now_s)
        made += wrapped(f"now: {doing}", width, Tone.BUSY)
    made += _ended(watched, width)
    for lines in (
        bench_words.verdicts(picture.verdicts, width),
        bench_words.table(picture, width),
        bench_words.failures(picture, width),
    ):
        if lines:
            made += [BLANK, *(inked(each) for each in lines)]
    if picture.planned is not None and picture.planned.notes:
        made.append(BLANK)
        for note in picture.planned.notes:
            made += wrapped(f"left out: {one_line(note)}", width, Tone.MUTED)
    return made


def inked(pieces: Sequence[bench_words.Piece]) -> Line:
    """A line of words in the tones of the panel."""
    return tuple(Span(piece.text, TONES[piece.sense]) for piece in pieces)


def _head(watched: Watched, glyphs: Glyphs) -> Line:
    tone = Tone.BAD if watched.state is BenchState.FAILED else Tone.STRONG
    name = watched.session.rpartition("/")[2]
    elsewhere = "" if watched.is_ours else ", started elsewhere"
    head = f"Plan {one_line(watched.plan)} {_STATES[watched.state]}{elsewhere}"
    recorded = f" {glyphs.dot} {one_line(name)}" if name else ""
    return (Span(head, tone), Span(recorded, Tone.MUTED))


def _ended(watched: Watched, width: int) -> Iterator[Line]:
    """How it ended, where it has."""
    if watched.is_running:
        return
    if watched.problem:
        tone = Tone.BAD if watched.state is BenchState.FAILED else Tone.WARN
        yield from wrapped(one_line(watched.problem, 600), width, tone)
    if watched.state is BenchState.FAILED:
        for said in watched.said:
            yield from wrapped(said, width, Tone.MUTED, indent=_INDENT)
    if watched.picture.verdicts:
        yield inked(bench_words.summary(watched.picture.verdicts))
    if watched.session:
        yield line(f"sleeptui report {one_line(watched.session)}", Tone.MUTED)
