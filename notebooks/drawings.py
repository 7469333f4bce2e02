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
    figure.update_layout(legend={"orientation": "h", "y": -0.3})
    return figure


def draw_grid(values: Any, rows: Sequence[str], columns: Sequence[str], title: str) -> go.Figure:
    """Draw a table of numbers as coloured squares; rows are sounds, columns are texts."""
    figure = go.Figure(
        go.Heatmap(z=values, x=columns, y=rows, text=np.round(values, 2), texttemplate="%{text}", colorscale="Viridis")
    )
    axes: dict[str, Any] = {"xaxis": {"title": "text"}, "yaxis": {"title": "sound", "autorange": "reversed"}}
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
        dots: Any = figure.data[0]
        dots.x, dots.y = [b.confidence for b in bins], [b.accuracy for b in bins]
        dots.marker.size = [6 + 3 * np.sqrt(b.count) for b in bins]
        dots.text = [f"{b.count} words" for b in bins]
        error = expected_calibration_error(confidences, right)
        tail = f"calibration error {error:.3f}, AUC {auc(confidences, right):.3f}"
        figure.layout.title.text = f"Temperature {temperature:.2f}: {tail}"

    return figure, move


def draw_edits(distances: Callable[..., Any], walk_back: Callable[..., Any]) -> Moved:
    """Draw the edit matrix of two sentences, ``reference`` and ``hypothesis``, and a way of the fewest edits through it."""
    figure = go.Figure(go.Heatmap(colorscale="Blues", texttemplate="%{text}", showscale=False), layout={"title": ""})
    figure.add_scatter(mode="lines", line={"color": RED, "width": 8}, opacity=0.4, hoverinfo="skip")
    axes: dict[str, Any] = {"xaxis": {"title": "hypothesis"}, "yaxis": {"title": "reference", "autorange": "reversed"}}
    figure.update_layout(height=430, **axes)

    def move(figure: go.Figure, reference: str, hypothesis: str) -> None:
        r, h = reference.upper().split(), hypothesis.upper().split()
        d = distances(r, h)
        way, edits = walk_back(d, r, h)
        figure.data[0].z, figure.data[0].text = d, d
        figure.data[1].x, figure.data[1].y = [j for _, j in way], [i for i, _ in way]
        for axis, names in ((figure.layout.xaxis, h), (figure.layout.yaxis, r)):
            axis.tickvals, axis.ticktext = list(range(len(names) + 1)), ["·", *names]
        s, deleted, inserted = (edits.count(kind) for kind in ("substituted", "deleted", "inserted"))
        counts = f"{s} substituted + {deleted} deleted + {inserted} inserted"
        figure.layout.title.text = f"{counts} = {d[-1, -1]} errors in {len(r)} words"

    return figure, move


def draw_power(power: Callable[..., Any], needed: Callable[..., float], utterances: int) -> Moved:
    """Draw the power against the number of utterances, for two error rates in per cent, ``first`` and ``second``."""
    figure = go.Figure(layout={"title": "", "height": 420, "legend": {"orientation": "h", "y": -0.2}})
    figure.add_scatter(name="other utterances for each model", line={"color": GREY})
    figure.add_scatter(name="the same utterances, in pairs", line={"color": BLUE})
    figure.add_vline(x=utterances, line_dash="dot")
    figure.add_annotation(x=np.log10(utterances), y=0.95, text="test-clean", xanchor="right", showarrow=False)
    figure.add_hline(y=0.8, line_dash="dot")
    figure.update_layout(xaxis={"title": "utterances", "type": "log"}, yaxis={"title": "power", "range": [0, 1.02]})

    def move(figure: go.Figure, first: float, second: float, overdispersion: float, correlation: float) -> None:
        if first == second:
            figure.layout.title.text = "Equal rates cannot be told apart"
            return
        n = np.geomspace(100, 1e6, 100)
        for k, rho in enumerate((0.0, correlation)):
            figure.data[k].x, figure.data[k].y = n, power(n, first / 100, second / 100, overdispersion, rho)
        count = needed(first / 100, second / 100, overdispersion, correlation)
        figure.layout.title.text = f"{first:.1f} % against {second:.1f} %: {count:,.0f} utterances, if compared in pairs"

    return figure, move


def draw_rates(x: Sequence[Any], curves: Mapping[str, Any], condition: str, *, bars: bool = False, **layout: Any) -> go.Figure:
    """Draw word and character error rates against a condition.

    Parameters
    ----------
    x : sequence
    curves : dict of sequence of (WER, CER), by name
        One shorter than ``x`` belongs to its last values.
    condition : str
        The title of the x axis.
    """
    axes = {"xaxis": {"title": condition}, "yaxis": {"title": "error rate (fraction of 1)", "rangemode": "tozero"}}
    figure = go.Figure(layout=axes | {"legend": {"orientation": "h", "y": 1.15}} | layout)
    for (name, results), dash in zip(curves.items(), (None, "dash"), strict=False):
        for k, (rate, colour) in enumerate((("WER", BLUE), ("CER", GREEN))):
            title = f"{rate}, {name}" if name else rate
            here, y = list(x)[-len(results) :], [r[k] for r in results]
            if bars:
                figure.add_bar(x=here, y=y, name=title, marker_color=colour)
            else:
                line = {"color": colour, "dash": dash}
                figure.add_scatter(x=here, y=y, name=title, line=line, mode="lines+markers")
    return figure


