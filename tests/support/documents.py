"""What the documents tell a reader to type: their commands and their files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
EXPERIMENT = ROOT / "compose" / "exp1" / "README.md"
PROGRAMS = ("sleeptui", "make", "python", "docker run", "systemctl")
"""What a sentence tells to run; the options of other tools are no commands of ours."""
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


def blocks(document: Path, kind: str) -> list[str]:
    """The blocks of a document in one language."""
    return [block for name, block in _BLOCK.findall(document.read_text()) if name == kind]


def commands(document: Path) -> list[str]:
    """Each line that can be typed, once, without its comment: of blocks, then of the sentences."""
    lines = [
        _bare(line)
        for block in blocks(document, "sh")
        for line in block.replace("\\\n", "").splitlines()
    ]
    spans = _SPAN.findall(_BLOCK.sub("", document.read_text()))
    lines += [span for span in spans if span.startswith(tuple(f"{name} " for name in PROGRAMS))]
    return list(dict.fromkeys(line for line in lines if line))


def _bare(line: str) -> str:
    """Without what the shell takes for a comment."""
    return re.sub(r"(^|\s+)#\s.*$", "", line).strip()
