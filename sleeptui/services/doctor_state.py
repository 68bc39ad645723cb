"""The doctor on one server: is it there, what state is it in, are its answers proven. Pure."""

import re
from collections.abc import Iterator

from sleeptui.core.canary import Check, Reference
from sleeptui.core.drift import FEWEST
from sleeptui.core.model import ServerView, State
from sleeptui.core.units import duration
from sleeptui.core.units import memory as memory_text
from sleeptui.services.as_json import bare_url
from sleeptui.services.doctor_finding import Finding, Patient, Status

REACH = "reach"
"""Id of the finding that tells whether a server answers."""
_BROKEN = frozenset({State.SUSPECT, State.WEDGED, State.PARTIAL})
_LOG = "its log tells why, l in the panel"
_KILLED = 137


def answers(view: ServerView) -> bool:
    """Whether it answers, so that its switches can be examined."""
    return view.seen_at_s is not None and view.state not in (State.DOWN, State.STARTING)


def examine_state(patient: Patient) -> Iterator[Finding]:
    """Reachable, healthy container, key, state."""
    yield _reach(patient)
    yield from _container(patient)
    yield from _key(patient)
    if answers(patient.view):
        yield from _state(patient)


def examine_proof(patient: Patient) -> Iterator[Finding]:
    """The canary, and what grows from cycle to cycle."""
    yield _canary(patient)
    yield from _drift(patient)


def _reach(patient: Patient) -> Finding:
    view = patient.view
    url = bare_url(view.spec.url)
    if view.state is State.DOWN:
        status, what = Status.BAD, f"is down at {url}: {view.reason}"
        to_do = _advice(view) or "start it, or correct its url"
    elif view.state is State.STARTING:
        status, what = Status.WARN, f"is starting: {view.reason}"
        to_do = f"wait until it answers; {_LOG}"
    elif view.seen_at_s is None:
        status = Status.UNKNOWN
        what = f"has not answered at {url}: {view.reason or 'not looked at yet'}"
        to_do = "wait, or look at its log: slow is not down"
    elif view.state is State.STALE:
        status, what = Status.WARN, f"does not answer in time: {view.reason}"
        to_do = _advice(view) or _LOG
    else:
        status, what, to_do = Status.OK, f"answers at {url}, {_state_words(view)}", ""
    known = "; ".join(view.evidence[:3])
    return patient.find(REACH, "Reachable", status, what, known=known, to_do=to_do)


def _state_words(view: ServerView) -> str:
    level = f" at level {view.level}" if view.state is State.ASLEEP and view.level else ""
    return f"{view.state.value}{level}"


def _state(patient: Patient) -> Iterator[Finding]:
    view = patient.view
    checked = view.verification
    if checked is not None and checked.verdict.words in view.reason:
        return  # what its answers are is told by a finding of its own
    if view.state in _BROKEN:
        yield patient.find(
            "state",
            "State",
            Status.BAD,
            f"is {view.state.value}: {view.reason}" if view.reason else f"is {view.state.value}",
            known="; ".join(view.evidence),
            to_do=_advice(view) or "verify it, v in the panel; if that does not help, restart it",
        )


def _advice(view: ServerView) -> str:
    """What to do; a key of the panel named as such: the doctor is read outside of it as well."""
    return re.sub(r"(?<![\w-])[vwl](?![\w-])", r"\g<0> in the panel", view.advice, count=1)


def _container(patient: Patient) -> Iterator[Finding]:
    home = patient.view.home
    if home is None or home.container is None:
        return
    name, state = home.container, home.container_state or "found"
    title, known = "Container", f"docker inspect {name}"
    if state not in ("running", "found"):
        what = f"container {name} is {state}"
        if home.exit_code == _KILLED:
            what += ", killed (137), mostly by the kernel for memory"
        elif home.exit_code is not None:
            what += f", it ended with code {home.exit_code}"
        verb = "unpause" if state == "paused" else "start"
        to_do = f"docker {verb} {name}; {_LOG}"
        yield patient.find("container", title, Status.BAD, what, known=known, to_do=to_do)
    elif home.health in ("unhealthy", "starting"):
        status = Status.BAD if home.health == "unhealthy" else Status.WARN
        what = f"container {name} is {state}, its health check says {home.health}"
        to_do = f"docker logs {name} shows why"
        yield patient.find("container", title, status, what, known=known, to_do=to_do)
    else:
        health = f", {home.health}" if home.health else ""
        what = f"container {name} is {state}{health}"
        yield patient.find("container", title, Status.OK, what, known=known)
    if home.restarts:
        yield patient.find(
            "restarts",
            "Restarts",
            Status.WARN,
            f"Docker has restarted it {home.restarts} times: each time it comes back awake and"
            " takes its memory, whoever holds it by then",
            known=f"{known}: RestartCount",
            to_do=f"find the cause with docker logs {name};"
            f" docker update --restart=no {name} keeps it down",
        )


