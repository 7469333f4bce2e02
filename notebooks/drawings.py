"""Plotly figures of notebooks 08 to 13; each gives a figure, or a figure and what moves it, for `lesson.show`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

BLUE, RED, GREEN, GREY, PALE = "#1f6feb", "#c2410c", "#15803d", "#9aa5b1", "#9cc4f5"
Moved = tuple[go.Figure, Callable[..., None]]


def draw_trellis(loss: Any, seconds: Any, path: Any, ways: Sequence[Any], names: Sequence[str]) -> Moved:
    """Draw a trellis, its best path, and the best path up to the chosen ``frame``.

    Parameters
    ----------
    loss : (T, S) array
        Score of each state against the best one of its frame (nats).
    seconds : (T,) array
    path : (T,) int
        The states of the best path.
    ways : sequence of (t + 1,) int
        For each frame t, the states of the best path that ends there.
    names : sequence of str
        The labels; label i is state 2i + 1.
    """
    z = np.maximum(loss, -30).T.astype(np.int8)
    bar = {"title": {"text": "nats"}}
    figure = go.Figure(go.Heatmap(z=z, x=seconds.round(3), colorscale="Viridis", zmin=-30, zmax=0, colorbar=bar))
    figure.add_scatter(x=seconds, y=path, line={"color": "#ff4d4f", "width": 2}, name="best path")
    figure.add_scatter(line={"color": "#ffa940", "width": 3, "dash": "dot"}, name="best path up to here")
    ticks = {"tickvals": list(range(1, 2 * len(names), 2)), "ticktext": list(names), "tickfont": {"size": 12}}
    figure.update_layout(
        title="", height=620, xaxis={"title": "time (s)"}, yaxis=ticks, legend={"orientation": "h", "y": -0.12}
    )

    def move(figure: go.Figure, frame: int) -> None:
        way = ways[frame]
        figure.data[2].x, figure.data[2].y = seconds[: frame + 1], way
        start = max(0, frame - 60)
        top, bottom = min(way[start], path[start]), max(way[frame], path[frame])
        figure.layout.xaxis.range = [seconds[start], seconds[frame] + 0.1]
        figure.layout.yaxis.range = [bottom + 2, top - 2]  # the text runs down
        off = int((way != path[: frame + 1]).sum())
        figure.layout.title.text = f"Heard {seconds[frame]:.2f} s: {off} of {frame + 1} frames lie off the final path"

    return figure, move


def draw_errors_of_times(errors: Mapping[str, Any]) -> go.Figure:
    """Draw histograms of errors (ms) by name, on top of each other."""
    axes = {"xaxis": {"title": "found minus true (ms)"}, "yaxis": {"title": "words"}}
    figure = go.Figure(layout={"title": "Error of the words' beginnings", "barmode": "overlay", **axes})
    for (name, values), colour in zip(errors.items(), (GREY, BLUE), strict=True):
        bins = {"start": -400, "end": 400, "size": 20}
        figure.add_histogram(x=np.clip(values, -399, 399), name=name, xbins=bins, opacity=0.6, marker_color=colour)
    figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(legend={"orientation": "h", "y": 1.15})
    return figure


def draw_grid(values: Any, rows: Sequence[str], columns: Sequence[str], title: str) -> go.Figure:
    """Draw a table of numbers as coloured squares; rows are sounds, columns are texts."""
    figure = go.Figure(
        go.Heatmap(z=values, x=columns, y=rows, text=np.round(values, 2), texttemplate="%{text}", colorscale="Viridis")
    )
    axes = {"xaxis": {"title": "text"}, "yaxis": {"title": "sound", "autorange": "reversed"}}
    return figure.update_layout(title=title, height=460, **axes)


def draw_reliability(judged: Callable[[float], tuple[Any, Any]]) -> Moved:
    """Draw the fraction right against confidence, for the control ``temperature``.

    Parameters
    ----------
    judged : callable
        Gives the (W,) confidences and whether each word is right, at a temperature.
    """
    from w2vkit.evaluate.calibration import auc, expected_calibration_error, reliability

    figure = go.Figure(layout={"title": "", "height": 420, "showlegend": False})
    figure.add_scatter(mode="markers+text", textposition="top center", marker={"color": BLUE})
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": GREY})
    figure.update_xaxes(title="mean confidence of the words in a bin", range=[-0.05, 1.1])
    figure.update_yaxes(title="fraction that is right", range=[-0.05, 1.1])

    def move(figure: go.Figure, temperature: float) -> None:
        confidences, right = judged(temperature)
        bins = [b for b in reliability(confidences, right) if b.count]
        figure.data[0].x, figure.data[0].y = [b.confidence for b in bins], [b.accuracy for b in bins]
        figure.data[0].marker.size = [6 + 3 * np.sqrt(b.count) for b in bins]
        figure.data[0].text = [f"{b.count} words" for b in bins]
        error = expected_calibration_error(confidences, right)
        tail = f"calibration error {error:.3f}, AUC {auc(confidences, right):.3f}"
        figure.layout.title.text = f"Temperature {temperature:.2f}: {tail}"

    return figure, move
