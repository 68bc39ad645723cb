"""What the simulated models say: a pure function of model, prompt and the state of the weights."""

import hashlib
import random
import re

_PIECE = re.compile(r"\w+|[^\w\s]")
_VOCABULARY = """
the a of and to in is that for it as with on by this model memory weights cache token sleep wake
host device queue request answer light sky blue air short long because which more less than when
so every small large fast slow first last one two some many each time space line point part
whole work turn place hold keep move copy read write begin end open close count measure state
level page block layer batch step stream result name number value order change same other new
old high low left right between under over into from about through again still only also then
there here what how why where
"""
_WORDS = tuple(_PIECE.findall(_VOCABULARY))
GARBAGE_ID = 0
GARBAGE_TEXT = "!"
"""Token 0 of the Qwen and GPT-2 vocabularies: what lost weights were seen to repeat."""
_PERIOD_EVERY = 12
_SHORTEST, _LONGEST = 24, 220


class Voice:
    """The greedy continuation of one prompt by one model.

    Tokens are made when asked for, so that a request for thousands costs nothing up front.
    """

    def __init__(self, model: str, prompt: str, *, variant: int = 0) -> None:
        digest = hashlib.blake2b(f"{model}\0{prompt}\0{variant}".encode(), digest_size=8).digest()
        self._rng = random.Random(int.from_bytes(digest))  # noqa: S311 - text, no secret
        self.natural_tokens = self._rng.randint(_SHORTEST, _LONGEST)
        """Where the model would stop by itself."""
        self._said: list[tuple[int, str, float]] = []

    def token(self, index: int) -> tuple[int, str, float]:
        """Id, text and log probability of one token."""
        while len(self._said) <= index:
            self._said.append(self._next())
        return self._said[index]

    def _next(self) -> tuple[int, str, float]:
        place = len(self._said)
        chosen = self._rng.randrange(len(_WORDS))
        logprob = -self._rng.uniform(0.05, 2.5)
        word = _WORDS[chosen]
        if place % _PERIOD_EVERY == 0:
            word = word.capitalize()
        if place % _PERIOD_EVERY == _PERIOD_EVERY - 1:
            word += "."
        return chosen + 1, f" {word}", logprob


def tokenize(text: str) -> list[int]:
    """Token ids: one for each word and each sign, stable between runs."""
    return [
        1 + int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=2).digest())
        for piece in _PIECE.findall(text)
    ]
