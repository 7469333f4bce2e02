"""From frames to seconds: how far a character reaches around the frames in which CTC emits it.

CTC is free to emit a character anywhere near its sound, and learns to do it in one or two frames, with blanks
between (Graves et al., "Connectionist temporal classification", 2006, figure 1). So the frames of a word say
where it is, not where it begins and ends: taken as they are, words begin late and end early. The rule here needs
nothing but those frames, for every decoder alike: neighbours share the gap between them equally, but at the edge
of a word a character reaches at most `LEAD_SECONDS` back and `TAIL_SECONDS` on. What remains is silence.
"""

import numpy as np

# About what a phone lasts in read speech, and a phone before a pause, which is drawn out. Fitted to no reference.
LEAD_SECONDS = 0.06  # s; the most that a word begins before its first character is emitted
TAIL_SECONDS = 0.10  # s; the most that it goes on after its last


def extents(
    starts: np.ndarray, stops: np.ndarray, opens: np.ndarray, *, frames: int, frame_seconds: float, start_seconds: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Give every character its time.

    Parameters
    ----------
    starts, stops : numpy.ndarray
        (L,) character i is emitted in frames [starts[i], stops[i]), in order and without overlap.
    opens : numpy.ndarray
        (L,) bool, True where a word begins.
    frames : int
        Frames of the whole sound.
    frame_seconds : float
        Seconds from one frame to the next.
    start_seconds : float
        When frame 0 begins (s); as much sound follows the last frame.

    Returns
    -------
    begins, ends : numpy.ndarray
        (L,) float64 seconds, rounded to milliseconds, in order, inside the sound.
    """
    # Gap i stands before character i, the last one after all; those at the sound's edges are shared with nobody.
    gaps = (np.append(starts, frames) - np.append(0, stops)) * frame_seconds
    reach = gaps / 2
    reach[[0, -1]] = gaps[[0, -1]] + start_seconds
    edges = np.append(opens, True)
    edges[0] = True
    before = np.where(edges, np.minimum(reach, LEAD_SECONDS), reach)
    after = np.where(edges, np.minimum(reach, TAIL_SECONDS), reach)
    begins = start_seconds + starts * frame_seconds - before[:-1]
    ends = start_seconds + stops * frame_seconds + after[1:]
    begins, ends = np.round(begins, 3), np.round(ends, 3)
    ends[:-1] = np.minimum(ends[:-1], begins[1:])  # half a millisecond may round two ways
    return begins, ends
