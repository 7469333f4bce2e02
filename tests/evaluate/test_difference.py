"""Differences of texts, against edits counted by hand."""

import pytest
from support.emissions import LABELS

from w2vkit.emissions import Vocabulary
from w2vkit.errors import EvaluationError
from w2vkit.evaluate.scoring import difference


def test_every_kind_of_edit_is_counted_and_paired():
    found = difference("A BIRD SANG LOUD", "A BIRT SANG OUT LOUD NOW")
    assert found.pairs == (("A", "A"), ("BIRD", "BIRT"), ("SANG", "SANG"), (None, "OUT"), ("LOUD", "LOUD"), (None, "NOW"))
    assert (found.substitutions, found.deletions, found.insertions) == (1, 0, 2)
    assert found.wer == 3 / 4
    assert found.cer == 9 / 16  # one letter wrong, OUT and NOW with their spaces added


def test_a_reference_is_spelled_as_the_model_can_write_it():
    found = difference("\u201cDon\u2019t \u2014 caf\u00e9, 42!\u201d", "DON'T CAFE FORTY TWO", Vocabulary.of(LABELS))
    assert found.wer == 0 and found.reference == "DON'T CAFE FORTY TWO"
    assert difference("Don't", "DON'T").wer == 1  # without a vocabulary texts are compared as they are


def test_an_empty_hypothesis_leaves_out_every_word():
    found = difference("ONE TWO", "")
    assert (found.wer, found.deletions) == (1, 2) and found.pairs == (("ONE", None), ("TWO", None))


@pytest.mark.parametrize("reference", ["", "  ", "?!"])
def test_a_reference_without_words_is_refused(reference):
    with pytest.raises(EvaluationError, match="no words"):
        difference(reference, "A", Vocabulary.of(LABELS))
