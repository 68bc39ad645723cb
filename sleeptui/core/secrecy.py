"""What in a text looks like a secret, replaced: flags, assignments, URLs and the shapes of keys.

What is shown and recorded must be fit to be passed on: better ``***`` in the place of a harmless
word than the other way round.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

HIDDEN = "***"
SHORTEST = 6
"""Characters of a secret that is looked for: what is shorter would be found everywhere."""

_ALWAYS = frozenset(
    {"apikey", "auth", "authorization", "credential", "credentials", "passphrase", "passwd"}
    | {"password", "pwd", "secret", "secrets"}
)
_AT_THE_END = frozenset({"key", "keys", "token"})
"""``--hf-token`` is one, ``--stop-token-ids`` and ``--tokenizer`` are none."""
_IN_VARIABLES = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")
"""Anywhere in the name of a variable."""
_URL_USER = re.compile(r"(?<=://)[^/@\s\"']+@")
_SHAPES = re.compile(
    r"\b(?:sk|pk|rk)-[\w-]{12,}"  # OpenAI and those that follow it
    r"|\bhf_\w{16,}"  # Hugging Face
    r"|\b(?:gh[opsu]|github_pat|glpat|xox[abprs]|nvapi)[_-][\w-]{12,}"
    r"|\bAKIA[0-9A-Z]{12,}"  # AWS
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JSON Web Token
    r"|(?<=\bBearer )\S+|(?<=\bBasic )\S+"
)
_NAME = re.compile(r"""(["']?)(?<![\w.-])(-{0,2}[A-Za-z_][\w.-]*)\1(\s*[=:]\s*)""")
"""Of ``NAME=value`` and ``"name": "value"``, in scripts and in JSON."""
_VALUE = re.compile(
    r"""("(?:[^"\\]|\\.)*"?|'[^']*'?|\[[^\]]*\]?|\([^)]*\)?|\{[^}]*\}?|[^\s,;}"']+)"""
)
_FLAG = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)(\s+)([^\s-]\S*)")


def is_secret_name(name: str) -> bool:
    """A flag, variable or JSON field of that name holds a secret, or may."""
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
    return bool(parts) and (not _ALWAYS.isdisjoint(parts) or parts[-1] in _AT_THE_END)


def secrets_within(command: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """What a command line and an environment call a secret; no short ones."""
    found = [value for name, value in variables.items() if _is_secret_variable(name)]
    is_secret = False
    for word in command:
        if word.startswith("-"):
            is_secret = "=" not in word and is_secret_name(word)
        elif is_secret:
            found.append(word)
        found += _assigned(word)
    return [value for value in dict.fromkeys(found) if len(value) >= SHORTEST]


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with ``***`` in the place of each of them."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, HIDDEN)
    return text


def hide(text: str) -> str:
    """The text with ``***`` in the place of what looks like a secret."""
    hidden = _FLAG.sub(_unflagged, _unassigned(text))
    return _SHAPES.sub(HIDDEN, _URL_USER.sub(f"{HIDDEN}@", hidden))


def _is_secret_variable(name: str) -> bool:
    if name == "PWD":  # every shell has it: the folder
        return False
    return is_secret_name(name) or any(part in name.upper() for part in _IN_VARIABLES)


def _assigned(text: str) -> Iterator[str]:
    """Values of secrets within one word, which may be a whole script."""
    for flag in _FLAG.finditer(text):
        if is_secret_name(flag[1]):
            yield flag[3]
    for name in _NAME.finditer(text):
        value = _VALUE.match(text, name.end()) if _is_secret(*name.groups()) else None
        if value is not None:
            yield value[0].strip("\"'")


def _unassigned(text: str) -> str:
    parts: list[str] = []
    at = 0
    for found in _NAME.finditer(text):
        if found.start() < at or not _is_secret(*found.groups()):
            continue
        value = _VALUE.match(text, found.end())
        if value is None or value.group() in {"Bearer", "Basic"}:  # then its shape is known
            continue
        around = value.group()[0] if value.group()[0] in "\"'" else ""
        parts += [text[at : value.start()], around, HIDDEN, around]
        at = value.end()
    return "".join([*parts, text[at:]])


def _is_secret(quote: str, name: str, between: str) -> bool:
    is_prose = name.lower() in _AT_THE_END and not quote and ":" in between
    return not is_prose and is_secret_name(name)  # "first token: 0.3 s" says nothing secret


def _unflagged(match: re.Match[str]) -> str:
    flag, between, _value = match.groups()
    return f"{flag}{between}{HIDDEN}" if is_secret_name(flag) else match.group()
