"""Figures about confidence, against values worked out by hand and data made with a known temperature."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, spell

from w2vkit.calibration import (
    FILE,
    Calibration,
    auc,
    expected_calibration_error,
    fit_temperature,
    judge,
    match_words,
    negative_log_likelihood,
    reliability,
    temper,
)
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.errors import ModelError
from w2vkit.vocabulary import Vocabulary

CONFIDENCES = np.array([0.0, 0.1, 0.15, 0.9, 0.95, 1.0])
RIGHT = np.array([False, True, False, True, True, False])


def test_bins_are_open_below_and_closed_above() -> None:
    bins = reliability(CONFIDENCES, RIGHT, bins=10)
    assert [b.count for b in bins] == [2, 1, 0, 0, 0, 0, 0, 0, 1, 2]
    assert (bins[0].confidence, bins[0].accuracy) == (pytest.approx(0.05), 0.5)
    assert (bins[9].low, bins[9].high) == (pytest.approx(0.9), 1.0)
    assert (bins[9].confidence, bins[9].accuracy) == (pytest.approx(0.975), 0.5)


def test_expected_calibration_error_by_hand() -> None:
    # 2/6 * |0.05 - 0.5| + 1/6 * |0.15 - 0| + 1/6 * |0.9 - 1| + 2/6 * |0.975 - 0.5|
    assert expected_calibration_error(CONFIDENCES, RIGHT) == pytest.approx((2 * 0.45 + 0.15 + 0.1 + 2 * 0.475) / 6)


def test_auc_by_hand() -> None:
    # Right 0.9 and 0.8 against wrong 0.85 and 0.1: three of the four pairs are in order.
    assert auc(np.array([0.9, 0.85, 0.8, 0.1]), np.array([True, False, True, False])) == 0.75
    assert auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5
    assert auc(np.array([0.1, 0.9]), np.array([True, False])) == 0.0
    assert math.isnan(auc(np.array([0.1, 0.9]), np.array([True, True])))


def test_likelihood_by_hand() -> None:
    value = negative_log_likelihood(np.array([0.8, 0.4]), np.array([True, False]))
    assert value == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert 0 < negative_log_likelihood(np.array([1.0]), np.array([False])) < 20


def test_words_are_matched_by_the_fewest_edits() -> None:
    assert match_words("THE CAT SAT", "THE BIG CAT SIT") == [(0, 0), (1, 2)]
    assert match_words("", "THE") == match_words("THE", "") == []
    confidences, right = judge([greedy(spell([*"A_B"])), greedy(spell([*"A B"]))], ["X", "A C"])
    assert right.tolist() == [False, True, False]
    assert len(confidences) == 3


def test_tempering_equals_dividing_the_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (40, len(LABELS)))

    def emissions(values: np.ndarray) -> Emissions:
        log_probs = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
        return Emissions(log_probs.astype(np.float32), Vocabulary.of(LABELS))

    softer = temper(emissions(logits), 2.5)
    np.testing.assert_allclose(softer.log_probs, emissions(logits / 2.5).log_probs, atol=1e-5)
    assert greedy(softer).text == greedy(emissions(logits)).text


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf, "2"])
def test_a_temperature_is_a_positive_number(temperature) -> None:
    with pytest.raises(ModelError, match="positive"):
        temper(spell(["A"]), temperature)


def test_the_fit_finds_the_temperature_that_made_a_model_too_sure() -> None:
    rng = np.random.default_rng(1)
    vocabulary = Vocabulary.of(["<pad>", "|", "A", "B"])
    emissions, references = [], []
    for p in rng.uniform(0.5, 1.0, 700):  # words of one letter, each as probable as the model first says
        log_probs = np.log(np.array([[1e-9, 1e-9, p, 1 - p]]))
        sharp = 3.0 * log_probs
        sharp -= np.logaddexp.reduce(sharp, axis=1, keepdims=True)
        emissions.append(Emissions(sharp.astype(np.float32), vocabulary))
        references.append("A" if rng.random() < p else "B")
    calibration = fit_temperature(emissions, references)
    assert calibration.temperature == pytest.approx(3.0, rel=0.2)
    assert calibration.nll_after < calibration.nll_before
    assert calibration.words == 700
    tempered = judge([greedy(temper(e, calibration.temperature)) for e in emissions], references)
    assert expected_calibration_error(*tempered) < 0.05


def test_nothing_recognised_cannot_be_fitted() -> None:
    with pytest.raises(ModelError, match="No word"):
        fit_temperature([spell(["_", "_"])], ["A"])


def test_stored_beside_a_checkpoint(tmp_path: Path) -> None:
    assert Calibration.load(tmp_path) is None
    calibration = Calibration(1.75, 1200, 0.5, 0.25)
    calibration.save(tmp_path)
    assert Calibration.load(tmp_path) == calibration


@pytest.mark.parametrize(
    "content", ["", "[]", '{"temperature": 2}', '{"temperature": -1, "words": 1, "nll_before": 1, "nll_after": 1}']
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ModelError, match=FILE):
        Calibration.load(tmp_path)
