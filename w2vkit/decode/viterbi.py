"""Forced alignment: the likeliest CTC path of a known text, by the Viterbi algorithm.

The lattice is that of Graves et al., "Connectionist temporal classification" (2006), section 4.1,
https://www.cs.toronto.edu/~graves/icml_2006.pdf: L labels with a blank before, between and after them, 2L + 1 states in
all. A path stays in a state, goes on to the next, or skips the blank between two different labels.

There are two searches, since they differ in lattice and in size:

- `viterbi` aligns a text that the user gives, for `w2vkit.align`. Its blanks are the vocabulary's blank, and every frame
  may be in every state. It keeps no back-pointers: those of an hour (180,000 frames, 50,000 characters) would take 18 GB.
  It stores the scores every `BLOCK` frames on the way forward. On the way back it computes one block at a time again, only
  as wide as a path can move in it. An hour has 9e9 cells, each a few vectorised operations, and needs about 100 MB.
- `align_decoded_text` aligns a text that beam search has found, for the times of its words. Its blanks are those of the
  beam search: any special label, and beside a word boundary, or at the ends of the text, that boundary too, since repeated
  boundaries add no text. Only the frames in which a prefix was in the beam are searched for it, which keeps the table of
  back-pointers small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2vkit.decode.hypothesis import Span
from w2vkit.emissions import Emissions

BLOCK = 1024  # frames; L * T / BLOCK scores are kept, and BLOCK ** 2 while going back


@dataclass(frozen=True, eq=False)
class BestPath:
    """The frames of each label on the best path.

    Attributes
    ----------
    starts, stops : numpy.ndarray
        (L,) int64; label i is at frames [starts[i], stops[i]), all other frames are blank.
    score : float
        The path's log-probability.
    """

    starts: np.ndarray
    stops: np.ndarray
    score: float


def frames_needed(columns: np.ndarray) -> int:
    """The least number of frames for the labels: one each, and a blank between two equal ones."""
    return len(columns) + int((columns[1:] == columns[:-1]).sum())


def viterbi(log_probs: np.ndarray, columns: np.ndarray, blank: int) -> BestPath:
    """Find the likeliest path that spells the labels.

    Parameters
    ----------
    log_probs : numpy.ndarray
        (T, V) float32, finite.
    columns : numpy.ndarray
        (L,) int64, the column of each label, L >= 1; ``frames_needed(columns)`` is at most T.
    blank : int
        The column of the blank.

    Returns
    -------
    BestPath
    """
    # Every path visits every frame, so subtracting the blank's score from a frame changes all paths by the same amount.
    # With a score of 0, blanks need no addition.
    scores = log_probs - log_probs[:, blank, None]
    skip = np.zeros(len(columns), np.float32)  # added on the way from the label before without a blank
    skip[0] = -np.inf
    skip[1:][columns[1:] == columns[:-1]] = -np.inf
    checkpoints, state = _forward(scores, columns, skip)
    states = np.empty(len(scores), np.int64)
    for block in reversed(range(len(checkpoints))):
        window = slice(block * BLOCK, (block + 1) * BLOCK)
        state = _back(scores[window], columns, skip, checkpoints[block], state, states[window])
    labels = np.arange(len(columns)) * 2 + 1
    starts, stops = np.searchsorted(states, labels, "left"), np.searchsorted(states, labels, "right")
    along = np.where(states % 2, columns[np.minimum(states // 2, len(columns) - 1)], blank)
    return BestPath(starts, stops, float(log_probs[np.arange(len(states)), along].sum(dtype=np.float64)))


# The scores of all states at a frame, in two arrays: blanks[i] is the blank before label i, labels[i + 1] is label i. So
# labels[i] is the label before label i, and labels[0] stays impossible.
_Scores = tuple[np.ndarray, np.ndarray]


def _forward(scores: np.ndarray, columns: np.ndarray, skip: np.ndarray) -> tuple[list[_Scores], int]:
    """Give the scores before every block, and the state in which the best path ends."""
    frames, length = len(scores), len(columns)
    blanks, labels = (np.full(length + 1, -np.inf, np.float32) for _ in range(2))
    blanks[0] = 0.0
    spare = np.empty((2, length), np.float32)
    checkpoints = []
    for t in range(frames):
        # The labels that a path can have reached by now, and from which it can still reach the end.
        first, last = max(0, length - frames + t), min(length, t + 1)
        if t % BLOCK == 0:
            top = max(blanks[first:].max(), labels[first:].max())  # float32 is most precise near zero
            blanks -= top
            labels -= top
            checkpoints.append((blanks.copy(), labels.copy()))
        here = slice(first, last)
        _advance(blanks[first : last + 1], labels[first : last + 1], scores[t], columns[here], skip[here], spare[:, here])
    return checkpoints, 2 * length - int(labels[length] > blanks[length])


def _advance(
    blanks: np.ndarray, labels: np.ndarray, scores: np.ndarray, columns: np.ndarray, skip: np.ndarray, spare: np.ndarray
) -> None:
    """Take n labels, the n + 1 blanks around them and the label before to the next frame, in place."""
    best, own = spare
    np.add(labels[:-1], skip, out=best)
    np.maximum(best, labels[1:], out=best)
    np.maximum(best, blanks[:-1], out=best)
    np.maximum(blanks[1:], labels[1:], out=blanks[1:])
    np.take(scores, columns, out=own, mode="clip")  # "raise" would buffer the output
    np.add(best, own, out=labels[1:])


def _back(scores: np.ndarray, columns: np.ndarray, skip: np.ndarray, before: _Scores, state: int, states: np.ndarray) -> int:
    """Trace a block back from the state at its last frame: fill in its states, give the state before its first frame."""
    stop = min(len(columns), state // 2 + 1)
    start = max(0, stop - 1 - len(scores))  # a path passes at most one label per frame
    here = slice(start, stop)
    blanks, labels = (np.empty((len(scores) + 1, stop - start + 1), np.float32) for _ in range(2))
    blanks[0], labels[0] = (scores_before[start : stop + 1] for scores_before in before)
    spare = np.empty((2, stop - start), np.float32)
    for t, row in enumerate(scores):
        blanks[t + 1], labels[t + 1] = blanks[t], labels[t]
        _advance(blanks[t + 1], labels[t + 1], row, columns[here], skip[here], spare)
    for t in reversed(range(len(scores))):
        states[t] = state
        i = state // 2 - start
        if state % 2:
            stay, step, jump = labels[t, i + 1], blanks[t, i], labels[t, i] + skip[start + i]
            state -= 0 if stay >= max(step, jump) else 1 if step >= jump else 2
        else:
            state -= int(labels[t, i] > blanks[t, i])
    return state


def align_decoded_text(
    emissions: Emissions, labels: Sequence[int], first_frame: np.ndarray, last_frame: np.ndarray
) -> list[Span]:
    """Find the frames of each label of a text that beam search has found.

    Parameters
    ----------
    emissions : Emissions
        T frames.
    labels : sequence of int
        The L columns that spell the text, with single word boundaries between words.
    first_frame, last_frame : numpy.ndarray
        (L + 1,) for the empty text and each prefix of L labels: the first and the last frame after which it was in the
        beam. A prefix is searched for only there, so that an hour needs no more memory per frame than a second.

    Returns
    -------
    list of Span
        One per label.
    """
    if not labels:
        return []
    log_probs, vocabulary = emissions.log_probs, emissions.vocabulary
    frames, columns = log_probs.shape
    boundary = vocabulary.word_boundary
    # Two more columns: the best special label, and the best of these and the boundary, for the states beside a boundary.
    blank = log_probs[:, sorted(vocabulary.special)].max(axis=1)
    silence = blank if boundary is None else np.maximum(blank, log_probs[:, boundary])
    rows = np.column_stack([log_probs, blank, silence]).astype(np.float64)
    spelled = np.array(labels)
    column = np.full(2 * len(labels) + 1, columns)
    column[1::2] = spelled
    column[[0, -1]] = columns + 1
    column[2::2][spelled == boundary] = columns + 1
    skip = np.full(len(column), -np.inf)  # a blank is skipped only between two different labels
    skip[3::2][spelled[1:] != spelled[:-1]] = 0.0

    # A path passes through all prefixes in turn. It must have left a prefix, and all before it, by the prefix's last frame.
    latest = np.minimum.accumulate(last_frame[::-1])[::-1]
    first = np.searchsorted(latest, np.arange(frames), side="left")
    last = np.searchsorted(first_frame, np.arange(frames), side="right") - 1
    starts, stops = np.maximum(2 * first - 1, 0).tolist(), (2 * last + 1).tolist()
    scores = np.full(len(column) + 2, -np.inf)  # that of state s is at s + 2
    scores[2] = 0.0
    moves = []
    a, b = 0, 1
    for frame in range(frames):
        before = (a, b)
        a, b = starts[frame], stops[frame]
        best, move = scores[a + 2 : b + 2], np.zeros(b - a, dtype=np.int8)
        for steps, candidates in ((1, scores[a + 1 : b + 1]), (2, scores[a:b] + skip[a:b])):
            better = candidates > best
            best = np.where(better, candidates, best)
            move[better] = steps
        best = best + rows[frame, column[a:b]]
        scores[before[0] + 2 : before[1] + 2] = -np.inf
        scores[a + 2 : b + 2] = best
        moves.append((a, move))
    return _spans(moves, emissions.calibrated, labels, len(column) - (2 if scores[-2] > scores[-1] else 1))


def _spans(moves: list[tuple[int, np.ndarray]], calibrated: np.ndarray, labels: Sequence[int], state: int) -> list[Span]:
    """Trace the path back from its last state; a label's span is the run of frames in its state."""
    start, stop = [0] * len(labels), [0] * len(labels)
    for frame in range(len(moves) - 1, -1, -1):
        if state % 2:
            start[state // 2] = frame
            stop[state // 2] = stop[state // 2] or frame + 1
        offset, move = moves[frame]
        state -= int(move[state - offset])
    return [Span(label, i, j, float(calibrated[i:j, label].max())) for label, i, j in zip(labels, start, stop, strict=True)]
