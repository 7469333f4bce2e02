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
        self._total, self._unit = total, unit
        self._bar = tqdm(
            total=max(1, total),
            desc=f"0/{total} {unit}",
            bar_format="{percentage:3.0f}% |{bar:30}| {desc} [{elapsed}<{remaining}]",
            disable=None,
            leave=False,
        )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def reach(self, done: float) -> None:
        """Show that so many items are done, including a fraction of the current one."""
        self._bar.set_description_str(f"{int(done)}/{self._total} {self._unit}", refresh=False)
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Print a line to standard error, in the same way as `write`."""
        tqdm.write(text, file=sys.stderr)

    def write(self, text: str) -> None:
        """Print to standard output; on a terminal the bar makes room and comes back below."""
        tqdm.write(text, end="")
        sys.stdout.flush()
