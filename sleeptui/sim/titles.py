"""The names and titles of the simulated fleets, for the command line: nothing else is imported."""

from collections.abc import Mapping
from types import MappingProxyType

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "default": "Three models take turns on one GPU",
        "two-gpus": "Eight models on two GPUs",
        "sixty-four": "Sixty-four models on eight GPUs",
        "faults": "One server for each thing that goes wrong",
        "versions": "Old and new vLLM, and servers without the switches",
        "exp1": "The two models of experiment 1 on one GPU",
    }
)
"""By name; ``default`` is what ``--demo`` opens."""
