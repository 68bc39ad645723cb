"""Which model of one session is which of another: by served name, checked by the weights. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sleeptui.core.session import Session

UNNAMED = ""
"""The model of an imported file that does not name it."""
_CACHED = "models--"
"""Folders of the Hugging Face cache: ``models--ORG--NAME/snapshots/HASH``."""
_NAMED = 4
"""Models that a refusal names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of two sessions."""

    pairs: Mapping[str, str] = field(default_factory=dict)
    """Name in B to its name in A; the same weights, as far as is known."""
    unlike: tuple[str, ...] = ()
    """Why some are not paired though they might be meant, a sentence each."""


def pair_models(a: Session, b: Session, *, force: bool = False) -> Models:
    """Pair them.

    A model is known by the name that it is served by, and by its weights where both sessions
    tell them. The same weights under two names are one model; two weights under one name are not.

    Args:
        a: What is compared with.
        b: What is compared.
        force: Pair also what is not the same: by name, then in the order of the sessions.
    """
    ours, theirs = weights(a), weights(b)
    pairs: dict[str, str] = {}
    unlike: list[str] = []
    for name, its in theirs.items():
        if name not in ours:
            continue
        if force or _may_be_same(ours[name], its):
            pairs[name] = name
        else:
            unlike.append(f"{name} has the weights {ours[name]} in A, {its} in B")
    for name, its in theirs.items():
        left = [one for one in ours if one not in pairs.values()]
        same = next((one for one in left if its and ours[one] == its), None)
        if name not in pairs and same is not None:
            pairs[name] = same
    if force:
        free = [name for name in theirs if name not in pairs]
        left = [name for name in ours if name not in pairs.values()]
        pairs |= dict(zip(free, left, strict=False))
    elif not pairs and not unlike and ours and theirs:
        unlike.append(f"A has measured {_listed(ours)}, B {_listed(theirs)}: no model in common")
    return Models(pairs=pairs, unlike=tuple(unlike))


def weights(session: Session) -> Mapping[str, str]:
    """Models of a session, in its order, and the name of their weights; empty: not known."""
    found: dict[str, str] = {}
    for server in session.servers:
        root = server.facts.root if server.facts else None
        found.setdefault(server.model, _name_of(root) if root else "")
    for attempt in session.attempts:
        found.setdefault(attempt.model, "")
    if session.imported and not found:
        found[UNNAMED] = ""
    return found


def _name_of(root: str) -> str:
    """Of a path or repository: the part that names the model, in lower case."""
    parts = [part for part in root.rstrip("/").split("/") if part]
    cached = [part for part in parts if part.startswith(_CACHED)]
    if cached:
        return cached[-1].rpartition("--")[2].lower()
    return parts[-1].lower() if parts else ""


def _may_be_same(one: str, other: str) -> bool:
    return not one or not other or one == other


def _listed(models: Mapping[str, str]) -> str:
    """``a, b, c and 16 more``."""
    names = [name or "a model that is not named" for name in models]
    if len(names) > _NAMED:
        names[_NAMED - 1 :] = [f"{len(names) - _NAMED + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
