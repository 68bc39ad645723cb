"""What is known of the answers of a server, in words: two badges, the canary behind them. Pure."""

from collections.abc import Callable

from sleeptui.core import units
from sleeptui.core.canary import Check, Grade, Verification
from sleeptui.core.model import ServerView, State
from sleeptui.core.text import one_line
from sleeptui.tui.present import CHECK_TONES, Look
from sleeptui.tui.spans import Line, Span, line, wrapped
from sleeptui.tui.times import moment
from sleeptui.tui.tones import Tone

_ANSWERING = frozenset({State.AWAKE, State.NO_CONTROL})
_ASLEEP = frozenset({State.ASLEEP, State.PARTIAL, State.PAUSED})
_BY_FACT = {True: Check.VERIFIED, False: Check.CHANGED, None: Check.UNVERIFIED}


def proof_rows(
    view: ServerView, look: Look, width: int, clock: Callable[[float], str]
) -> list[Line]:
    """The badges *decodes* and *matches*, with what they rest on; of a sleeper, its reference.

    Args:
        view: The server.
        look: Time and glyphs.
        width: Cells of each line.
        clock: Monotonic time to the time of day.
    """
    if view.verification is not None:
        told = _told(view, view.verification, look, clock)
        return [_badges(view.verification, look), *wrapped(told, width, Tone.MUTED)]
    if view.state in _ANSWERING:
        return [_badges(None, look), *wrapped(_unasked(view), width, Tone.MUTED)]
    if view.state in _ASLEEP and view.spec.canary.enabled:
        return wrapped(_reference(view, look), width, Tone.MUTED)
    return []


def grade_words(verification: Verification) -> str:
    """The result in a word or two: ``identical``, ``garbage``, ``nothing to compare with``."""
    if verification.is_inconclusive:
        return "not known"
    grade = verification.verdict.grade
    return grade.value if grade is not None else one_line(verification.verdict.words)


def _badges(verification: Verification | None, look: Look) -> Line:
    decodes: bool | None = None
    matches: bool | None = None
    grade: Grade | None = None
    if verification is not None and not verification.is_inconclusive:
        verdict = verification.verdict
        decodes, matches, grade = verdict.decodes, verdict.matches, verdict.grade
    spans = []
    for word, fact in (("decodes", decodes), ("matches", matches)):
        check = _BY_FACT[fact]
        spans += [Span(f"{word} "), Span(f"{look.glyphs.checks[check]} ", CHECK_TONES[check])]
    if grade is not None:
        tone = CHECK_TONES[verification.check] if verification is not None else Tone.TEXT
        spans.append(Span(grade.value, tone))
    return tuple(spans)


def _told(
    view: ServerView, verification: Verification, look: Look, clock: Callable[[float], str]
) -> str:
    words = one_line(verification.verdict.words)
    told = ["" if words in one_line(view.reason) else words]  # the state has said it above
    told.append(f"asked at {clock(verification.at_s)}")
    if verification.first_token_s is not None:
        told.append(f"first token {units.duration(verification.first_token_s)}")
    if verification.reference_wall_s is not None:
        told.append(f"reference of {_when(verification.reference_wall_s, look)}")
    return "; ".join(part for part in told if part)


def _unasked(view: ServerView) -> str:
    if not view.spec.canary.enabled:
        return "its canary is off: its answers are not checked"
    if view.check_due:
        return "" if view.reason else "not asked since somebody else woke it; v asks"
    return "not asked since it is awake; v asks"


def _reference(view: ServerView, look: Look) -> str:
    reference = view.learned.reference
    if reference is None:
        return "no reference: its next wake has nothing to be compared with"
    return f"its next wake is compared with the reference of {_when(reference.taken_wall_s, look)}"


def _when(epoch_s: float, look: Look) -> str:
    return moment(epoch_s, look.epoch_s + look.now_s)


def check_line(verification: Verification, look: Look) -> Line:
    """The result as a badge and a word: ``✓ identical``."""
    check = verification.check
    tone = CHECK_TONES[check]
    return line(f"{look.glyphs.checks[check]} {grade_words(verification)}", tone)
