"""A progress bar on the terminal."""

import sys

from tqdm import tqdm


class Bar:
    """A progress bar on standard error; nothing is shown where that is no terminal.

    Parameters
    ----------
    total : int
        The number of items.
    unit : str
        What the items are called, in the plural.
    """

    def __init__(self, total: int, unit: str = "files") -> None:
        self._total, self._unit, self._done = total, unit, 0
        self._bar = tqdm(
            total=max(1, total),
            desc=self._count(),
            bar_format="{percentage:3.0f}% |{bar:30}| {desc} [{elapsed}<{remaining}]",
            disable=None,
            leave=False,
        )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def part(self, share: float) -> None:
        """Show that a share (0 to 1) of the current item is done."""
        self._bar.set_description_str(self._count(), refresh=False)
        self._bar.update(self._done + share - self._bar.n)

    def next(self) -> None:
        """Go on to the next item."""
        self.reach(self._done + 1)

    def reach(self, done: float) -> None:
        """Show that so many items are done, a share of the current one included."""
        self._done = int(done)
        self.part(done - self._done)

    def write(self, text: str) -> None:
        """Print to standard output; on a terminal the bar makes room and comes back below."""
        tqdm.write(text, end="")
        sys.stdout.flush()

    def _count(self) -> str:
        return f"{self._done}/{self._total} {self._unit}"
