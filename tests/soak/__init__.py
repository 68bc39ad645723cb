"""The soak: half an hour of random operations and faults. ``python -m tests.soak``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does: ``support`` is importable
