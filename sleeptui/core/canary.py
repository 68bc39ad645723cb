"""The canary: a fixed greedy prompt whose tokens and log probabilities are compared. Pure.

A 200 from ``/wake_up`` proves nothing: after level 2 and a plain wake it comes with garbage for
weights. The same prompt, sent to the same weights alone on an idle server, gives the same token
ids with the same log probabilities to about 1e-5 (vLLM issue 48310); beside other requests the
sums run in another order, and the figures differ in the second or third digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isnan

SAME_LOGPROB = 1e-5
"""Log probabilities that differ by no more are the same."""
NOISE_LOGPROB = 0.25
"""What another batch or kernel may change in a log probability, in nats; more is another answer."""
NEAR_TIE = 0.25
"""Two tokens whose log probabilities are so close may change places by noise alone, nats."""
GARBAGE_DROP = 1.0
"""A mean log probability that fell by more, in nats, is that of another model."""
REFERENCE_ANSWERS = 3
"""Answers that a new reference consists of: their spread is the server's own noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of a greedy answer."""

    id: int | None
    """None where the version does not tell (before 0.11); then its text is compared."""
    text: str
    logprob: float | None = None
    """Natural logarithm; NaN where the server computed no number, None where it told none."""
    runner_up: float | None = None
    """The log probability of the second most likely token."""

    def is_same(self, other: "Token") -> bool:
        """Whether both are the same token."""
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return self.text == other.text


Answer = tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the answers after a wake are compared with."""

    model: str
    """The served name that answered."""
    prompt: str
    max_tokens: int
    taken_wall_s: float
    """Seconds since the epoch."""
    answers: tuple[Answer, ...]
    """At least one, all to the same prompt."""

    def __post_init__(self) -> None:
        """Refuse a broken one at the door: every answer is measured against it."""
        if not self.answers or not all(self.answers):
            raise ValueError(self.answers)

    @property
    def spread(self) -> float:
        """The server's own noise: the largest difference of a log probability, in nats."""
        first, widest = self.answers[0], 0.0
        for answer in self.answers[1:]:
            for one, other in zip(first, answer, strict=False):
                if not one.is_same(other):
                    break
                widest = max(widest, _gap(one, other))
        return widest


class Grade(StrEnum):
    """How an answer compares with the reference."""

    IDENTICAL = "identical"
    """The same tokens, the same log probabilities."""
    WITHIN_NOISE = "within noise"
    """The same tokens; the log probabilities differ as they do from batch to batch."""
    LATE_DIVERGENCE = "late divergence"
    """The same at first, then other tokens or clearly other probabilities."""
    GARBAGE = "garbage"
    """Another answer from the first token on, or one that the model finds absurd."""
    NO_ANSWER = "no answer"


class Check(StrEnum):
    """What is known of the answers of an awake server."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    CHANGED = "changed"
    """Also where it does not decode at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an answer says of a server."""

    grade: Grade | None
    """None: there was nothing to compare with."""
    decodes: bool
    """Tokens came, to the end, and with probabilities that are numbers."""
    matches: bool | None
    """It is the answer from before; None: not known."""
    words: str
    """One clause: ``the same 16 tokens as before``."""
    first_difference: int | None = None
    """Index of the first token that differs."""
    largest_gap: float | None = None
    """Of the log probabilities up to there, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """One canary, when it was, and what it was compared with."""

    at_s: float
    """Monotonic time of its end."""
    verdict: Verdict
    took_s: float | None = None
    """Request written to last token."""
    first_token_s: float | None = None
    """Request written to first token."""
    reference_wall_s: float | None = None
    """When the reference was taken, seconds since the epoch; None: there is none."""
    is_inconclusive: bool = False
    """It says nothing of the weights: the server refused the question, or was busy with others."""

    @property
    def check(self) -> Check:
        """The badge."""
        if self.is_inconclusive:
            return Check.UNVERIFIED
        if self.verdict.matches is False or not self.verdict.decodes:
            return Check.CHANGED
        return Check.VERIFIED if self.verdict.matches else Check.UNVERIFIED


