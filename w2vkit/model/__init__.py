"""Waveforms to emissions: finds a checkpoint, loads it and runs it. The only room that imports torch and transformers.

`CTCModel` is imported when it is first asked for, so that `w2vkit.model.hub` costs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2vkit.model.ctc_model import CTCModel

__all__ = ["CTCModel"]


def __getattr__(name: str) -> Any:
    if name == "CTCModel":
        from w2vkit.model.ctc_model import CTCModel

        return CTCModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
