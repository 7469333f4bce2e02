"""Emissions and a known text to the times of its characters, words and lines.

`align` is exact forced alignment; `spelling` writes the text with the model's labels. NumPy only.
"""

from w2vkit.align.forced_alignment import Alignment, align

__all__ = ["Alignment", "align"]