def judge(answer: Answer, reference: Reference | None) -> Verdict:
    """Compare a complete answer with the reference, with that of its answers that is nearest."""
    if not answer:
        return no_answer("it ended without a token")
    if is_void(answer):
        grade = Grade.GARBAGE if reference is not None else None
        words = "every token is as likely as the next: its weights are lost"
        matches = None if reference is None else False
        return Verdict(grade=grade, decodes=False, matches=matches, words=words)
    if reference is None:
        return Verdict(grade=None, decodes=True, matches=None, words="nothing to compare with")
    spread = reference.spread
    verdicts = [_compared(answer, before, spread) for before in reference.answers]
    return min(verdicts, key=lambda verdict: (not verdict.matches, _RANK[verdict.grade]))


def no_answer(why: str) -> Verdict:
    """The verdict on a canary that was not answered to its end."""
    return Verdict(grade=Grade.NO_ANSWER, decodes=False, matches=None, words=why)


def is_void(answer: Sequence[Token]) -> bool:
    """Whether these are the tokens of no model: no number at all, or all tokens equally likely."""
    return all(
        token.logprob is not None and (isnan(token.logprob) or token.logprob == token.runner_up)
        for token in answer
    )


def _compared(answer: Answer, before: Answer, spread: float) -> Verdict:
    largest = 0.0
    for index, (old, new) in enumerate(zip(before, answer, strict=False)):
        same = old.is_same(new)
        gap = _gap(old, new)
        if not same or gap > NOISE_LOGPROB:
            return _diverged(answer, before, index, largest, same=same)
        largest = max(largest, gap)
    if len(answer) != len(before):
        return _diverged(answer, before, min(len(answer), len(before)), largest, same=False)
    exact = largest <= max(SAME_LOGPROB, 2 * spread)
    return Verdict(
        grade=Grade.IDENTICAL if exact else Grade.WITHIN_NOISE,
        decodes=True,
        matches=True,
        words=f"the same {len(answer)} tokens as before"
        + ("" if exact else f", their log probabilities within {largest:.2g}"),
        largest_gap=largest,
    )


def _diverged(answer: Answer, before: Answer, index: int, largest: float, *, same: bool) -> Verdict:
    drop = _mean(before) - _mean(answer)
    tie = not same and _is_swapped_tie(answer, before, index)
    if (index == 0 and not same and not tie) or drop > GARBAGE_DROP:
        return Verdict(
            grade=Grade.GARBAGE,
            decodes=True,
            matches=False,
            words="another answer from the first token on"
            if index == 0
            else f"another answer from token {index + 1} on, and an absurd one",
            first_difference=index,
            largest_gap=largest,
        )
    words = f"another answer from token {index + 1} on"
    if tie:
        words += ", where two tokens were as likely"
    return Verdict(
        grade=Grade.LATE_DIVERGENCE,
        decodes=True,
        matches=tie,
        words=words,
        first_difference=index,
        largest_gap=largest,
    )


def _is_swapped_tie(answer: Answer, before: Answer, index: int) -> bool:
    """Whether two tokens that were as likely have changed places, and are as likely still.

    A near tie alone proves nothing: lost weights answer something else there as well.
    """
    if index >= min(len(before), len(answer)):
        return False
    old, new = before[index], answer[index]
    if old.logprob is None or old.runner_up is None or new.logprob is None:
        return False
    other = old.logprob if new.runner_up is None else new.runner_up
    return (
        abs(old.logprob - old.runner_up) <= NEAR_TIE
        and abs(new.logprob - old.runner_up) <= NOISE_LOGPROB
        and abs(other - old.logprob) <= NOISE_LOGPROB
    )


def _gap(one: Token, other: Token) -> float:
    if one.logprob is None or other.logprob is None:
        return 0.0  # one of two versions of a server tells none: the tokens decide
    gap = abs(one.logprob - other.logprob)
    return inf if isnan(gap) else gap


def _mean(answer: Answer) -> float:
    known = [
        token.logprob for token in answer if token.logprob is not None and not isnan(token.logprob)
    ]
    return sum(known) / len(known) if known else 0.0


_RANK = {
    Grade.IDENTICAL: 0,
    Grade.WITHIN_NOISE: 1,
    Grade.LATE_DIVERGENCE: 2,
    Grade.GARBAGE: 3,
    Grade.NO_ANSWER: 4,
    None: 5,
}
