"""What the tab Transcribe keeps of a result."""

import numpy as np
import pytest
from support.emissions import spell

from w2vkit.audio import load
from w2vkit.decode import BeamSearch
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit_demo.tabs.transcribe import MAX_KEPT_BYTES, kept, restored


def test_a_result_is_kept_small_and_gives_the_same_texts():
    (emissions,) = CTCModel.load("w2v-mini", device="cpu").emit([load(examples()[0].path)])
    parts = kept(emissions)
    assert parts is not None and parts["log_probs"].nbytes == emissions.log_probs.nbytes / 2
    again = restored(parts)
    assert again.log_probs.dtype == np.float32 and np.allclose(again.log_probs, emissions.log_probs, rtol=1e-3, atol=1e-3)
    best, found = (BeamSearch(nbest=3)(one) for one in (emissions, again))
    assert [h.text for h in (best, *best.alternatives)] == [h.text for h in (found, *found.alternatives)]
    assert found.score == pytest.approx(best.score, abs=0.05)


def test_a_large_result_is_not_kept():
    assert kept(spell(["A"] * (MAX_KEPT_BYTES // 64 + 1))) is None
