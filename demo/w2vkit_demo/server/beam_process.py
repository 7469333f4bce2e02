"""Beam searches and forced alignments in a separate process, each with a deadline."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from w2vkit.align import Alignment, align
from w2vkit.decode import BeamSearch, Hypothesis
from w2vkit.decode.lm import LanguageModel, load
from w2vkit.emissions import Emissions
from w2vkit_demo.server.worker_process import WorkerProcess

LOAD_SECONDS = 600.0  # s; a language model of some GB takes minutes
SEARCH_SECONDS, PER_SECOND = 30.0, 1.0  # s; what a search or an alignment may take, and in addition for every second of sound


class BeamProcess(WorkerProcess):
    """A process that does one search, or one alignment, at a time."""

    def search(
        self, emissions: Emissions, search: BeamSearch | None = None, *, language_model: Path | None = None
    ) -> Hypothesis:
        """Search in the process; it loads the language model of a path once and keeps it.

        Raises
        ------
        ServerError
            As for `WorkerProcess.call`.
        W2VKitError
            As for `BeamSearch`.
        """
        if language_model:
            self.call(_keep, language_model, seconds=LOAD_SECONDS)
        return self.call(_search, emissions, search or BeamSearch(), language_model, seconds=_deadline(emissions))

    def align(self, emissions: Emissions, text: str) -> Alignment:
        """Align a text in the process.

        Raises
        ------
        ServerError
            As for `WorkerProcess.call`.
        AlignmentError
            As for `w2vkit.align.align`.
        """
        return self.call(align, emissions, text, seconds=_deadline(emissions))


def _deadline(emissions: Emissions) -> float:
    return SEARCH_SECONDS + PER_SECOND * emissions.seconds


@lru_cache(maxsize=2)
def _loaded(path: Path) -> LanguageModel:
    return load(path)


def _keep(path: Path) -> None:
    _loaded(path)


def _search(emissions: Emissions, search: BeamSearch, path: Path | None) -> Hypothesis:
    return (replace(search, language_model=_loaded(path)) if path else search)(emissions)
