"""Lines without the secrets that this program knows, and without what looks like one.

Only values that are text are changed, never names, numbers or the words of the journal's own
language: a password such as ``123456`` or ``asleep`` must not spoil the evidence.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, cast
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import msgspec

from sleeptui.core.secrecy import HIDDEN, SHORTEST, hide, secrets_within
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_samples import Gpu, Host, Lag, Prom
from sleeptui.recorder.line_session import Clock, End

SEED = 16
"""What begins like a secret for so long is one, cut off; replaced as far as it agrees."""
PROMPTS = 64
"""The newest ones that are looked for."""
PROMPT_LIMIT = 4000
"""Characters of one that are looked for."""
_WORDS = frozenset(
    {"k", "s", "name", "state", "level", "mode", "outcome", "cause", "cls", "phase", "parts"}
    | {"reach", "control", "check", "by", "source", "fate", "cohort", "api", "what", "gone"}
    | {"sleep_state", "severity", "code", "kind", "finish_reason", "grade", "schema", "tool"}
    | {"prompt_sha", "text_sha", "ids_sha", "sha256", "env_id", "run_id", "boot_id", "uuid"}
    | {"image_digest", "container_state", "health", "version", "demo"}
)
"""Fields with words of the program, ids and hashes: never changed."""
_SUSPECT = re.compile(
    rb"(?i)apikey|auth|credential|passphrase|passwd|password|pwd|secret"
    rb"|(?:keys?|token)(?:\\[nrt\\\"]|[\"'_.\-\s])*[=:]|-(?:[\w.]*[_.])?(?:keys?|token)\b"
    rb"|bearer |basic |://[^/@\s\"]+@|[spr]k-|hf_|gh[opsu][_-]|github_pat|glpat|xox|nvapi"
    rb"|akia|eyj"
)
"""Cheaper than to look at every text: a line without it has nothing that ``hide`` changes."""


_Known = Mapping[str, Sequence[str]]
"""What is looked for, by its beginning."""


class Redactor:
    """Clears encoded lines of secrets. ``add`` may be called while another thread clears."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """With the secrets that are known at the start."""
        self._forms: tuple[str, ...] = ()
        self._prompts: deque[tuple[str, ...]] = deque(maxlen=PROMPTS)
        self._known: tuple[_Known, tuple[bytes, ...]] = ({}, ())
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Replace it from now on, as it is, escaped, and percent-encoded."""
        self._forms = tuple(dict.fromkeys([*self._forms, *_forms(secret)]))
        self._learn()

    def add_prompt(self, prompt: str) -> None:
        """Replace it where a server repeats it, as long as it is among the newest."""
        forms = _forms(prompt[:PROMPT_LIMIT])
        if forms and forms not in self._prompts:
            self._prompts.append(forms)
            self._learn()

    def clear(self, line: Line, encoded: bytes) -> bytes:
        """The line without them, as JSON."""
        if isinstance(line, Gpu | Host | Lag | Clock | End):
            return encoded
        if isinstance(line, Prom) and line.problem is None:
            return encoded
        known, seeds = self._known
        if not _SUSPECT.search(encoded) and not any(seed in encoded for seed in seeds):
            return encoded
        return msgspec.json.encode(_cleared(msgspec.json.decode(encoded), known))

    def _learn(self) -> None:
        known: dict[str, list[str]] = {}
        # The longest first: a secret may be the beginning of another one.
        for form in sorted({*self._forms, *chain(*self._prompts)}, key=_longest_first):
            known.setdefault(form[:SEED], []).append(form)
        self._known = (known, tuple(_escaped(seed).encode() for seed in known))


def secrets_of(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """What must not be in any file: keys, tokens and passwords of the environment, parts of URLs.

    Args:
        settings: Its servers name the variables with their keys, have URLs, and commands and
            variables that they are started with.
        environment: Of this process.
    """
    found = secrets_within((), environment)
    for server in settings.servers:
        found.append(environment.get(server.api_key_env or "", ""))
        found.extend(_of_url(server.url))
        found.extend(secrets_within(server.command, server.environment))
    return [one for one in dict.fromkeys(found) if len(one) >= SHORTEST]


def _of_url(url: str) -> Iterable[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    user, _, _ = parts.netloc.rpartition("@")
    for one in (user, *user.split(":", 1)):
        yield one
        yield unquote(one)
    for _, value in parse_qsl(parts.query):
        yield value


def _forms(secret: str) -> tuple[str, ...]:
    """How it may stand in a text: as it is, folded, quoted, escaped, percent-encoded."""
    plain = secret.encode(errors="ignore").decode()
    encoded = [quote(plain, safe=""), quote(plain), quote_plus(plain)]
    forms = [
        plain,
        one_line(plain, PROMPT_LIMIT),
        repr(plain)[1:-1],
        _escaped(plain),
        *encoded,
        *(re.sub("%..", lambda found: found.group().lower(), one) for one in encoded),
    ]
    return tuple(dict.fromkeys(one for one in forms if len(one) >= SHORTEST))


def _longest_first(form: str) -> tuple[int, str]:
    return -len(form), form


def _escaped(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


def _cleared(value: Any, known: _Known, name: str = "") -> Any:  # noqa: ANN401 - JSON
    match value:
        case str():
            return value if name in _WORDS else hide(_without(value, known))
        case dict():
            fields = cast("dict[str, object]", value)
            return {key: _cleared(one, known, key) for key, one in fields.items()}
        case list():
            return [_cleared(one, known, name) for one in cast("list[object]", value)]
        case _:
            return value


def _without(text: str, known: _Known) -> str:
    for seed, forms in known.items():
        at = text.find(seed)
        while at >= 0:
            rest = text[at:]
            end = at + max(_agreement(rest, form) for form in forms)
            text = text[:at] + HIDDEN + text[end:]
            at = text.find(seed, at + len(HIDDEN))
    return text


def _agreement(text: str, form: str) -> int:
    """How many characters they begin with in common."""
    if text.startswith(form):
        return len(form)
    pairs = enumerate(zip(text, form, strict=False))
    return next((n for n, (one, other) in pairs if one != other), len(text))
