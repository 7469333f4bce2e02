"""Calibration: figures against values computed by hand, fits against data made with known parameters."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.emissions import LABELS, spell

from w2vkit.align import align
from w2vkit.audio import Waveform
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import BeamSearch, Hypothesis, Word, beam_search, greedy
from w2vkit.decode.lm import BUNDLED, load
from w2vkit.decode.lm.build import build_ngram
from w2vkit.emissions import FILE, UNCALIBRATED, Calibration, Emissions, Vocabulary
from w2vkit.errors import ModelError
from w2vkit.evaluate.calibration import (
    auc,
    expected_calibration_error,
    fit_curve,
    fit_temperature,
    judge,
    match_words,
    negative_log_likelihood,
    reliability,
    temperature_scaled,
)
from w2vkit.model import CTCModel

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


def test_temperature_scaling_equals_dividing_the_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (40, len(LABELS)))

    def emissions(values: np.ndarray) -> Emissions:
        log_probs = values - np.logaddexp.reduce(values, axis=1, keepdims=True)
        return Emissions(log_probs.astype(np.float32), Vocabulary.of(LABELS))

    softer = temperature_scaled(emissions(logits), 2.5)
    np.testing.assert_allclose(softer.log_probs, emissions(logits / 2.5).log_probs, atol=1e-5)
    assert greedy(softer).text == greedy(emissions(logits)).text


@pytest.mark.parametrize("temperature", [0, -1.0, math.nan, math.inf, "2"])
def test_a_temperature_is_a_positive_number(temperature) -> None:
    with pytest.raises(ModelError, match="positive"):
        temperature_scaled(spell(["A"]), temperature)


@pytest.mark.slow
def test_the_fit_finds_the_temperature_of_the_data() -> None:
    rng = np.random.default_rng(1)
    vocabulary = Vocabulary.of(["<pad>", "|", "A", "B"])
    emissions, references = [], []
    for p in rng.uniform(0.5, 1.0, 700):  # words of one letter, right with the probability p
        log_probs = np.log(np.array([[1e-9, 1e-9, p, 1 - p]]))
        sharp = 3.0 * log_probs
        sharp -= np.logaddexp.reduce(sharp, axis=1, keepdims=True)
        emissions.append(Emissions(sharp.astype(np.float32), vocabulary))
        references.append("A" if rng.random() < p else "B")
    calibration = fit_temperature(emissions, references)
    assert calibration.temperature == pytest.approx(3.0, rel=0.2)
    assert calibration.words == 700
    before = judge([greedy(one) for one in emissions], references)
    after = judge([greedy(replace(one, calibration=calibration)) for one in emissions], references)
    assert negative_log_likelihood(*after) < negative_log_likelihood(*before)
    assert expected_calibration_error(*after) < 0.05 < expected_calibration_error(*before)


def test_a_fit_without_words_is_refused() -> None:
    with pytest.raises(ModelError, match="No word"):
        fit_temperature([spell(["_", "_"])], ["A"])
    with pytest.raises(ModelError, match="No word"):
        fit_curve([greedy(spell(["_", "_"]))], ["A"], language=True)


def test_the_fit_finds_the_language_model_curve_of_the_data() -> None:
    rng = np.random.default_rng(2)
    hypotheses, references = [], []
    for length in (1, 3, 8):
        for sound in rng.uniform(0.05, 0.95, 1500):  # the mean probability of the word's characters
            right = rng.random() < 1 / (1 + np.exp(-0.5 - 0.6 * np.log(sound / (1 - sound))))
            hypotheses.append(Hypothesis("A" * length, (Word("A" * length, 0.0, 1.0, float(sound**length)),), 0.0))
            references.append("A" * length if right else "B")
    shift, slope = fit_curve(hypotheses, references, language=True)
    assert (shift, slope) == (pytest.approx(0.5, abs=0.1), pytest.approx(0.6, abs=0.1))
    helped = Calibration(language=(shift, slope)).lm_confidence
    corrected = [helped(h.words[0].confidence, len(h.text)) for h in hypotheses]
    assert expected_calibration_error(np.array(corrected), judge(hypotheses, references)[1]) < 0.04


@pytest.mark.parametrize("share", [0, 1])
def test_a_curve_can_be_fitted_where_all_words_are_right_or_all_wrong(share: int) -> None:
    said = greedy(spell([*"A_A A"], sure=0.9))
    shift, slope = fit_curve([said] * 50, [said.text if share else "X X"] * 50, language=True)
    confidence = Calibration(language=(shift, slope)).lm_confidence(said.words[0].confidence, 2)
    assert abs(confidence - share) < 0.05


def test_the_fit_finds_the_curve_of_words_without_a_language_model() -> None:
    rng = np.random.default_rng(3)
    sounds = rng.uniform(0.05, 0.95, 3000)
    hypotheses = [Hypothesis("AB", (Word("AB", 0.0, 1.0, float(sound)),), 0.0) for sound in sounds]
    right = rng.random(3000) < 1 / (1 + np.exp(-0.5 - 1.6 * np.log(sounds / (1 - sounds))))
    references = ["AB" if one else "B" for one in right]
    curve = fit_curve(hypotheses, references, language=False)
    assert curve == (pytest.approx(0.5, abs=0.15), pytest.approx(1.6, abs=0.15))
    assert expected_calibration_error(Calibration(acoustic=curve).confidence(sounds), right) < 0.03
    assert expected_calibration_error(sounds, right) > 0.07


def test_every_decoder_gives_calibrated_confidences_and_the_same_text(tmp_path: Path) -> None:
    emissions = spell([*"_A_B _B_"], sure=0.9)
    path = tmp_path / "model.arpa"
    build_ngram([["AB", "B"]], 1, output=path)
    search = BeamSearch(language_model=load(path))
    calibration = Calibration(1.7, (0.3, 0.5), language_model=load(path).fingerprint, acoustic=(-0.2, 0.8))
    calibrated = replace(emissions, calibration=calibration)
    for decode in (greedy, beam_search, lambda one: align(one, "ab b").hypothesis, search):
        as_it_is, softer, corrected = (decode(one) for one in (emissions, temperature_scaled(emissions, 1.7), calibrated))
        assert (corrected.text, corrected.score) == (as_it_is.text, as_it_is.score)
        assert [(w.start, w.end) for w in corrected.words] == [(w.start, w.end) for w in as_it_is.words]
        expected = [w.confidence for w in softer.words]
        if decode is search:
            expected = [calibration.lm_confidence(c, len(w.text)) for c, w in zip(expected, softer.words, strict=True)]
        elif decode in (greedy, beam_search):
            expected = [1 / (1 + math.exp(0.2) * (1 / c - 1) ** 0.8) for c in expected]
        assert [w.confidence for w in corrected.words] == pytest.approx(expected, rel=1e-5)
        assert all(w.confidence < 0.97 * v.confidence for w, v in zip(corrected.words, as_it_is.words, strict=True))
    assert [w.confidence for w in search(emissions).words] == pytest.approx(
        [w.confidence for w in greedy(emissions).words], rel=1e-5
    )


def test_the_curve_for_a_language_model_is_not_applied_to_another_one(tmp_path: Path) -> None:
    build_ngram([["AB", "B"]], 1, output=tmp_path / "fitted.arpa")
    build_ngram([["AB", "B", "B"]], 1, output=tmp_path / "other.arpa")
    fitted, other = (load(tmp_path / name) for name in ("fitted.arpa", "other.arpa"))
    shutil.copy(tmp_path / "fitted.arpa", tmp_path / "copy.arpa")
    emissions = spell([*"_A_B _B_"], sure=0.9)
    calibrated = replace(emissions, calibration=Calibration(1.0, (3.0, 0.5), language_model=fitted.fingerprint))
    for model, corrected in ((fitted, True), (load(tmp_path / "copy.arpa"), True), (other, False), (None, False)):
        search = BeamSearch(language_model=model)
        same = [w.confidence for w in search(calibrated).words] == [w.confidence for w in search(emissions).words]
        assert same != corrected


@pytest.mark.slow
def test_the_curve_of_the_bundled_checkpoint_is_for_its_own_language_model() -> None:
    assert Calibration.load(mini_folder()).language_model == load(BUNDLED).fingerprint


def test_language_model_curve_by_hand() -> None:
    helped = Calibration(language=(0.5, 2.0)).lm_confidence
    assert helped(0.8**3, 3) == pytest.approx(1 / (1 + math.exp(-0.5) * (0.2 / 0.8) ** 2))
    assert 0 < helped(0.0, 4) < helped(1.0, 4) < 1
    assert Calibration().lm_confidence(0.3, 4) == 0.3


def test_emissions_of_the_bundled_checkpoint_have_its_calibration() -> None:
    model = CTCModel.load("w2v-mini")
    (emissions,) = model.emit([Waveform(np.zeros(16_000, np.float32), 16_000)])
    assert emissions.calibration == Calibration.load(model.folder) != UNCALIBRATED
    assert emissions.calibration.language
    assert emissions.calibration.acoustic


def test_a_checkpoint_with_a_damaged_calibration_is_refused(checkpoints, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoints["random-layer"], tmp_path / "damaged"))
    assert CTCModel.load(str(folder)).emit([Waveform(np.zeros(1600, np.float32), 16_000)])[0].calibration == UNCALIBRATED
    (folder / FILE).write_text('{"temperature": 0, "language": null, "words": 1}')
    with pytest.raises(ModelError, match=r"calibration\.json cannot be used.*Fit it again, or delete it"):
        CTCModel.load(str(folder))


def test_a_calibration_is_saved_and_loaded_with_its_checkpoint(tmp_path: Path) -> None:
    assert Calibration.load(tmp_path) == UNCALIBRATED
    for calibration in (Calibration(1.75, (0.5, -0.25), 1200, "0123456789abcdef", (1.0, 2.0)), Calibration(1.75)):
        calibration.save(tmp_path)
        assert Calibration.load(tmp_path) == calibration


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"temperature": 2}',
        '{"temperature": -1, "language": null, "words": 1}',
        '{"temperature": 1, "language": [1], "words": 1}',
        '{"temperature": 1, "language": [1, "x"], "words": 1}',
        '{"temperature": 1, "language": 2, "words": 1}',
        '{"temperature": 1, "acoustic": [1], "words": 1}',
        *(f'{{"temperature": {value}, "words": 1}}' for value in ("true", "1e308", "1e-300", "NaN", "9" * 5000)),
        *(f'{{"temperature": 1, "language": {value}, "words": 1}}' for value in ("[1e308, 1]", "[true, 1]", "[NaN, 1]")),
        '{"temperature": 1, "words": "many"}',
        '{"temperature": 1, "words": 1, "language_model": [1]}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ModelError, match=FILE):
        Calibration.load(tmp_path)
