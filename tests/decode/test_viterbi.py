"""The best path through the lattice, against independent searches."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2vkit.decode import viterbi as module
from w2vkit.decode.viterbi import frames_needed, viterbi

BLANK = 0


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return (logits - np.logaddexp.reduce(logits, axis=1)[:, None]).astype(np.float32)


def brute_force(log_probs: np.ndarray, columns: list[int]) -> float:
    """The best score of all V^T paths that collapse to the labels."""
    frames, labels = log_probs.shape
    scores = [-np.inf]
    for path in itertools.product(range(labels), repeat=frames):
        if [label for label, _ in itertools.groupby(path) if label != BLANK] == columns:
            scores.append(sum(float(log_probs[t, label]) for t, label in enumerate(path)))
    return max(scores)


def full_table(log_probs: np.ndarray, columns: list[int]) -> float:
    """The plain recursion over all T * (2L + 1) cells."""
    states = [BLANK]
    for column in columns:
        states += [column, BLANK]
    scores = {0: float(log_probs[0, BLANK]), 1: float(log_probs[0, columns[0]])}
    for row in log_probs[1:].astype(float):
        following: dict[int, float] = {}
        for s, label in enumerate(states):
            before = [s, s - 1]
            if label != BLANK and s >= 2 and label != states[s - 2]:
                before.append(s - 2)
            following[s] = max(scores.get(b, -np.inf) for b in before) + row[label]
        scores = following
    return max(scores.get(s, -np.inf) for s in (len(states) - 1, len(states) - 2))


def check(path: module.BestPath, log_probs: np.ndarray, columns: list[int]) -> None:
    """Check that the frames spell the labels, and that their log-probabilities add up to the score."""
    frames = np.full(len(log_probs), BLANK)
    for column, start, stop in zip(columns, path.starts, path.stops, strict=True):
        assert start < stop
        frames[start:stop] = column
    assert [label for label, _ in itertools.groupby(frames.tolist()) if label != BLANK] == columns
    assert path.score == pytest.approx(float(log_probs[np.arange(len(frames)), frames].sum(dtype=float)), abs=1e-5)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_viterbi_equals_brute_force(data: st.DataObject) -> None:
    frames, labels = data.draw(st.integers(1, 6)), data.draw(st.integers(2, 4))
    columns = data.draw(st.lists(st.integers(1, labels - 1), min_size=1, max_size=4))
    if frames_needed(np.array(columns)) > frames:
        assert brute_force(np.zeros((frames, labels)), columns) == -np.inf
        return
    logits = np.random.default_rng(data.draw(st.integers(0, 2**32))).normal(0, 3, (frames, labels))
    log_probs = log_softmax(logits)
    path = viterbi(log_probs, np.array(columns), BLANK)
    assert path.score == pytest.approx(brute_force(log_probs, columns), abs=1e-4)
    check(path, log_probs, columns)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(0, 60), st.integers(1, 20))
def test_viterbi_equals_the_full_table_for_any_length_of_blocks(seed: int, length: int, spare: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.integers(1, 4, length)
    log_probs = log_softmax(rng.normal(0, 2, (frames_needed(columns) + spare, 4)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        path = viterbi(log_probs, columns, BLANK)
    assert path.score == pytest.approx(full_table(log_probs, columns.tolist()), abs=1e-3)
    check(path, log_probs, columns.tolist())


def test_equal_neighbours_have_a_blank_between_them() -> None:
    """As in torchaudio.functional.forced_align. Without a blank, equal labels would merge."""
    sure = log_softmax(np.array([[0.0, 9.0]] * 3))
    path = viterbi(sure, np.array([1, 1]), BLANK)
    assert (path.starts.tolist(), path.stops.tolist()) == ([0, 2], [1, 3])
    assert frames_needed(np.array([1, 1])) == 3
    assert frames_needed(np.array([1, 2, 1])) == 3


@pytest.mark.slow
def test_a_long_lattice_takes_no_table_of_back_pointers() -> None:
    rng = np.random.default_rng(0)
    frames, length = 12_000, 3_000  # 72 MB of int8 back-pointers, 288 MB of scores
    columns = np.tile([1, 2, 3], length // 3)
    places = np.sort(rng.choice(frames // 2, length, replace=False)) * 2
    logits = np.zeros((frames, 4))
    logits[:, BLANK] = 6.0
    logits[places, columns] = 12.0
    log_probs = log_softmax(logits)
    tracemalloc.start()
    path = viterbi(log_probs, columns, BLANK)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.starts.tolist() == places.tolist()
    assert (path.stops - path.starts).max() == 1
    assert peak < 25e6
