"""Runs first in every Python that the tests start.

jsonschema, which Jupyter and Gradio import, would compile the grammar of this package for seconds at every start. It is only
there where Jupyter is installed, and nothing here needs it.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # pyright: ignore[reportArgumentType]
