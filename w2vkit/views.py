"""Results as pictures: a plotly figure, and what the page's linked view draws. Nothing here runs a model."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from w2vkit.audio import Waveform
from w2vkit.decode import Hypothesis
from w2vkit.emissions import Emissions
from w2vkit.vocabulary import Vocabulary

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FLOOR = -8.0  # natural logarithm; what is less likely than one in 3,000 looks alike
LEGEND = {"sure": 0.8, "likely": 0.5, "doubtful": 0.0}  # the least probability that the word is right
PEAK_SECONDS = 0.005  # s; one pair of peaks for each
MOST_LABELS = 64  # rows that can be told apart; of a larger vocabulary the likeliest are drawn


def shade(confidence: float) -> str:
    """Name the shade of a confidence in [0, 1]: a key of `LEGEND`."""
    return next(name for name, least in LEGEND.items() if confidence >= least)


def heatmap(emissions: Emissions, hypothesis: Hypothesis | None = None) -> "Figure":
    """Draw the emission matrix.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.
    hypothesis : Hypothesis, optional
        Its words are written above the frames they come from.

    Returns
    -------
    plotly.graph_objects.Figure
        Characters down, seconds across; colour is the log-probability, cut off at 1 in 3,000.
    """
    import plotly.graph_objects as go

    vocabulary = emissions.vocabulary
    rows = [vocabulary.blank, *sorted(set(vocabulary.columns.values()), key=lambda k: vocabulary.shown(k))]
    values = np.maximum(emissions.log_probs[:, rows].T, FLOOR)
    names = [vocabulary.shown(k) for k in rows]
    times = emissions.start_seconds + (np.arange(len(emissions)) + 0.5) * emissions.frame_seconds
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32).round(2),
            x=times.round(3),
            y=names,
            zmin=FLOOR,
            zmax=0.0,
            colorscale="Viridis",
            colorbar={
                "title": {"text": "probability"},
                "tickvals": np.log([1e-3, 1e-2, 0.1, 1.0]),
                "ticktext": ["0.001", "0.01", "0.1", "1"],
            },
            customdata=np.exp(values).round(4),
            hovertemplate="%{x:.2f} s<br>%{y}: %{customdata:.3f}<extra></extra>",
        )
    )
    for word in hypothesis.words if hypothesis else ():
        figure.add_annotation(
            x=(word.start + word.end) / 2,
            y=1.0,
            yref="paper",
            yanchor="bottom",
            text=word.text,
            showarrow=False,
            font={"size": 10},
            textangle=-30,
        )
    figure.update_layout(
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
        height=620,
        xaxis={"title": {"text": "time (s)"}, "range": [0, emissions.start_seconds + emissions.seconds]},
        yaxis={"autorange": "reversed", "type": "category", "dtick": 1, "tickfont": {"size": 10, "family": "monospace"}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


@dataclass(frozen=True)
class ShownWord:
    """A word of a linked view: its text, its times (s), its confidence, and the key of `LEGEND` for that."""

    text: str
    start: float
    end: float
    confidence: float
    shade: str


@dataclass(frozen=True)
class LinkedView:
    """Waveform, emissions and words on one time axis, small enough to be sent to a browser and drawn there.

    Attributes
    ----------
    seconds : float
        The length of the sound (s).
    frame_seconds, start_seconds : float
        Frame t covers ``start_seconds + [t, t + 1) * frame_seconds``.
    labels : tuple of str
        L names of rows: the blank first, then the characters, then other special labels.
    blank : int
        The row of the blank.
    silent : tuple of int
        Rows that are never text: the blank and other special labels.
    boundary : int or None
        The row of the word boundary.
    matrix : str
        Base64 of (T, L) uint8, one frame after the other. A byte q stands for the log-probability
        ``floor * (1 - q / 255)``; what is less likely than ``exp(floor)`` is 0. The error of a probability is
        at most 1.6 % of it.
    floor : float
        Natural logarithm.
    peaks : str
        Base64 of (P, 2) int8, the lowest and the highest sample of every `peak_seconds`, in 1/127 of full scale.
    peak_seconds : float
    words : tuple of ShownWord
    """

    seconds: float
    frame_seconds: float
    start_seconds: float
    labels: tuple[str, ...]
    blank: int
    silent: tuple[int, ...]
    boundary: int | None
    matrix: str
    floor: float
    peaks: str
    peak_seconds: float
    words: tuple[ShownWord, ...]


def linked_view(waveform: Waveform, emissions: Emissions, hypothesis: Hypothesis) -> LinkedView:
    """Pack a result for the linked view."""
    vocabulary = emissions.vocabulary
    rows = _rows(emissions)
    levels = np.rint(255 * (1 - np.maximum(emissions.log_probs[:, rows], FLOOR) / FLOOR)).astype(np.uint8)
    step = max(1, round(PEAK_SECONDS * waveform.sample_rate))
    return LinkedView(
        seconds=round(waveform.seconds, 3),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
        labels=tuple(vocabulary.shown(row) for row in rows),
        blank=rows.index(vocabulary.blank),
        silent=tuple(i for i, row in enumerate(rows) if row in vocabulary.special),
        boundary=rows.index(vocabulary.word_boundary) if vocabulary.word_boundary in rows else None,
        matrix=_base64(levels),
        floor=FLOOR,
        peaks=_base64(_peaks(waveform.samples, step)),
        peak_seconds=step / waveform.sample_rate,
        words=tuple(ShownWord(w.text, w.start, w.end, round(w.confidence, 4), shade(w.confidence)) for w in hypothesis.words),
    )


def _rows(emissions: Emissions) -> list[int]:
    """Columns in the order in which they are drawn."""
    vocabulary = emissions.vocabulary
    highest = emissions.log_probs.max(axis=0)
    likeliest = np.argsort(-highest, kind="stable")[:MOST_LABELS].tolist()
    return sorted({vocabulary.blank, *likeliest}, key=lambda row: _place(row, vocabulary))


def _place(row: int, vocabulary: Vocabulary) -> tuple[int, str]:
    if row == vocabulary.blank:
        return 0, ""
    if row in vocabulary.special:
        return 3, vocabulary.shown(row)
    return (1, "") if row == vocabulary.word_boundary else (2, vocabulary.shown(row))


def _peaks(samples: np.ndarray, step: int) -> np.ndarray:
    """(P, 2) int8 lowest and highest sample of every ``step`` samples; the last ones may be fewer."""
    starts = np.arange(0, len(samples), step)
    ends = np.column_stack([np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)])
    return np.rint(127 * np.clip(ends, -1, 1)).astype(np.int8)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def wav(waveform: Waveform) -> bytes:
    """Write sound as a 16-bit WAV file, which every browser plays."""
    import io

    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform.samples, -1, 1), waveform.sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
