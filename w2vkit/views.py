"""Results as pictures: plotly figures and coloured text. Nothing here runs a model."""

from typing import TYPE_CHECKING

import numpy as np

from w2vkit.decode import Hypothesis
from w2vkit.emissions import Emissions

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FLOOR = -8.0  # natural logarithm; what is less likely than one in 3,000 looks alike
LEGEND = {"sure": 0.8, "likely": 0.5, "doubtful": 0.0}  # the least probability that the word is right
COLOURS = {"sure": "#1a7f4b", "likely": "#b7791f", "doubtful": "#c2410c"}


def shade(confidence: float) -> str:
    """Name the shade of a confidence in [0, 1]: a key of `LEGEND`."""
    return next(name for name, least in LEGEND.items() if confidence >= least)


def coloured_text(hypothesis: Hypothesis) -> list[tuple[str, str | None]]:
    """Split the text into (piece, shade) pairs: words shaded by confidence, the spaces between them plain."""
    pieces: list[tuple[str, str | None]] = []
    for word in hypothesis.words:
        if pieces:
            pieces.append((" ", None))
        pieces.append((word.text, shade(word.confidence)))
    return pieces


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
    times = (np.arange(len(emissions)) + 0.5) * emissions.frame_seconds
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
        xaxis={"title": {"text": "time (s)"}, "range": [0, emissions.seconds]},
        yaxis={"autorange": "reversed", "type": "category", "dtick": 1, "tickfont": {"size": 10, "family": "monospace"}},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
