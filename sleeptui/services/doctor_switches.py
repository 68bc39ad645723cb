"""The doctor on one server: its version, its switches, and what can be done with it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sleeptui.core.known_bugs import Bug, bugs_of
from sleeptui.core.lifecycle import level_refusal
from sleeptui.core.model import Control
from sleeptui.core.version import Features, parse
from sleeptui.services.doctor_finding import Finding, Patient, Status

_LEVELS = (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """Something that a version brought."""

    feature: str
    """Field of Features."""
    since: str
    title: str
    without: str
    """What is without it."""
    status: Status = Status.WARN
    is_danger: bool = False
    """The field says that something is wrong."""


_GATES = (
    _Gate(
        feature="wake_tags",
        since="0.8.5",
        title="Wake in parts",
        without="it wakes as a whole only: level 2 has no way back",
    ),
    _Gate(
        feature="reload_weights",
        since="0.11",
        title="Weight reload",
        without="its weights cannot be read again over HTTP: level 2 has no way back",
    ),
    _Gate(
        feature="sleep_state_metric",
        since="0.12",
        title="Sleep metric",
        without="it does not tell its level: after a sleep that was not ours it is not known",
        status=Status.UNKNOWN,
    ),
    _Gate(
        feature="sleep_mode",
        since="0.17",
        title="Modes and level 0",
        without="it cannot wait for requests by itself or pause:"
        " sleeptui waits until it is idle before it sends a sleep",
    ),
    _Gate(
        feature="partial_wake_resumes",
        since="0.24",
        title="Level 2 wake",
        without="it takes requests before its weights are back: they are answered with garbage",
        is_danger=True,
    ),
    _Gate(
        feature="failed_wake_recovers",
        since="0.28",
        title="Failed wake",
        without="a wake that finds no memory can leave it lost, until a restart",
    ),
    _Gate(
        feature="reports_status",
        since="0.32",
        title="Its own times",
        without="it does not say how long a sleep or wake took, nor that one runs",
        status=Status.UNKNOWN,
    ),
)


def examine_switches(patient: Patient) -> Iterator[Finding]:
    """Version, bugs, dev mode, sleep mode, levels, metric, load tracking."""
    facts = patient.view.facts
    yield _version(patient)
    yield from _gates(patient)
    bugs = bugs_of(facts.version)
    for bug in bugs:
        if not bug.only_with:
            yield _bug(patient, bug)
    yield _dev_mode(patient)
    yield _sleep_mode(patient)
    if patient.view.control is not Control.NO_DEV_MODE and facts.sleep_enabled is not False:
        yield _levels(patient)
    yield from _metric(patient)
    yield _load(patient)
    yield from _conditional(patient, [bug for bug in bugs if bug.only_with])


def _version(patient: Patient) -> Finding:
    version = patient.view.facts.version
    if parse(version) is None:
        return patient.find(
            "version",
            "Version",
            Status.UNKNOWN,
            "its version is not known: what newer versions can do is not used",
            known=f"GET /version: {version or 'no answer'}",
            to_do="open /version on its port: a proxy may hold it back",
        )
    return patient.find("version", "Version", Status.OK, f"vLLM {version}", known="GET /version")


def _gates(patient: Patient) -> Iterator[Finding]:
    facts = patient.view.facts
    if parse(facts.version) is None:
        return
    for gate in _GATES:
        if _has(facts.features, gate):
            continue
        yield patient.find(
            f"version.{gate.feature}",
            gate.title,
            gate.status,
            gate.without,
            known=f"it is vLLM {facts.version}, {gate.since} is the first without this limit",
            to_do=f"run vLLM {gate.since} or later",
        )


def _has(features: Features, gate: _Gate) -> bool:
    return bool(getattr(features, gate.feature)) is not gate.is_danger


def _bug(patient: Patient, bug: Bug) -> Finding:
    helps = f"run vLLM {bug.mended_in} or later" + (f"; until then {bug.help}" if bug.help else "")
    return patient.find(
        f"bug.{bug.number}",
        f"vLLM bug {bug.number}",
        Status.WARN,
        bug.what,
        known=f"it is vLLM {patient.view.facts.version}; vllm-project/vllm issue {bug.number}",
        to_do=helps,
    )


def _conditional(patient: Patient, bugs: Sequence[Bug]) -> Iterator[Finding]:
    """Bugs of its version that most servers never meet: one finding, what each does beside it."""
    if not bugs:
        return
    newest = max(bugs, key=lambda bug: bug.before)
    each = "; ".join(
        f"{bug.number}, {bug.only_with}: {bug.what}" + (f" ({bug.help})" if bug.help else "")
        for bug in bugs
    )
    yield patient.find(
        "bugs",
        "vLLM bugs",
        Status.UNKNOWN,
        f"{len(bugs)} known bug{'' if len(bugs) == 1 else 's'}, only with: "
        + "; ".join(bug.only_with for bug in bugs),
        known=f"it is vLLM {patient.view.facts.version}; vllm-project/vllm issues: {each}",
        to_do=f"where that applies, run vLLM {newest.mended_in} or later",
    )


def _dev_mode(patient: Patient) -> Finding:
    control = patient.view.control
    if control is Control.NO_DEV_MODE:
        return patient.find(
            "dev_mode",
            "Dev mode",
            Status.BAD,
            "its sleep routes are off: it can only be watched",
            known="GET /is_sleeping: 404",
            to_do="start it with VLLM_SERVER_DEV_MODE=1 in its environment",
        )
    if control is Control.UNKNOWN:
        return patient.find(
            "dev_mode",
            "Dev mode",
            Status.UNKNOWN,
            "whether its sleep routes are on is not known",
            known="GET /is_sleeping gave no usable answer",
            to_do="check that VLLM_SERVER_DEV_MODE=1 is in its environment; its log may tell more",
        )
    return patient.find(
        "dev_mode", "Dev mode", Status.OK, "its sleep routes are on", known="GET /is_sleeping: 200"
    )


def _sleep_mode(patient: Patient) -> Finding:
    facts = patient.view.facts
    title, flag = "Sleep mode", "--enable-sleep-mode"
    if facts.sleep_enabled is False:
        return patient.find(
            "sleep_mode",
            title,
            Status.BAD,
            "sleep mode is off: a sleep answers 200 and frees nothing",
            known="GET /server_info: enable_sleep_mode is false",
            to_do=facts.sleep_mode_advice
            + ("; level 0 works" if facts.features.sleep_mode else ""),
        )
    if facts.sleep_enabled is None:
        old = parse(facts.version) is not None and not facts.features.reload_weights
        return patient.find(
            "sleep_mode",
            title,
            Status.UNKNOWN,
            f"whether it was started with {flag} is not known",
            known="vLLM before 0.11 does not tell" if old else "GET /server_info does not tell",
            to_do=f"check that its command has {flag}; its first sleep shows what is freed",
        )
    return patient.find(
        "sleep_mode",
        title,
        Status.OK,
        "sleep mode is on",
        known="GET /server_info: enable_sleep_mode is true",
    )


def _levels(patient: Patient) -> Finding:
    view = patient.view
    title = "Sleep levels"
    refusals = {level: level_refusal(view, level) for level in _LEVELS}
    usable = [str(level) for level, refusal in refusals.items() if refusal is None]
    said = f"can be used: {', '.join(usable)}" if usable else "no level can be used"
    own = refusals.get(view.spec.level)
    first = own or next((refusal for refusal in refusals.values() if refusal), None)
    if first is None:
        return patient.find("levels", title, Status.OK, said, known="its version and its switches")
    why = first.message.removeprefix(f"{view.name}: ")
    return patient.find(
        "levels",
        title,
        Status.BAD if own else Status.WARN,
        f"{said}; {f'level {view.spec.level} is configured: ' if own else ''}{why}",
        known="its version and its switches",
        to_do=first.hint,
    )


def _metric(patient: Patient) -> Iterator[Finding]:
    view = patient.view
    known = view.facts.features.sleep_state_metric and parse(view.facts.version) is not None
    if view.metrics is None:
        yield patient.find(
            "metrics",
            "Metrics",
            Status.WARN,
            "its /metrics cannot be read: queue, level and restarts are not known",
            known=view.reason or "GET /metrics gave no usable answer",
            to_do="open /metrics on its port: a proxy may hold it back",
        )
    elif view.metrics.sleep_metric is not None:
        yield patient.find(
            "metrics",
            "Metrics",
            Status.OK,
            "its level can be read",
            known="vllm:engine_sleep_state is in /metrics",
        )
    elif known:
        yield patient.find(
            "metrics",
            "Metrics",
            Status.UNKNOWN,
            "its level cannot be read, though its version has the metric",
            known="vllm:engine_sleep_state is not in /metrics",
            to_do="leave out --disable-log-stats; vLLM's Rust front end does not have it",
        )


def _load(patient: Patient) -> Finding:
    match patient.view.facts.load_tracking:
        case True:
            status, what = Status.OK, "requests that wait for its wake can be counted"
            known, to_do = "/load counts", ""
        case False:
            status, what = Status.UNKNOWN, "requests that wait for its wake cannot be counted"
            known, to_do = "/load does not count", "start it with --enable-server-load-tracking"
        case _:
            status = Status.UNKNOWN
            what = "whether requests that wait for its wake can be counted is not known yet"
            known = "/load says 0, which an idle server says too"
            to_do = "start it with --enable-server-load-tracking, if that is missing"
    return patient.find("load", "Parked requests", status, what, known=known, to_do=to_do)
