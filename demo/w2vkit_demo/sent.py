"""The page's own scripts and styles, as they are sent."""

import re
from pathlib import Path

STATIC = Path(__file__).parent / "static"
UNSEEN = re.compile(r"^\s*(//.*\n|/\*(?:(?!\*/).)*\*/\n)?", re.MULTILINE)  # indentation, empty lines, and lines of comments


def sent(*names: str) -> str:
    """Join files of ``static/``, without what only their readers need."""
    return UNSEEN.sub("", "".join((STATIC / name).read_text(encoding="utf-8") for name in names))
