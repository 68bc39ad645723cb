"""Sentences for the user, put together from parts that were written apart. Pure."""

from typing import Final

_WRITTEN_SMALL: Final = frozenset({"sleeptui", "vllm", "docker", "chmod", "guidellm"})
"""Words that a hint may begin with and that are typed as they stand."""


def sentences(*parts: str) -> str:
    """The parts that say something, as sentences: each begins with a capital, but the first.

    A part that begins with a key (``l shows its log``) or with something to type stays as it is.
    The first is mostly the name of a server.
    """
    said = [part.strip().rstrip(".") for part in parts if part.strip()]
    return ". ".join([*said[:1], *(_capital(part) for part in said[1:])])


def _capital(text: str) -> str:
    word = text.split(maxsplit=1)[0]
    is_key = len(word) == 1 and word != "a"
    if is_key or word in _WRITTEN_SMALL or not word[0].isalpha() or not word.isalpha():
        return text
    return text[0].upper() + text[1:]
