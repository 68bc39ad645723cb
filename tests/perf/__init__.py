"""Benchmarks: each figure is compared with a baseline in one run. ``python -m tests.perf``."""
