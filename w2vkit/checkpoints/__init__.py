"""The bundled checkpoint ``w2v-mini``: a folder with weights, processor, language model and model card."""

from importlib.resources import files
from pathlib import Path

MINI = "w2v-mini"


def mini_folder() -> Path:
    """Give the folder of the bundled checkpoint."""
    return Path(str(files(__name__) / MINI))
