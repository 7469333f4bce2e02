"""Hypotheses compared with references: normalisation, counts of errors, bootstrap intervals, groups of utterances."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from w2vkit.align.spelling import spell
from w2vkit.emissions import Vocabulary
from w2vkit.errors import EvaluationError
from w2vkit.model.whisper_text import SPELLINGS
from w2vkit.pipeline.journal import Result

SCORINGS = {
    "card": "raw text, as the model card scores",
    "whisper": "Whisper's English normaliser on both sides, as the Open ASR Leaderboard scored until 2025",
    "leaderboard": "the Open ASR Leaderboard's own normaliser on both sides, and compounds match however they are written",
}
IGNORED = "ignore time segment in scoring"  # a reference of TED-LIUM that the leaderboard leaves out, normalised
LENGTHS = (5.0, 10.0, 15.0, 20.0)  # s; the edges of the table by length
RESAMPLES = 1000  # of the bootstrap
FEW_SPEAKERS = 10  # with fewer speakers the bootstrap over speakers has too few distinct draws
Pair = tuple[str | None, str | None]


@dataclass(frozen=True)
class Scored:
    """The score of one utterance; its texts are normalised, as they were compared. Rates are fractions of 1.

    Attributes
    ----------
    id : str
    speaker : str or None
    seconds : float
    reference, hypothesis : str
    substitutions, deletions, insertions : int
    pairs : tuple of (str or None, str or None)
        Word of the reference, word of the hypothesis; None opposite an insertion or a deletion.
    """

    id: str
    speaker: str | None
    seconds: float
    reference: str
    hypothesis: str
    substitutions: int
    deletions: int
    insertions: int
    pairs: tuple[Pair, ...]

    @property
    def words(self) -> int:
        """How many words the reference has."""
        return sum(reference is not None for reference, _ in self.pairs)

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float:
        """Errors per word of the reference; NaN where it has none."""
        return self.errors / self.words if self.words else float("nan")

    @property
    def cer(self) -> float:
        """Errors per character of the reference, which must not be empty."""
        import jiwer

        return jiwer.cer(self.reference, self.hypothesis)


@dataclass(frozen=True)
class Group:
    """Sums over the utterances of one speaker, or of similar length."""

    name: str
    utterances: int
    seconds: float
    words: int
    errors: int

    @property
    def wer(self) -> float:
        """Errors per word of the reference; NaN where it has none."""
        return self.errors / self.words if self.words else float("nan")


def normaliser(scoring: str) -> tuple[Callable[[str], str], str | None]:
    """Give the normaliser of a scoring, and a note for the reader of the figures, if it needs one.

    Raises
    ------
    EvaluationError
        There is no such scoring.
    """
    if scoring not in SCORINGS:
        raise EvaluationError(f"There is no scoring {scoring!r}. Choose one of: {', '.join(SCORINGS)}.")
    if scoring == "card":
        return str, None
    if scoring == "whisper":
        from w2vkit.model.whisper_text import english_normaliser

        normalise, complete = english_normaliser()
        return normalise, None if complete else (
            "Whisper's list of British spellings is not on this machine: numbers, contractions, titles, symbols and fillers "
            "are normalised as Whisper does, but COLOUR against COLOR counts as an error. For the exact score: "
            f"hf download {' '.join(SPELLINGS)}"
        )
    from w2vkit.model.leaderboard_text import LISTS, leaderboard_normaliser, lists_file

    _kaldialign()
    normalise, complete = leaderboard_normaliser()
    return normalise, None if complete else (
        "The leaderboard's lists of words are not on this machine: all else is normalised as there, but pairs such as ANN "
        "and ANNE, OK and OKAY, ALL RIGHT and ALRIGHT count as errors. For the exact score: "
        f"curl --create-dirs -o {lists_file()} {LISTS}"
    )


def _kaldialign() -> Any:
    try:
        import kaldialign
    except ImportError as error:
        raise EvaluationError(
            "The scoring 'leaderboard' needs the library kaldialign, which is not installed: pip install kaldialign. "
            "Or choose the scoring 'whisper'."
        ) from error
    return kaldialign


def is_scored(one: Scored, scoring: str) -> bool:
    """Whether an utterance counts: an empty reference does so in "card" only, as the leaderboard leaves it out."""
    return scoring == "card" or (one.words > 0 and one.reference != IGNORED)


def score(results: Sequence[Result], normalise: Callable[[str], str], scoring: str = "card") -> list[Scored]:
    """Align every hypothesis with its reference, word by word.

    Parameters
    ----------
    results : sequence of Result
    normalise : callable
        Applied to both texts.
    scoring : str
        "leaderboard" matches compounds; see `merge_compounds`. The others use jiwer's Levenshtein alignment.
    """
    import jiwer

    if not results:
        return []
    if scoring == "leaderboard":
        return [merge_compounds(result, normalise) for result in results]
    # jiwer splits words at spaces only; here any white space of Unicode separates words, in both texts.
    references = [" ".join(normalise(result.reference or "").split()) for result in results]
    hypotheses = [" ".join(normalise(result.hypothesis or "").split()) for result in results]
    output = jiwer.process_words(references, hypotheses)
    scored = []
    for k, (result, chunks) in enumerate(zip(results, output.alignments, strict=True)):
        pairs: list[Pair] = []
        edits = Counter[str]()
        for chunk in chunks:
            reference = output.references[k][chunk.ref_start_idx : chunk.ref_end_idx]
            hypothesis = output.hypotheses[k][chunk.hyp_start_idx : chunk.hyp_end_idx]
            # A chunk is a run of edits of one kind; insertions and deletions have no words on the other side.
            length = max(len(reference), len(hypothesis))
            pairs += zip(reference or [None] * length, hypothesis or [None] * length, strict=True)
            edits[chunk.type] += length
        counts = (edits["substitute"], edits["delete"], edits["insert"])
        texts = references[k], hypotheses[k]
        scored.append(Scored(result.id, result.speaker, result.seconds or 0.0, *texts, *counts, tuple(pairs)))
    return scored


def merge_compounds(result: Result, normalise: Callable[[str], str]) -> Scored:
    """Align the texts so that "white paper" and "whitepaper" match, as the Open ASR Leaderboard counts.

    Adjacent words of one text may be joined to match one word of the other at no cost (kaldialign's ``merge_compounds``). Such
    words take the form of the reference in the hypothesis of the score.
    """
    eps = "\0"
    texts = [normalise(text or "").split() for text in (result.reference, result.hypothesis)]
    pairs: list[Pair] = []
    for reference, hypothesis in _kaldialign().align(*texts, eps, merge_compounds=True):
        if eps not in (reference, hypothesis) and reference.replace(" ", "") == hypothesis.replace(" ", ""):
            pairs += [(word, word) for word in reference.split()]
        else:
            pairs.append((None if reference == eps else reference, None if hypothesis == eps else hypothesis))
    edits = Counter("insert" if a is None else "delete" if b is None else "substitute" for a, b in pairs if a != b)
    return Scored(
        result.id,
        result.speaker,
        result.seconds or 0.0,
        " ".join(texts[0]),
        " ".join(b for _, b in pairs if b is not None),
        edits["substitute"],
        edits["delete"],
        edits["insert"],
        tuple(pairs),
    )


def interval(scored: Sequence[Scored], *, speakers: bool, seed: int = 0) -> tuple[float, float] | None:
    """Compute the 95 % bootstrap interval of the WER of all utterances, as fractions of 1.

    Utterances are drawn with replacement, and the WER of each draw is computed. Utterances of one speaker depend on each
    other, so that whole speakers are drawn where there are enough. See Bisani and Ney, "Bootstrap estimates for confidence
    intervals in ASR performance evaluation" (2004), https://doi.org/10.1109/ICASSP.2004.1326009.

    Returns
    -------
    (float, float) or None
        The 2.5 % and 97.5 % quantiles; None where there is only one utterance or speaker.
    """
    groups = group(scored, lambda s: s.speaker or "") if speakers else [_total("", [s]) for s in scored]
    if len(groups) < 2:
        return None
    errors, words = np.array([g.errors for g in groups]), np.array([g.words for g in groups])
    draws = np.random.default_rng(seed)
    wers = []
    for _ in range(RESAMPLES):
        chosen = draws.integers(len(groups), size=len(groups))
        wers.append(errors[chosen].sum() / max(1, words[chosen].sum()))
    low, high = np.quantile(wers, [0.025, 0.975])
    return float(low), float(high)


def group(scored: Iterable[Scored], key: Callable[[Scored], str]) -> list[Group]:
    """Sum the utterances that share a key; groups are in the order of their first utterance."""
    members: dict[str, list[Scored]] = {}
    for one in scored:
        members.setdefault(key(one), []).append(one)
    return [_total(name, those) for name, those in members.items()]


def between(
    scored: Iterable[Scored], edges: tuple[float, ...], unit: str, value: Callable[[Scored], float]
) -> tuple[Group, ...]:
    """Sum the utterances whose values lie between two edges, the lowest values first."""
    names = [f"under {edges[0]:g} {unit}", *(f"{a:g} to {b:g} {unit}" for a, b in pairwise(edges))]
    names.append(f"{edges[-1]:g} {unit} and more")
    groups = group(scored, lambda s: names[int(np.searchsorted(edges, value(s), side="right"))])
    return tuple(sorted(groups, key=lambda g: names.index(g.name)))


def _total(name: str, those: list[Scored]) -> Group:
    seconds = sum(s.seconds for s in those)
    return Group(name, len(those), seconds, sum(s.words for s in those), sum(s.errors for s in those))


def unknown_characters(references: Iterable[str], vocabulary: Vocabulary, scoring: str) -> Counter[str]:
    """Count the characters of the references that the model cannot write.

    For the other scorings than "card", case and what their normalisers drop (marks, punctuation, symbols) do not count.
    """
    known = set("".join(vocabulary.columns))
    characters = Counter(c for text in references for c in text if not c.isspace())
    if scoring == "card":
        return Counter({c: n for c, n in characters.items() if c not in known})
    return Counter(
        {
            c: n
            for c, n in characters.items()
            if known.isdisjoint(c + c.upper() + c.lower()) and unicodedata.category(c)[0] not in "MPS"
        }
    )


def check_case(references: Iterable[str], vocabulary: Vocabulary) -> None:
    """Refuse references in a case that the model cannot write, before hours are spent on transcribing.

    Raises
    ------
    EvaluationError
        More than half of the letters are in the vocabulary only in the other case.
    """
    known = set("".join(vocabulary.columns))
    letters = Counter(c for text in references for c in text if c.isalpha())
    wrong = Counter({c: n for c, n in letters.items() if c not in known and c.swapcase() in known})
    if wrong.total() > letters.total() / 2:
        case = "upper" if any(c.islower() for c in wrong) else "lower"
        raise EvaluationError(
            f"The references are not in {case} case, but the model writes {case} case only: nearly every word would count "
            f"as wrong. Put the texts into {case} case, or ignore it with the scoring 'whisper' (--scoring whisper)."
        )


def difference(reference: str, hypothesis: str, vocabulary: Vocabulary | None = None) -> Scored:
    """Align a hypothesis with a reference and count the errors.

    Parameters
    ----------
    reference, hypothesis : str
    vocabulary : Vocabulary, optional
        Spell the reference with the labels of a model (`w2vkit.align.spelling`), so that case, punctuation and digits
        count as no errors. Without it the texts are compared as they are.

    Raises
    ------
    EvaluationError
        The reference has no words.
    """
    if vocabulary is not None:
        reference = " ".join("".join(word.characters) for word in spell(reference, vocabulary))
    if not reference.strip():
        raise EvaluationError("The reference has no words to compare with. Write down what was said.")
    (scored,) = score([Result("", reference=reference, hypothesis=hypothesis)], str)
    return scored
