"""What the simulated models say: a pure function of model, prompt and the state of the weights."""

import hashlib
import random
import re
from collections.abc import Container
from math import exp, log1p
from typing import NamedTuple

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
_PERIOD_EVERY = 12
_SHORTEST, _LONGEST = 24, 220
_NOISE = 0.015
"""What the other requests of a batch change in a log probability, at most."""
_TIES = 1 / 64
"""Share of the tokens at which noise may decide."""
_NEAR_TIE = 0.01


class Said(NamedTuple):
    """One token, and the one that was nearly said instead."""

    id: int
    text: str
    logprob: float | None
    """None: the weights are empty, no number came out of them."""
    second_id: int
    second: str
    lead: float
    """By how much the second is less likely."""


WRONG = Said(0, "!", -1e-4, 1, '"', 9.3)
"""Said with the weights of nobody: token 0 of the Qwen and GPT-2 vocabularies, again and again."""
EMPTY = Said(0, "!", None, 1, '"', 0.0)
"""Said with empty weights: the first of the tokens that are all the same to them."""


class Voice:
    """The greedy continuation of one prompt by one model.

    Tokens are made when asked for, so that a request for thousands costs nothing up front.
    """

    def __init__(self, model: str, prompt: str, *, variant: int = 0) -> None:
        self._asked = (model, prompt)
        digest = hashlib.blake2b(f"{model}\0{prompt}\0{variant}".encode(), digest_size=8).digest()
        self._rng = random.Random(int.from_bytes(digest))  # noqa: S311 - text, no secret
        self._seconds = random.Random(~int.from_bytes(digest))  # noqa: S311 - the same
        self.natural_tokens = self._rng.randint(_SHORTEST, _LONGEST)
        """Where the model would stop by itself."""
        self._said: list[Said] = []

    def token(self, index: int) -> Said:
        """One token."""
        while len(self._said) <= index:
            self._said.append(self._next())
        return self._said[index]

    def turned(self, index: int) -> "Voice":
        """How it goes on after the second token was said at this place."""
        model, prompt = self._asked
        return Voice(model, f"{prompt}\0{index}")

    def _next(self) -> Said:
        place = len(self._said)
        chosen = self._rng.randrange(len(_WORDS))
        logprob = -self._rng.uniform(0.05, 2.5)
        word = _WORDS[chosen]
        if place % _PERIOD_EVERY == 0:
            word = word.capitalize()
        if place % _PERIOD_EVERY == _PERIOD_EVERY - 1:
            word += "."
        second = (chosen + 1 + self._seconds.randrange(len(_WORDS) - 1)) % len(_WORDS)
        lead = self._lead(logprob)
        return Said(chosen + 1, f" {word}", logprob, second + 1, f" {_WORDS[second]}", lead)

    def _lead(self, logprob: float) -> float:
        """The second takes a part of what the first leaves."""
        if self._seconds.random() < _TIES:
            return self._seconds.uniform(0, _NEAR_TIE)
        rest = log1p(-exp(logprob)) - self._seconds.uniform(0.3, 2.0)
        return max(logprob - rest, self._seconds.uniform(0.1, 0.6))


class Speech:
    """What one request says: a voice, with the noise of the batches that it ran in.

    Alone on the engine it says the same each time, to the last digit; beside others the sums run
    in another order. Then the figures differ a little, and near a tie the token does.
    """

    def __init__(self, voice: Voice, *, beside: Container[int], seed: str) -> None:
        """Of one request.

        Args:
            voice: What it says alone.
            beside: Places of the tokens that were made beside other requests.
            seed: Another one, other noise.
        """
        self._voice = voice
        self._beside = beside
        self._seed = seed
        self._said: list[Said] = []

    def token(self, index: int) -> Said:
        """One token, which must have been generated."""
        while len(self._said) <= index:
            self._said.append(self._next(len(self._said)))
        return self._said[index]

    def _next(self, place: int) -> Said:
        said = self._voice.token(place)
        if place not in self._beside or said.logprob is None:
            return said
        rng = random.Random(f"{self._seed}-{place}")  # noqa: S311 - noise, no secret
        first = min(said.logprob + rng.uniform(-_NOISE, _NOISE), -1e-6)
        second = said.logprob - said.lead + rng.uniform(-_NOISE, _NOISE)
        if second <= first:
            return said._replace(logprob=first, lead=first - second)
        self._voice = self._voice.turned(place)
        return Said(said.second_id, said.second, second, said.id, said.text, second - first)


def tokenize(text: str) -> list[int]:
    """Token ids: one for each word and each sign, stable between runs."""
    return [
        1 + int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=2).digest())
        for piece in _PIECE.findall(text)
    ]
