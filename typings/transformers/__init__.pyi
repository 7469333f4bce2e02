"""Pyright takes everything of transformers as Any: its own types would have 2,700 more files read, a third of the time."""

from typing import Any

def __getattr__(name: str) -> Any: ...
