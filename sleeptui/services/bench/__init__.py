"""Benchmarks: carries out a plan, one step at a time, and leaves every server as it was found."""
