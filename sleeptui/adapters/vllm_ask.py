"""What is asked of ``/v1/completions``: bodies of streamed, greedy requests."""

from uuid import uuid4

import msgspec

# Tokens are counted by usage: special ones come without text.
_STREAMED = {
    "stream": True,
    "stream_options": {"include_usage": True, "continuous_usage_stats": True},
}


def prompt_body(model: str, prompt: str, *, max_tokens: int, ignore_eos: bool) -> bytes:
    """A completion; ``ignore_eos``: of ``max_tokens`` tokens, whatever the model thinks."""
    asked = {"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0}
    end = {"ignore_eos": True} if ignore_eos else {}
    return msgspec.json.encode({**asked, **_STREAMED, **end})


def canary_body(model: str, prompt: str, *, max_tokens: int) -> bytes:
    """A completion with ids and log probabilities, salted: no prefix cache answers it."""
    asked = {
        "model": model,
        "prompt": prompt,
        "max_tokens": max_tokens,
        "temperature": 0,
        "seed": 0,
        "ignore_eos": True,
        "logprobs": 2,
        "return_token_ids": True,
        "cache_salt": uuid4().hex,
    }
    return msgspec.json.encode({**asked, **_STREAMED})
