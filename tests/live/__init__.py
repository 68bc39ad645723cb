"""Runs against real vLLM servers: ``python -m tests.live OUT``. Needs them to be up already."""
