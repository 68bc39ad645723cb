"""Faults that can be switched on while a simulated server runs."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sleeptui.core.errors import SimError
from sleeptui.core.text import one_line


class Fault(StrEnum):
    """What can go wrong; each was seen on real servers or is a service that is no vLLM."""

    HANG = "hang"
    """Requests are accepted and never answered."""
    SLOW = "slow"
    """Each answer comes ``seconds`` late."""
    REFUSE = "refuse"
    """Nothing listens on the port."""
    ERROR = "error"
    """Each answer is ``status``, a JSON error."""
    OOM = "oom"
    """A wake runs out of GPU memory half way."""
    WEDGE = "wedge"
    """Sleep and wake fail with ``invalid argument``, prompts hang, /health stays 200."""
    GARBAGE = "garbage"
    """After a wake the weights are garbage until they are reloaded; ``chance``: not after each."""
    MUTE = "mute"
    """It says that it is awake, takes prompts and generates nothing; /health stays 200."""
    LOSE = "lose"
    """Each ``every``-th request, the third if not said, is carried out and never answered; or
    each with a ``chance``. With ``paths`` of completions only those are lost."""
    SLOWER = "slower"
    """Wakes and reloads of weights take ``factor`` times as long, 1.2 if not said."""
    LEAK = "leak"
    """Each sleep leaves ``bytes`` more on the GPU."""
    KEEPS_MEMORY = "keeps-memory"
    """A sleep answers 200 and frees nothing."""
    DEATH = "death"
    """The engine process dies: health 200 for 1 s, 503 for 1 s, then nothing listens."""
    BROKEN_METRICS = "broken-metrics"
    """/metrics is not Prometheus text."""
    HUGE_METRICS = "huge-metrics"
    """/metrics never seems to end: ``bytes`` of valid lines."""
    RESTART = "restart"
    """The server goes and comes back after ``seconds``, else after its cold start."""
    HTML = "html"
    """Another service is on the port: every answer is an HTML page."""
    HALF_JSON = "half-json"
    """Every JSON answer is cut in the middle."""


ONCE = frozenset({Fault.DEATH, Fault.RESTART})
"""Faults that happen at the moment they are set."""
_DEFAULT_SECONDS: Mapping[Fault, float] = {Fault.SLOW: 3.0}
_DEFAULT_BYTES: Mapping[Fault, int] = {Fault.LEAK: 400 << 20, Fault.HUGE_METRICS: 100_000_000}
_ERROR_STATUSES = range(400, 600)
_LARGEST = 1e15
_PARAMETERS = frozenset(
    {"fault", "seconds", "bytes", "status", "every", "paths", "chance", "factor"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSetting:
    """A fault with its parameters."""

    fault: Fault
    seconds: float | None = None
    bytes: int | None = None
    status: int = 500
    every: int = 3
    chance: float | None = None
    """0 to 1, by a seed: how often it strikes (garbage, lose); None: always, or each ``every``."""
    factor: float = 1.2
    paths: tuple[str, ...] = ()
    """Only these routes; empty: all of them (hang, slow, error, lose, html, half-json)."""

    @property
    def delay_s(self) -> float:
        """``seconds``, or the default of the fault."""
        return _DEFAULT_SECONDS.get(self.fault, 0.0) if self.seconds is None else self.seconds

    @property
    def size_bytes(self) -> int:
        """``bytes``, or the default of the fault."""
        return _DEFAULT_BYTES.get(self.fault, 0) if self.bytes is None else self.bytes

    @classmethod
    def read(cls, data: object) -> "FaultSetting":
        """From the JSON of the control server.

        Raises:
            SimError: No such fault, or a parameter of the wrong kind.
        """
        if not isinstance(data, dict):
            raise SimError("A fault is a JSON object", hint='For example {"fault": "hang"}.')
        try:
            fault = Fault(data.get("fault", ""))
        except ValueError as error:
            raise SimError(
                f"There is no fault {one_line(repr(data.get('fault')), 60)}",
                hint=f"Choose one of {', '.join(Fault)}.",
            ) from error
        unknown = sorted(set(data) - _PARAMETERS)
        if unknown:
            raise SimError(f"A fault has no {one_line(', '.join(unknown))}")
        setting = cls(
            fault=fault,
            seconds=_number(data, "seconds"),
            bytes=None if data.get("bytes") is None else int(_number(data, "bytes") or 0),
            status=int(_number(data, "status") or 500),
            every=max(int(_number(data, "every") or 3), 1),
            chance=_number(data, "chance"),
            factor=_number(data, "factor") or 1.2,
            paths=_paths(data.get("paths")),
        )
        if setting.status not in _ERROR_STATUSES:
            raise SimError(f"{setting.status} is no error status")
        if setting.chance is not None and setting.chance > 1:
            raise SimError(f"chance is a number from 0 to 1, not {setting.chance:g}")
        return setting


class Faults:
    """The faults of one server that are on now."""

    def __init__(self, settings: Iterable[FaultSetting] = (), seed: str = "") -> None:
        self._on = {setting.fault: setting for setting in settings}
        self._rng = random.Random(f"faults-{seed}")  # noqa: S311 - a draw, no secret

    def set(self, setting: FaultSetting) -> None:
        """Switch on, or change the parameters."""
        self._on[setting.fault] = setting

    def clear(self, fault: Fault | None = None) -> None:
        """Switch off one, or all."""
        if fault is None:
            self._on.clear()
        else:
            self._on.pop(fault, None)

    def get(self, fault: Fault, path: str = "") -> FaultSetting | None:
        """The setting if the fault is on, and on for that route."""
        setting = self._on.get(fault)
        if setting is None or (path and setting.paths and path not in setting.paths):
            return None
        return setting

    def strikes(self, fault: Fault) -> bool:
        """Whether it strikes this time: it is on, and its chance is drawn."""
        setting = self._on.get(fault)
        if setting is None:
            return False
        return setting.chance is None or self._rng.random() < setting.chance

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._on

    def __bool__(self) -> bool:
        return bool(self._on)

    @property
    def on(self) -> tuple[FaultSetting, ...]:
        """All that are on, in the order they were set."""
        return tuple(self._on.values())


def _paths(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise SimError(f"paths is a list of routes, not {one_line(repr(value))}")
    return tuple(value)


def _number(data: Mapping[str, object], key: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value <= _LARGEST):
        told = one_line(repr(value), 40)
        raise SimError(f"{key} is a number of at least 0, at most {_LARGEST:g}, not {told}")
    return float(value)
