"""Two texts of one sound, word by word: what was said against what was heard, or one decoder against another."""

from dataclasses import dataclass

from w2vkit.align.spelling import spell
from w2vkit.errors import EvaluationError
from w2vkit.evaluate.scoring import Pair, score
from w2vkit.pipeline.journal import Row
from w2vkit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Difference:
    """How a hypothesis differs from a reference.

    Attributes
    ----------
    reference, hypothesis : str
        As they were compared.
    wer, cer : float
        Errors per word, or character, of the reference: shares of 1.
    substitutions, deletions, insertions : int
        Of words.
    pairs : tuple of (str or None, str or None)
        Word of the reference, word of the hypothesis; None opposite an insertion or a deletion.
    """

    reference: str
    hypothesis: str
    wer: float
    cer: float
    substitutions: int
    deletions: int
    insertions: int
    pairs: tuple[Pair, ...]


def difference(reference: str, hypothesis: str, vocabulary: Vocabulary | None = None) -> Difference:
    """Align a hypothesis with a reference and count the errors.

    Parameters
    ----------
    reference, hypothesis : str
    vocabulary : Vocabulary, optional
        Spell the reference as a model can write it, by `w2vkit.align.spelling`: then neither case nor punctuation
        nor digits make errors. Without it the texts are compared as they are.

    Raises
    ------
    EvaluationError
        The reference has no words.
    """
    import jiwer

    if vocabulary is not None:
        reference = " ".join("".join(word.characters) for word in spell(reference, vocabulary))
    if not reference.strip():
        raise EvaluationError("The reference has no words to compare with. Write down what was said.")
    (one,) = score([Row("", reference=reference, hypothesis=hypothesis)], str)
    return Difference(
        one.reference,
        one.hypothesis,
        wer=one.errors / one.words,
        cer=jiwer.cer(one.reference, one.hypothesis),
        substitutions=one.substitutions,
        deletions=one.deletions,
        insertions=one.insertions,
        pairs=one.pairs,
    )
