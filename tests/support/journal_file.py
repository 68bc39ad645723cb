"""What stands in the journal of a session that the real program has recorded."""

import json
from pathlib import Path
from typing import Any


def sessions(folder: Path) -> list[Path]:
    """The sessions in a folder, oldest first."""
    return sorted(path.parent for path in folder.glob("*/journal.jsonl"))


def the_session(folder: Path) -> Path:
    """The only one."""
    (found,) = sessions(folder)
    return found


def lines(session: Path) -> list[dict[str, Any]]:
    """All whole lines, as they are."""
    data = (session / "journal.jsonl").read_bytes().rstrip(b"\0")
    whole, _, _ = data.rpartition(b"\n")
    return [json.loads(line) for line in whole.split(b"\n") if line]


def of(found: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """The lines of these kinds."""
    return [line for line in found if line["k"] in kinds]