def _key(patient: Patient) -> Iterator[Finding]:
    view, title = patient.view, "API key"
    variable = view.spec.api_key_env
    if variable is not None:
        if patient.scene.environment.get(variable):
            what = f"the key is read from {variable}"
            known = "the environment of sleeptui"
            yield patient.find("api_key", title, Status.OK, what, known=known)
        else:
            yield patient.find(
                "api_key",
                title,
                Status.BAD,
                f"its key is to be in {variable}, which is empty",
                known="the environment of sleeptui",
                to_do=f"export {variable}=… before sleeptui starts",
            )
    if view.facts.version is not None and not view.facts.models:
        yield patient.find(
            "models",
            "Models",
            Status.WARN,
            "it does not tell its models: prompts and the canary cannot be sent",
            known="GET /v1/models was refused, or is empty",
            to_do="correct its key"
            if variable is not None
            else 'give its key: api_key_env = "VARIABLE" under its [[server]] in the fleet file',
        )


def _canary(patient: Patient) -> Finding:
    view, title = patient.view, "Answers"
    reference = view.learned.reference
    compared = _compared_with(patient, reference)
    if not view.spec.canary.enabled:
        what = "they are not checked: its canary is off"
        to_do = "take enabled = false out of its canary in the fleet file"
        known = "the settings"
        return patient.find("canary", title, Status.UNKNOWN, what, known=known, to_do=to_do)
    verification = view.verification
    if verification is not None and verification.is_inconclusive:
        what = f"the canary told nothing: {verification.verdict.words}"
        known = "the canary"
        return patient.find(
            "canary", title, Status.UNKNOWN, what, known=known, to_do="ask again: v in the panel"
        )
    if verification is not None and verification.check is not Check.UNVERIFIED:
        changed = verification.check is Check.CHANGED
        return patient.find(
            "canary",
            title,
            Status.BAD if changed else Status.OK,
            (view.reason if changed else "") or verification.verdict.words,
            known=compared,
            to_do=(_advice(view) or "wake it anew, w in the panel; else restart it")
            if changed
            else "",
        )
    if view.check_due or view.is_doubted:
        what = view.reason or "somebody else woke it: its answers are not checked"
        return patient.find(
            "canary", title, Status.WARN, what, known=compared, to_do="verify it: v in the panel"
        )
    if reference is None or not _is_current(view, reference):
        return patient.find(
            "canary",
            title,
            Status.UNKNOWN,
            "there is nothing to compare them with yet: a wake is proven from the next sleep on",
            known="no answer of its canary is kept"
            if reference is None
            else "the answer that is kept is to another prompt",
            to_do="v in the panel takes a reference, while its answers are good"
            if view.state is State.AWAKE
            else "once it is awake and its answers are good, v in the panel takes a reference",
        )
    what = "a reference is there: its next wake can be proven"
    return patient.find("canary", title, Status.OK, what, known=compared)


def _is_current(view: ServerView, reference: Reference) -> bool:
    canary = view.spec.canary
    return (reference.prompt, reference.max_tokens) == (canary.prompt, canary.max_tokens)


def _compared_with(patient: Patient, reference: Reference | None) -> str:
    if reference is None:
        return "the canary, with no reference"
    age_s = patient.scene.wall_s - reference.taken_wall_s
    return f"the canary; its reference was taken {duration(max(age_s, 0.0))} ago"


def _drift(patient: Patient) -> Iterator[Finding]:
    view, title = patient.view, "Leak"
    for one in view.drift:
        yield patient.find(
            f"drift.{one.what.replace(' ', '_')}",
            title,
            Status.WARN,
            f"{one.what} grew {memory_text(one.grown_bytes)} in {one.cycles} cycles",
            known=f"{memory_text(one.slope_bytes)} a cycle, 95 % between"
            f" {memory_text(one.low_bytes)} and {memory_text(one.high_bytes)} (Theil-Sen)",
            to_do="a restart gives it back; newer versions leak less",
        )
    if not view.drift and view.cycles >= FEWEST:
        what = f"nothing grows over {view.cycles} cycles"
        known = "residual and host memory after each sleep"
        yield patient.find("drift", title, Status.OK, what, known=known)
