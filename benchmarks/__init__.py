"""Programs that measure accuracy, speed and memory. Each prints a table and a line of JSON; none asserts anything."""

import sys
from pathlib import Path

# The random checkpoints and the imitation of the Hub are those of the tests.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
