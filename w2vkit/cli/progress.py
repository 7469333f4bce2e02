"""A progress bar on the terminal."""

import sys
from time import monotonic

from tqdm import tqdm


class Bar:
    """A progress bar on standard error; nothing is shown where that is no terminal.

    Parameters
    ----------
    total : int
        The number of items.
    unit : str
        What the items are called, in the plural.
    quiet : bool
        Show neither bar nor notes.
    """

    def __init__(self, total: int, unit: str = "files", *, quiet: bool = False) -> None:
        self._total, self._unit, self._quiet = total, unit, quiet
        self._began, self._done, self._seconds = monotonic(), 0.0, 0.0
        self._bar = tqdm(
            total=max(1, total),
            desc=self.line,
            bar_format="{percentage:3.0f}% |{bar:30}| {desc}",
            disable=True if quiet else None,
            leave=False,
        )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    @property
    def line(self) -> str:
        """Count, speed and time left, such as "12 of 60 files, 340 times real time, 2 min left"."""
        parts, elapsed = [f"{int(self._done)} of {self._total} {self._unit}"], monotonic() - self._began
        if self._seconds and elapsed > 0:
            speed = self._seconds / elapsed
            parts.append(f"{speed:.0f} times real time" if speed >= 10 else f"{speed:.1f} times real time")
        if 0 < self._done < self._total:
            parts.append(f"{_rounded(elapsed * (self._total - self._done) / self._done)} left")
        return ", ".join(parts)

    def add_sound(self, seconds: float) -> None:
        """Add the duration of a sound that is done, for the speed."""
        self._seconds += seconds

    def reach(self, done: float) -> None:
        """Show the number of items that are done, including a fraction of the current one."""
        self._done = done
        self._bar.set_description_str(self.line, refresh=False)
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Print a line to standard error, in the same way as `write`."""
        if not self._quiet:
            tqdm.write(text, file=sys.stderr)

    def write(self, text: str) -> None:
        """Print to standard output; on a terminal the bar moves below the text."""
        tqdm.write(text, end="")
        sys.stdout.flush()


def _rounded(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
