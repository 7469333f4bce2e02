"""Systems compared on the same utterances: whether one is really better, and where their texts differ.

The first system is the baseline; every other one is compared with it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

import numpy as np

from w2vkit.errors import EvaluationError
from w2vkit.evaluate.hypotheses import System
from w2vkit.evaluate.scoring import FEW_SPEAKERS, Pair, Scored, is_scored, normaliser, score
from w2vkit.pipeline.journal import Result

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RESAMPLES = 10_000  # of the bootstrap
BLOCK = 1000  # of them at once, to bound the memory
BUFFER = 2  # correct words between two segments, as in NIST's sclite
FEW_SEGMENTS = 50  # with fewer the normal distribution is a rough model of their mean
Row = tuple[str | None, ...]  # a word of the reference and what each system has there; None: nothing


@dataclass(frozen=True)
class Resampled:
    """The paired bootstrap of a difference of WER; see `bootstrap`.

    Attributes
    ----------
    over : {"utterances", "speakers"}
        What is drawn.
    count : int
        How many there are.
    interval : (float, float)
        The 95 % interval of the difference, as fractions of 1.
    p : float
        Two-sided.
    """

    over: Literal["utterances", "speakers"]
    count: int
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True)
class MatchedPairs:
    """The matched-pairs sentence-segment word error test; see `matched_pairs`.

    Attributes
    ----------
    segments : int
    mean : float
        Errors per segment more than the baseline.
    z : float
    p : float
        Two-sided.
    """

    segments: int
    mean: float
    z: float
    p: float


@dataclass(frozen=True)
class Difference:
    """One system beside the baseline.

    Attributes
    ----------
    label : str
    wer : float
        WER of the system minus WER of the baseline, as a fraction of 1: negative where the system is better.
    utterances : Resampled or None
        None for a single utterance.
    speakers : Resampled or None
        None where speakers are unknown, or there is only one.
    segments : MatchedPairs or None
        None where fewer than two segments have errors, or all differ by the same number.
    better, worse, equal : int
        Utterances with fewer, more and as many errors.
    gained, lost : tuple of (str, int)
        Words of the references that only the system, or only the baseline, has right, and how often; the most frequent first.
    """

    label: str
    wer: float
    utterances: Resampled | None
    speakers: Resampled | None
    segments: MatchedPairs | None
    better: int
    worse: int
    equal: int
    gained: tuple[tuple[str, int], ...]
    lost: tuple[tuple[str, int], ...]

    @property
    def main(self) -> Resampled | None:
        """The bootstrap to rely on: over speakers where there are enough, because utterances of one speaker are alike."""
        return self.speakers if self.speakers and self.speakers.count >= FEW_SPEAKERS else self.utterances


@dataclass(frozen=True)
class Total:
    """The errors of one system over all compared utterances; ``wer`` is a fraction of 1."""

    label: str
    name: str
    about: str | None
    wer: float
    substitutions: int
    deletions: int
    insertions: int


@dataclass(frozen=True)
class Compared:
    """One utterance.

    Attributes
    ----------
    id : str
    speaker : str or None
    words : int
        Of the reference.
    errors : tuple of int
        Of each system.
    rows : tuple of tuple of (str or None)
        The alignment: a word of the reference, and what each system has there.
    """

    id: str
    speaker: str | None
    words: int
    errors: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """Systems on the utterances that all of them have.

    Attributes
    ----------
    scoring : str
    words : int
        Of the references.
    systems : tuple of Total
        The baseline first.
    differences : tuple of Difference
        Of the other systems.
    utterances : tuple of Compared
    left_out : dict
        The reason why an utterance could not be compared, by its id.
    notes : tuple of str
    """

    scoring: str
    words: int
    systems: tuple[Total, ...]
    differences: tuple[Difference, ...]
    utterances: tuple[Compared, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def sorted(self, system: int) -> list[Compared]:
        """Give the utterances whose texts by a system (1: the first after the baseline) and by the baseline differ.

        Those in which the system has most errors fewer than the baseline come first.
        """
        other = [u for u in self.utterances if any(row[1] != row[1 + system] for row in u.rows)]
        return sorted(other, key=lambda u: u.errors[system] - u.errors[0])


def compare(
    systems: Sequence[System],
    *,
    references: Mapping[str, Result] | None = None,
    scoring: str = "card",
    seed: int = 0,
) -> Comparison:
    """Compare systems with the first of them.

    Parameters
    ----------
    systems : sequence of System
        Two or more; `w2vkit.evaluate.hypotheses.read_system` reads them.
    references : mapping of str to Result, optional
        By id; by default those that the systems have.
    scoring : str
        As for `evaluate`.
    seed : int
        Of the bootstrap.

    Raises
    ------
    EvaluationError
        There is nothing to compare: fewer than two systems, no utterance that all have, no references or different ones, or
        no words in them. Or the seed is negative.
    """
    if seed < 0:
        raise EvaluationError(f"A seed of {seed} is not possible. Give a whole number from 0 (--seed).")
    if not 2 <= len(systems) <= len(LABELS):
        raise EvaluationError(f"{len(systems)} systems were given. Name 2 to {len(LABELS)}.")
    normalise, note = normaliser(scoring)
    common, left_out = _common(systems, references)
    scored = [score(list(results), normalise, scoring) for results in zip(*common.values(), strict=True)]
    for one in zip(*scored, strict=True):
        if len({tuple(s.reference.split()) for s in one}) > 1:
            raise EvaluationError(
                f"The systems have different references of {one[0].id}: they were evaluated on different data sets or text "
                "columns. Evaluate them on the same one, or give the references with --reference FILE."
            )
    utterances = tuple(
        Compared(one[0].id, one[0].speaker, one[0].words, tuple(s.errors for s in one), merge([s.pairs for s in one]))
        for one in zip(*scored, strict=True)
        if is_scored(one[0], scoring)  # as `evaluate` does
    )
    words = sum(u.words for u in utterances)
    if not words:
        raise EvaluationError("The references of all compared utterances are empty. Check them, or the text column.")
    kept = {u.id for u in utterances}
    totals = tuple(
        _total(label, system, [s for s in those if s.id in kept], words)
        for label, system, those in zip(LABELS, systems, scored, strict=False)
    )
    differences = tuple(_difference(utterances, system, seed) for system in range(1, len(systems)))
    cased = _other_case(scored) if scoring == "card" else ()
    notes = [*([note] if note else []), *cased, *_notes(left_out, differences)]
    return Comparison(scoring, words, totals, differences, utterances, left_out, tuple(notes))


def _common(
    systems: Sequence[System], references: Mapping[str, Result] | None
) -> tuple[dict[str, list[Result]], dict[str, str]]:
    """Give the results of all systems by id, each with reference and speaker, and why the other ids are left out."""
    common: dict[str, list[Result]] = {}
    left_out: dict[str, str] = {}
    ids = dict.fromkeys(id for given in (*(s.results for s in systems), references or {}) for id in given)
    for id in ids:
        found = [system.results.get(id) for system in systems]
        texts = [result for result in found if result and result.error is None and result.hypothesis is not None]
        given = references.get(id) if references is not None else None
        sources = [given, *texts] if given else texts
        speaker = next((source.speaker for source in sources if source.speaker), None)
        reference = next((source.reference for source in sources if source.reference is not None), None)
        if len(texts) < len(systems):
            label, result = next((label, r) for label, r in zip(LABELS, found, strict=False) if r not in texts)
            left_out[id] = f"failed in {label}: {result.error or 'no text'}" if result else f"not in {label}"
        elif reference is None or (references is not None and given is None):
            left_out[id] = "no reference"
        else:
            own = [None if given else result.reference for result in texts]
            common[id] = [
                replace(result, speaker=speaker, reference=reference if text is None else text)
                for result, text in zip(texts, own, strict=True)
            ]
    if not common:
        if references is None and set(left_out.values()) <= {"no reference"}:
            raise EvaluationError("None of the compared texts has a reference. Give the references with --reference FILE.")
        given = [*((label, s.results) for label, s in zip(LABELS, systems, strict=False)), ("references", references or {})]
        samples = ", ".join(f"{name} {next(iter(texts))!r}" for name, texts in given if texts)
        raise EvaluationError(f"No utterance is in all of them. Their first ids: {samples}. Make the ids equal.")
    return common, left_out


def _total(label: str, system: System, scored: list[Scored], words: int) -> Total:
    edits = [sum(getattr(s, kind) for s in scored) for kind in ("substitutions", "deletions", "insertions")]
    return Total(label, system.name, system.about, sum(edits) / words, *edits)


def _difference(utterances: Sequence[Compared], system: int, seed: int) -> Difference:
    more = np.array([u.errors[system] - u.errors[0] for u in utterances])
    words = np.array([u.words for u in utterances])
    speakers = None
    if all(u.speaker for u in utterances):
        _, speaker = np.unique([u.speaker or "" for u in utterances], return_inverse=True)
        sums = [np.bincount(speaker, weights=values).astype(int) for values in (more, words)]
        speakers = bootstrap(*sums, over="speakers", seed=seed)
    gained, lost = Counter[str](), Counter[str]()
    for reference, *found in (row for u in utterances for row in u.rows):
        if reference is not None and (found[0] == reference) != (found[system] == reference):
            (lost if found[0] == reference else gained)[reference] += 1
    return Difference(
        label=LABELS[system],
        wer=float(more.sum() / words.sum()),
        utterances=bootstrap(more, words, over="utterances", seed=seed),
        speakers=speakers,
        segments=matched_pairs([more for u in utterances for more in segments(u.rows, system)]),
        better=int((more < 0).sum()),
        worse=int((more > 0).sum()),
        equal=int((more == 0).sum()),
        gained=tuple(gained.most_common()),
        lost=tuple(lost.most_common()),
    )


def bootstrap(
    more: np.ndarray, words: np.ndarray, *, over: Literal["utterances", "speakers"], seed: int = 0
) -> Resampled | None:
    """Resample utterances or speakers in pairs: each draw takes the errors of both systems from the same ones.

    See Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation" (2004), section 4,
    https://doi.org/10.1109/ICASSP.2004.1326009.

    Parameters
    ----------
    more : (N,) int
        Errors more than the baseline.
    words : (N,) int
        Of the references.
    over : {"utterances", "speakers"}
        What the N are.
    seed : int

    Returns
    -------
    Resampled or None
        ``p`` is twice the share of draws on the rarer side of zero, those at zero included. None for N < 2.
    """
    if len(more) < 2:
        return None
    # Equal ones are drawn together: how often each kind occurs in a draw has a multinomial distribution.
    kinds, counts = np.unique(np.stack([more, words], axis=1), axis=0, return_counts=True)
    draws = np.random.default_rng(seed)
    found = []
    for _ in range(0, RESAMPLES, BLOCK):
        sums = draws.multinomial(len(more), counts / len(more), size=BLOCK) @ kinds
        found.append(sums[:, 0] / np.maximum(1, sums[:, 1]))
    differences = np.concatenate(found)
    low, high = np.quantile(differences, [0.025, 0.975])
    rarer = min((differences <= 0).sum(), (differences >= 0).sum())
    p = min(1.0, 2 * (int(rarer) + 1) / (RESAMPLES + 1))  # never 0: the data are one draw, too
    return Resampled(over, len(more), (float(low), float(high)), p)


def merge(alignments: Sequence[Sequence[Pair]]) -> tuple[Row, ...]:
    """Join the alignments of several systems with one reference; words inserted at the same place stand side by side."""
    systems = [_by_place(pairs) for pairs in alignments]
    reference = [word for word, _ in alignments[0] if word is not None]
    rows: list[Row] = []
    for place in range(len(reference) + 1):
        rows += [(None, *words) for words in zip_longest(*(inserted[place] for _, inserted in systems))]
        if place < len(reference):
            rows.append((reference[place], *(words[place] for words, _ in systems)))
    return tuple(rows)


def _by_place(pairs: Iterable[Pair]) -> tuple[list[str | None], list[list[str]]]:
    """Give the word opposite each word of the reference, and the words inserted before each and at the end."""
    words: list[str | None] = []
    inserted: list[list[str]] = [[]]
    for reference, hypothesis in pairs:
        if reference is None:
            inserted[-1].append(hypothesis or "")
        else:
            words.append(hypothesis)
            inserted.append([])
    return words, inserted


def segments(rows: Iterable[Row], system: int) -> Iterator[int]:
    """Cut an utterance where both systems have two words or more right; give the difference of errors in each segment.

    A stretch without errors is not a segment. See `matched_pairs`.
    """
    more, wrong, right = 0, False, 0
    for reference, *words in rows:
        errors = [int(words[k] != reference) for k in (0, system)]
        if any(errors):
            more, wrong, right = more + errors[1] - errors[0], True, 0
        elif reference is not None:
            right += 1
        if wrong and right == BUFFER:
            yield more
            more, wrong = 0, False
    if wrong:
        yield more


def matched_pairs(more: Sequence[int]) -> MatchedPairs | None:
    """Test whether the mean of the segments' differences is zero: MAPSSWE, as ``sc_stats -t mapsswe`` of NIST's SCTK.

    Errors in segments that are bounded by words right in both systems are taken as independent, so that the mean of many has
    a normal distribution. See Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms"
    (1989), https://doi.org/10.1109/ICASSP.1989.266481, and `segments`.

    Parameters
    ----------
    more : sequence of int
        Errors of each segment more than the baseline.

    Returns
    -------
    MatchedPairs or None
        None where the standard deviation cannot be estimated.
    """
    count, mean = len(more), float(np.mean(more)) if more else 0.0
    deviation = float(np.std(more, ddof=1)) if count > 1 else 0.0
    if count < 2 or (deviation == 0 and mean != 0):
        return None
    z = mean / (deviation / math.sqrt(count)) if deviation else 0.0
    return MatchedPairs(count, mean, z, math.erfc(abs(z) / math.sqrt(2)))


def _other_case(scored: Sequence[Sequence[Scored]]) -> Iterator[str]:
    """Warn of a system that writes capitals where the references have none, or the other way round."""

    def capitals(texts: Iterable[str]) -> float:
        letters = [c for text in texts for c in text if c.isalpha()]
        return sum(c.isupper() for c in letters) / len(letters) if letters else math.nan  # which is above nothing

    for label, those in zip(LABELS, scored, strict=False):
        if abs(capitals(s.hypothesis for s in those) - capitals(s.reference for s in those)) > 0.5:
            yield (
                f"{label} and the references differ in upper and lower case: nearly every word of {label} counts as wrong. "
                "To ignore case and punctuation: --scoring whisper"
            )


def _notes(left_out: Mapping[str, str], differences: Sequence[Difference]) -> Iterator[str]:
    if left_out:
        reasons = Counter(reason.partition(":")[0] for reason in left_out.values())
        yield (
            f"{len(left_out)} utterances are left out of all systems ("
            + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            + "), so that a system's WER can differ from that of all its utterances."
        )
    if any(d.speakers and d.speakers.count < FEW_SPEAKERS for d in differences):
        yield f"There are fewer than {FEW_SPEAKERS} speakers: the interval over speakers is rough."
    if any(d.segments and d.segments.segments < FEW_SEGMENTS for d in differences):
        yield f"There are fewer than {FEW_SEGMENTS} segments with errors: the p-value of MAPSSWE is rough."
    if len(differences) > 1:
        yield (
            f"{len(differences)} systems are compared with A: the more there are, the likelier one seems different by chance. "
            f"For an error of 5 % over all of them ask for p below {0.05 / len(differences):.3f} (Bonferroni)."
        )
