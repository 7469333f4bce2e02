"""Emissions and a text that is already known, to times: where every character, word and line was said.

`align` is exact forced alignment; `spelling` writes the text with the model's labels. NumPy only.
"""

from w2vkit.align.forced_alignment import Alignment, align

__all__ = ["Alignment", "align"]
