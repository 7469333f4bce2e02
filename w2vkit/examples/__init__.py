"""The bundled clips: synthetic speech with its text, usable without a download."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """A bundled clip.

    Attributes
    ----------
    path : Path
        The audio file.
    text : str
        What is said.
    about : str
        One line about the voice and the recording.
    """

    path: Path
    text: str
    about: str


def examples() -> list[Example]:
    """Give the bundled clips, in the order of their file names."""
    folder = Path(str(files(__name__)))
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return [Example(folder / row["file"], row["text"], row["about"]) for row in index]
