"""Where the characters of a decoded text are: the likeliest of the paths that the beam search has walked.

This is Viterbi's algorithm on the CTC lattice of the text (Graves et al., 2006, section 4.1, with the maximum in
place of the sum): state 2k + 1 is character k, the even states are the blanks around it.
"""

from collections.abc import Sequence

import numpy as np

from w2vkit.decode.hypothesis import Span
from w2vkit.emissions import Emissions


def place(emissions: Emissions, labels: Sequence[int], born: Sequence[int], left: Sequence[int]) -> list[Span]:
    """Find the frames of each label of a text.

    Parameters
    ----------
    emissions : Emissions
    labels : sequence of int
        The L columns that spell the text, single word boundaries between words.
    born, left : sequence of int
        For the empty text and each of its L prefixes: the search knew the prefix at the end of the frames
        [born, left). Only there is it looked for, so that an hour takes no more memory per frame than a second.

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
    # Two more columns: the best that is no text, and the same with the boundary, which adds none between words.
    blank = log_probs[:, sorted(vocabulary.special)].max(axis=1)
    silence = blank if boundary is None else np.maximum(blank, log_probs[:, boundary])
    rows = np.column_stack([log_probs, blank, silence]).astype(np.float64)
    spelled = np.array(labels)
    column = np.full(2 * len(labels) + 1, columns)
    column[1::2] = spelled
    column[[0, -1]] = columns + 1
    column[2::2][spelled == boundary] = columns + 1
    skip = np.full(len(column), -np.inf)  # over a blank only from one character to another
    skip[3::2][spelled[1:] != spelled[:-1]] = 0.0

    # No path gets through a prefix that the search has left for good: it has to be past it, whatever shorter ones do.
    passable = np.minimum.accumulate(left[::-1])[::-1]
    first = np.searchsorted(passable, np.arange(frames), side="right")
    last = np.searchsorted(born, np.arange(frames), side="right") - 1
    starts, stops = np.maximum(2 * first - 1, 0).tolist(), (2 * last + 1).tolist()
    scores = np.full(len(column) + 2, -np.inf)  # state s is at s + 2
    scores[2] = 0.0
    moves = []
    a, b = 0, 1
    for frame in range(frames):
        before = (a, b)
        a, b = starts[frame], stops[frame]
        best, move = scores[a + 2 : b + 2], np.zeros(b - a, dtype=np.int8)
        for steps, ways in ((1, scores[a + 1 : b + 1]), (2, scores[a:b] + skip[a:b])):
            better = ways > best
            best = np.where(better, ways, best)
            move[better] = steps
        best = best + rows[frame, column[a:b]]
        scores[before[0] + 2 : before[1] + 2] = -np.inf
        scores[a + 2 : b + 2] = best
        moves.append((a, move))
    return _spans(moves, emissions.tempered, labels, len(column) - (2 if scores[-2] > scores[-1] else 1))


def _spans(moves: list[tuple[int, np.ndarray]], tempered: np.ndarray, labels: Sequence[int], state: int) -> list[Span]:
    """Walk back from the last state and cut the frames where it changes."""
    start, stop = [0] * len(labels), [0] * len(labels)
    for frame in range(len(moves) - 1, -1, -1):
        if state % 2:
            start[state // 2] = frame
            stop[state // 2] = stop[state // 2] or frame + 1
        offset, move = moves[frame]
        state -= int(move[state - offset])
    return [Span(label, i, j, float(tempered[i:j, label].max())) for label, i, j in zip(labels, start, stop, strict=True)]
