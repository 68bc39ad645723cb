"""What is asked of ``/v1/completions``: bodies of streamed, greedy requests."""

from uuid import uuid4

import msgspec

# Tokens are counted by usage: special ones come without text.
_STREAMED = {
    "stream": True,
    "stream_options": {"include_usage": True, "continuous_usage_stats": True},
}


_DETAILS = {"logprobs": 2, "return_token_ids": True}
"""Each token, how likely it was, and the one that was nearly said instead."""


def prompt_body(
    model: str, prompt: str, *, max_tokens: int, ignore_eos: bool, detailed: bool
) -> bytes:
    """A completion.

    Args:
        model: Served name.
        prompt: The text.
        max_tokens: Where the answer is cut.
        ignore_eos: It has so many tokens, whatever the model thinks.
        detailed: With ids and log probabilities.
    """
    asked = {"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0}
    end = {"ignore_eos": True} if ignore_eos else {}
    return msgspec.json.encode({**asked, **_STREAMED, **end, **(_DETAILS if detailed else {})})


def canary_body(model: str, prompt: str, *, max_tokens: int) -> bytes:
    """A completion with ids and log probabilities, salted: no prefix cache answers it."""
    asked = {
        "model": model,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": 0,
        "seed": 0,
        "ignore_eos": True,
        **_DETAILS,
        "cache_salt": uuid4().hex,
    }
    return msgspec.json.encode({**asked, **_STREAMED})
