"""What the canary has said of one server, and how long that holds."""

from dataclasses import dataclass

from sleeptui.core.canary import Check, Verification
from sleeptui.core.operation import Cause, Kind, OperationRecord, Outcome

_DISCARD = 2


@dataclass(slots=True, kw_only=True, eq=False)
class Proof:
    """Belongs to one wake: a sleep, a restart or somebody else's wake ends it."""

    verification: Verification | None = None
    """The newest canary since it last woke."""
    check_due: bool = False
    """Somebody else woke it: what it answers now is not known."""
    woken_from: int | None = None
    """The level that it was at before that wake."""
    is_late_wake: bool = False
    """That wake was ours: it had no answer, and took effect later."""
    is_doubted: bool = False
    """It was woken from level 2, or from a level that is not known, and nothing has shown since
    that its weights were read again. Outlives a sleep: garbage is kept as well."""

    def take(self, verification: Verification) -> None:
        """Take in a judged canary; one that says nothing leaves what is known of this wake."""
        if verification.is_inconclusive:
            if self.verification is None or self.verification.is_inconclusive:
                self.verification = verification
            return
        self.verification, self.check_due = verification, False
        if verification.check is Check.VERIFIED:
            self.is_doubted = False

    def asleep(self) -> None:
        """It sleeps: nothing that it has answered holds any more."""
        self.verification, self.check_due = None, False

    def woken_by_others(self, level: int | None, *, is_late: bool = False) -> None:
        """Somebody else woke it from ``level``, or a wake of ours did after we had given it up."""
        self.verification, self.check_due = None, True
        self.woken_from, self.is_late_wake = level, is_late
        self.is_doubted = self.is_doubted or level is None or level >= _DISCARD

    def end(self, record: OperationRecord) -> None:
        """A sleep or wake of ours has ended: a good wake from level 2 has read the weights again.

        What a canary has said before that was of the old ones. A wake that stopped before it read
        them, and one from a level that is not known, leave a doubt.
        """
        if record.kind is not Kind.WAKE:
            return
        found = record.verification
        if record.outcome is Outcome.DONE and record.level == _DISCARD:
            self.is_doubted = False
            if found is None or found.is_inconclusive:
                self.verification = found
        elif found is None or found.check is not Check.VERIFIED:
            is_lost = record.cause is Cause.NO_WEIGHTS or record.level is None
            self.is_doubted = self.is_doubted or is_lost

    def forget(self) -> None:
        """A new process."""
        self.verification, self.woken_from = None, None
        self.check_due = self.is_doubted = False
