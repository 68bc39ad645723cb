"""What the canary has said of one server, and how long that holds."""

from dataclasses import dataclass

from sleeptui.core.canary import Check, Verification
from sleeptui.core.operation import Kind, OperationRecord, Outcome

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
    is_doubted: bool = False
    """Somebody else woke it from level 2, or from a level that is not known, and nothing has
    shown since that its weights were read again. Outlives a sleep: garbage is kept as well."""

    def take(self, verification: Verification) -> None:
        """Take in a judged canary."""
        self.verification = verification
        if verification.check is Check.VERIFIED:
            self.is_doubted = False
        if not verification.is_inconclusive:
            self.check_due = False

    def asleep(self) -> None:
        """It sleeps: nothing that it has answered holds any more."""
        self.verification, self.check_due = None, False

    def woken_by_others(self, level: int | None) -> None:
        """Somebody else woke it from ``level``. A pause, and level 1, keep the weights."""
        self.verification, self.check_due, self.woken_from = None, True, level
        self.is_doubted = self.is_doubted or level is None or level >= _DISCARD

    def end(self, record: OperationRecord) -> None:
        """An operation of ours has ended: a good wake from level 2 has read the weights again."""
        is_good = record.kind is Kind.WAKE and record.outcome is Outcome.DONE
        if is_good and record.level == _DISCARD:
            self.is_doubted = False

    def forget(self) -> None:
        """A new process."""
        self.verification, self.woken_from = None, None
        self.check_due = self.is_doubted = False