def draw_bars(groups: Mapping[str, Sequence[tuple[str, float]]], title: str, unit: str, ranges: Any = None) -> go.Figure:
    """Draw lying bars in groups of one colour each.

    Parameters
    ----------
    groups : dict of (name, value) pairs, by the group's name
    title, unit : str
    ranges : sequence of (float, float), optional
        How far the intervals of the last group reach below and above its values.
    """
    rows = sum(len(bars) for bars in groups.values())
    figure = go.Figure(layout={"title": title, "height": 160 + 26 * rows, "xaxis": {"title": unit}, "barmode": "overlay"})
    for (name, bars), colour in zip(groups.items(), (GREY, PALE, BLUE), strict=False):
        names, values = [n for n, _ in bars], [v for _, v in bars]
        figure.add_bar(y=names, x=values, name=name, orientation="h", marker_color=colour)
    if ranges:
        figure.data[-1].error_x = {"array": [above for _, above in ranges], "arrayminus": [below for below, _ in ranges]}
    figure.update_layout(yaxis={"autorange": "reversed", "automargin": True}, legend={"orientation": "h", "y": 1.1})
    return figure


def draw_scorings(scorings: Mapping[str, Callable[[str], str]]) -> Moved:
    """Draw the error rate of one pair, ``reference`` and ``hypothesis``, under each scoring; the texts are printed."""
    import jiwer

    figure = go.Figure(go.Bar(marker_color=BLUE), layout={"title": "One pair, three word error rates", "height": 300})
    figure.update_layout(yaxis={"title": "WER (fraction of 1)", "range": [0, 1.5]})

    def move(figure: go.Figure, reference: str, hypothesis: str) -> None:
        pairs = {name: (f(reference).strip(), f(hypothesis).strip()) for name, f in scorings.items()}
        figure.data[0].x = list(pairs)
        figure.data[0].y = [jiwer.wer(r, h) if r else 0.0 for r, h in pairs.values()]
        for name, (r, h) in pairs.items():
            print(f"{name:27} {r}  |  {h}")

    return figure, move


def draw_training(losses: Sequence[float], rates: Mapping[str, Mapping[int, float]]) -> go.Figure:
    """Draw the loss of every step (right axis), and error rates by name and step."""
    figure = go.Figure(
        layout={"height": 420, "xaxis": {"title": "step of training"}, "legend": {"orientation": "h", "y": -0.2}}
    )
    loss = {"name": "loss (right axis)", "yaxis": "y2", "line": {"color": "#d0d7de"}}
    figure.add_scatter(x=list(range(1, len(losses) + 1)), y=list(losses), **loss)
    for (name, by_step), colour in zip(rates.items(), (BLUE, RED), strict=True):
        line = {"color": colour}
        figure.add_scatter(x=list(by_step), y=list(by_step.values()), name=name, line=line, mode="lines+markers")
    right = {"title": "CTC loss", "overlaying": "y", "side": "right", "showgrid": False, "rangemode": "tozero"}
    figure.update_layout(yaxis={"title": "character error rate (fraction of 1)", "rangemode": "tozero"}, yaxis2=right)
    return figure


def draw_gumbel(logits: Any, draw: Callable[[float, int], Any]) -> Moved:
    """Draw a softmax beside one draw with noise, for the controls ``tau`` and ``seed``."""
    names = [f"entry {v}" for v in range(len(logits))]
    softmax = np.exp(logits - logits.max())
    layout = {"yaxis": {"title": "probability", "range": [0, 1]}, "legend": {"orientation": "h", "y": 1.15}}
    figure = go.Figure(go.Bar(x=names, y=softmax / softmax.sum(), name="softmax", marker_color=GREY), layout=layout)
    figure.add_bar(x=names, name="one draw with noise", marker_color=BLUE)

    def move(figure: go.Figure, tau: float, seed: int) -> None:
        figure.data[1].y = draw(tau, seed)

    return figure, move


def draw_learning(lines: Mapping[str, tuple[Any, Any]], title: str) -> go.Figure:
    """Draw lines of (steps, values) by name; one that is named chance is dotted."""
    axes = {"xaxis": {"title": "step"}, "yaxis": {"title": title, "rangemode": "tozero"}}
    figure = go.Figure(layout=axes | {"legend": {"orientation": "h", "y": 1.15}})
    for (name, (steps, values)), colour in zip(lines.items(), (BLUE, RED, GREY, GREEN), strict=False):
        line = {"color": colour, "dash": "dot" if name == "chance" else "solid"}
        figure.add_scatter(x=steps, y=values, name=name, line=line)
    return figure


def draw_use(counts: Any, sounds: Sequence[str]) -> go.Figure:
    """Draw which sounds the entries of a codebook stand for.

    Parameters
    ----------
    counts : (sounds, entries) array
        How many frames of a sound got an entry. Entries are sorted by their most frequent sound.
    sounds : sequence of str
    """
    share = counts / np.maximum(1, counts.sum(axis=0))
    order = np.lexsort((-share.max(axis=0), share.argmax(axis=0)))
    names = [str(entry) for entry in order]
    bar = {"title": {"text": "fraction of<br>the entry's<br>frames"}}
    z = share[:, order].round(2)
    figure = go.Figure(go.Heatmap(z=z, x=names, y=list(sounds), colorscale="Blues", zmin=0, zmax=1, colorbar=bar))
    axes: dict[str, Any] = {"xaxis": {"title": "entry of the codebook", "type": "category"}, "yaxis": {"autorange": "reversed"}}
    return figure.update_layout(height=380, **axes)


def draw_histogram(values: Any, title: str, size: float) -> go.Figure:
    """Draw how often values occur, in bins of ``size``."""
    bins = {"start": 0, "end": float(np.max(values)) + size, "size": size}
    axes = {"xaxis": {"title": title}, "yaxis": {"title": "how often"}}
    return go.Figure(go.Histogram(x=values, xbins=bins, marker_color=PALE), layout=axes)
