"""A progress bar on the terminal."""

import sys


class Bar:
    """A bar on a terminal's error output; nothing where that is a file or a pipe.

    Parameters
    ----------
    total : int
        How many there are to do.
    unit : str
        What they are, for people.
    """

    WIDTH = 30

    def __init__(self, total: int, unit: str = "files") -> None:
        self.total, self.unit, self.done, self.shown = total, unit, 0, sys.stderr.isatty()

    def __enter__(self) -> "Bar":
        self.part(0.0)
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def part(self, share: float) -> None:
        """Show that so much (0 to 1) of the current one is done."""
        if self.shown:
            filled = int(self.WIDTH * (self.done + share) / max(1, self.total))
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (self.WIDTH - filled)}] {self.done}/{self.total} {self.unit}")
            sys.stderr.flush()

    def next(self) -> None:
        """Go on to the next one."""
        self.done += 1
        self.part(0.0)

    def reach(self, done: float) -> None:
        """Show that so many are done, a part of the current one included."""
        self.done = int(done)
        self.part(done - self.done)

    def clear(self) -> None:
        """Take the bar off the line."""
        if self.shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
