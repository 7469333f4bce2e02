"""Plotly figures of all notebooks, in their order; each gives a figure, or a figure and what moves it, for `lesson.show`."""

import html
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import jiwer
import numpy as np
import plotly.graph_objects as go
from lesson import BLANK, SPACE, collapse, sign, written_columns
from plotly.subplots import make_subplots

from w2vkit.decode import Hypothesis, greedy
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.evaluate.calibration import auc, expected_calibration_error, reliability, temperature_scaled

BLUE, RED, GREEN, GREY, PALE = "#1f6feb", "#c2410c", "#15803d", "#9aa5b1", "#9cc4f5"
COLOURS = (BLUE, RED, GREEN, "#7c3aed", "#6b7280")
FLOOR = -8.0  # natural logarithm; probabilities below exp(-8), one in 3,000, are drawn alike
Moved = tuple[go.Figure, Callable[..., None]]


def draw_best_labels(emissions: Emissions) -> go.Figure:
    """Draw the probability of the most likely label of every frame, and name each run that is not blank."""
    vocabulary, path = emissions.vocabulary, emissions.log_probs.argmax(axis=1)
    seconds = emissions.start_seconds + (np.arange(len(path)) + 0.5) * emissions.frame_seconds
    best, is_blank = np.exp(emissions.log_probs.max(axis=1)), path == vocabulary.blank
    begins = np.flatnonzero(~is_blank & np.append(True, path[1:] != path[:-1]))
    figure = go.Figure(layout={"bargap": 0, "legend": {"orientation": "h", "y": 1.15}})
    figure.add_bar(x=seconds[is_blank], y=best[is_blank], name="blank", marker_color="lightgrey")
    figure.add_bar(x=seconds[~is_blank], y=best[~is_blank], name="letter or space", marker_color=BLUE)
    height = 1.05 + 0.07 * (np.arange(len(begins)) % 2)  # two rows, so that names do not overlap
    text = [sign(vocabulary, k) for k in path[begins]]
    figure.add_scatter(x=seconds[begins], y=height, text=text, mode="text", showlegend=False)
    figure.update_xaxes(title="time (s)")
    figure.update_yaxes(title="probability", range=[0, 1.2], tickvals=[0, 0.25, 0.5, 0.75, 1])
    return figure


def draw_alias(rate: int, span: float = 0.0005) -> Moved:
    """Draw a tone, its samples and the tone that these stand for, for `show` with the control ``kilohertz``."""
    fine, n = np.linspace(0, span, 400), np.arange(int(span * rate) + 1)
    figure = go.Figure(layout={"xaxis": {"title": "time (ms)"}, "yaxis": {"title": "amplitude", "range": [-1.2, 1.2]}})
    figure.add_scatter(x=1000 * fine, name="the tone", line={"color": "lightgrey"})
    figure.add_scatter(x=1000 * fine, name="what its samples stand for", line={"dash": "dot"})
    figure.add_scatter(x=1000 * n / rate, name="samples", mode="markers", marker={"size": 10})

    def move(figure: Any, kilohertz: float) -> None:
        tone = 1000 * kilohertz
        low = tone - rate * np.round(tone / rate)
        for trace, frequency, times in zip(figure.data, (tone, low, tone), (fine, fine, n / rate), strict=True):
            trace.y = np.cos(2 * np.pi * frequency * times)
        figure.layout.title = f"a tone of {tone:.0f} Hz, sampled at {rate} Hz, is a tone of {abs(low):.0f} Hz"

    return figure, move


def draw_lines(
    x: Any,
    lines: Mapping[str, Any],
    x_title: str,
    y_title: str,
    *,
    markers: bool = False,
    shape: str = "linear",
    dashed: Sequence[str] = (),
    upright: Mapping[str, float] | None = None,
    level: float | None = None,
    span: tuple[float, float] | None = None,
    **layout: Any,
) -> go.Figure:
    """Draw one line for each name.

    Parameters
    ----------
    x : sequence
    lines : dict of sequence, by name
    x_title, y_title : str
    markers : bool
        Mark the values.
    shape : str
        "hv" or "hvh" for steps.
    dashed : sequence of str
        Names of lines.
    upright : dict of float, optional
        Dotted upright lines, from 0 to 1, by name.
    level : float, optional
        The place of a dotted level line.
    span : (float, float), optional
        A stretch of x that is grey.
    **layout
        For plotly.
    """
    axes = {"xaxis": {"title": x_title}, "yaxis": {"title": y_title}, "legend": {"orientation": "h", "y": 1.12}}
    figure = go.Figure(layout=axes | layout)
    for name, values in lines.items():
        line = {"shape": shape, "dash": "dash" if name in dashed else "solid"}
        figure.add_scatter(x=x, y=values, name=name, mode="lines+markers" if markers else "lines", line=line)
    for name, place in (upright or {}).items():
        figure.add_scatter(x=[place, place], y=[0, 1], name=name, line_dash="dot", mode="lines")
    if level is not None:
        figure.add_hline(y=level, line_dash="dot")
    if span:
        figure.add_vrect(x0=span[0], x1=span[1], fillcolor=GREY, opacity=0.25, line_width=0)
    return figure


def draw_spectrograms(pictures: Mapping[str, Any], step: float, top: float) -> go.Figure:
    """Draw spectrograms beside each other.

    Parameters
    ----------
    pictures : dict of (frequencies, frames) arrays, by name
        In dB.
    step : float
        From frame to frame (s).
    top : float
        The highest frequency (kHz).
    """
    figure = make_subplots(1, len(pictures), subplot_titles=list(pictures), shared_yaxes=True)
    for column, picture in enumerate(pictures.values(), start=1):
        axes = {"x": np.arange(picture.shape[1]) * step, "y": np.linspace(0, top, len(picture))}
        bar = {"showscale": column == len(pictures), "colorbar": {"title": "dB"}}
        figure.add_trace(go.Heatmap(z=picture, **axes, **bar, zmin=-80, zmax=0), 1, column)
    figure.update_xaxes(title="time (s)")
    return figure.update_layout(yaxis_title="frequency (kHz)")


def receptive_fields(kernels: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Give (step, field) in samples of one output of each layer of a stack of convolutions."""
    step, field, found = 1, 1, []
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
        found.append((step, field))
    return found


def draw_cone(kernels: Sequence[int], strides: Sequence[int], rate: int, frames: int = 3) -> Moved:
    """Draw the outputs of every layer above the samples, for `show` with the controls ``layer`` and ``output`` and hover.

    The outputs that feed the chosen one are lit. Shown are the last layer's first ``frames`` outputs and all that they need.
    """
    fields = [(1, 1), *receptive_fields(kernels, strides)]
    counts = [frames]
    for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
        counts.insert(0, (counts[0] - 1) * stride + kernel)
    places = [np.arange(count) * step + (field - 1) / 2 for count, (step, field) in zip(counts, fields, strict=True)]
    height = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    size = np.repeat(np.linspace(3, 11, len(counts)), counts)
    marks = {"size": size, "color": "#cbd5e1", "line": {"width": 0}}
    hint = "layer %{customdata[0]}, output %{customdata[1]}<extra></extra>"
    ids = np.stack([height, number], axis=1)
    figure = go.Figure(layout={"height": 460, "showlegend": False, "hovermode": "closest", "hoverdistance": 30})
    figure.add_scatter(x=np.concatenate(places), y=height, mode="markers", marker=marks, customdata=ids, hovertemplate=hint)
    figure.add_scatter(mode="lines", fill="toself", fillcolor=BLUE, opacity=0.15, line_width=0, hoverinfo="skip")
    figure.add_scatter(mode="markers", marker={"color": BLUE, "line": {"width": 0}}, hoverinfo="skip")
    figure.update_xaxes(title="sample")
    names = ["samples", *(f"layer {k}" for k in range(1, len(counts)))]
    figure.update_yaxes(tickvals=list(range(len(counts))), ticktext=names)

    def move(figure: Any, layer: int, output: int) -> None:
        unit = min(output, counts[layer] - 1)
        ranges = [(unit, unit)]
        for kernel, stride in zip(kernels[:layer][::-1], strides[:layer][::-1], strict=True):
            ranges.insert(0, (ranges[0][0] * stride, ranges[0][1] * stride + kernel - 1))
        lit = [places[k][low : high + 1] for k, (low, high) in enumerate(ranges)]
        level = np.repeat(np.arange(layer + 1), [len(part) for part in lit])
        left, right = [part[0] for part in lit], [part[-1] for part in lit]
        up = list(range(layer + 1))
        figure.data[1].update(x=left + right[::-1], y=up + up[::-1])
        figure.data[2].update(x=np.concatenate(lit), y=level)
        figure.data[2].marker.size = np.linspace(3, 11, len(counts))[level]
        low, high = ranges[0]
        seen = f"{high - low + 1} samples, {1000 * (high - low + 1) / rate:.1f} ms"
        figure.layout.title = f"output {unit} of layer {layer} sees samples {low} to {high}: {seen}"

    return figure, move


def draw_filters(response: Any, frequencies: Any, peaks: Any, rate: int) -> go.Figure:
    """Draw a bank of filters: each one's response (dB, a row each), and the frequency (Hz) that each passes best."""
    rows = len(peaks)
    titles = ["response of every kernel (dB)", "frequency passed best"]
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.2)
    bar = {"title": "dB", "x": 0.41}
    z = np.maximum(response, -40).astype(np.int8)
    figure.add_trace(go.Heatmap(z=z, x=frequencies / 1000, zmin=-40, zmax=0, colorbar=bar), 1, 1)
    thick = {"width": 6, "color": PALE}
    figure.add_trace(go.Scatter(y=peaks / 1000, name="this model", line=thick), 1, 2)
    low, high = (2595 * np.log10(1 + f / 700) for f in (0, rate / 2))
    mel = 700 * (10 ** (np.linspace(low, high, rows) / 2595) - 1)
    figure.add_trace(go.Scatter(y=mel / 1000, name="mel scale", line={"dash": "dot"}), 1, 2)
    even = {"dash": "dot", "color": "black"}
    figure.add_trace(go.Scatter(y=np.linspace(0, rate / 2000, rows), name="evenly spaced", line=even), 1, 2)
    figure.update_xaxes(title="frequency (kHz)", col=1)
    figure.update_xaxes(title="kernel, sorted", col=2)
    figure.update_yaxes(title="kernel, sorted", col=1)
    figure.update_yaxes(title="kHz", col=2)
    figure.update_layout(height=420, legend={"x": 0.62, "y": 0.98})
    return figure


def draw_attention(attentions: Any, times: Any, frames: Sequence[int], labels: Sequence[str], strongest: int = 8) -> Moved:
    """Draw letters over time, and lines from the chosen one to the frames it attends to; for `show` and hover.

    Parameters
    ----------
    attentions : (layers, heads, T, T) array
        Row: query, column: key.
    times : (T,) array
        Seconds.
    frames, labels
        The frame and the character of every letter. The controls are ``layer``, ``head`` (from 1) and ``letter``.
    """
    where = np.asarray(times)[list(frames)]
    figure = go.Figure(layout={"height": 420, "showlegend": False, "hovermode": "closest", "hoverdistance": 40})
    points = {"mode": "markers+text", "text": list(labels), "textposition": "top center", "textfont": {"size": 15}}
    grey = {"size": 9, "color": "#94a3b8"}
    figure.add_scatter(x=where, y=np.ones(len(where)), customdata=np.arange(len(where)), marker=grey, **points)
    figure.add_bar(x=times, marker={"color": BLUE, "line": {"width": 0}})
    for _ in range(strongest):
        figure.add_scatter(mode="lines", line={"color": RED}, hoverinfo="skip")
    figure.update_xaxes(title="time (s)")
    figure.update_yaxes(tickvals=[0, 1], ticktext=["keys", "query"], range=[-0.05, 1.2])

    def move(figure: Any, layer: int, head: int, letter: int) -> None:
        row = attentions[layer - 1, head - 1, frames[letter]]
        figure.data[1].y = 0.5 * row / row.max()
        keys = np.argsort(-row)[:strongest]
        for line, key in zip(list(figure.data)[2:], keys, strict=True):
            line.update(x=[where[letter], times[key]], y=[1, 0], line_width=8 * row[key] / row.max())
        figure.data[0].marker.color = [RED if k == letter else "#94a3b8" for k in range(len(where))]
        far = times[keys[0]] - where[letter]
        figure.layout.title = f"layer {layer}, head {head}: {labels[letter]} attends most to the frame {far:+.2f} s away"

    return figure, move


def draw_heads(distance: Any, spread: Any, uniform: tuple[float, float]) -> go.Figure:
    """Draw each head's distance (s) against its spread (frames), both (layers, heads), and those of uniform attention."""
    axes = {"xaxis": {"title": "distance (s)", "type": "log"}, "yaxis": {"title": "spread (frames)", "type": "log"}}
    figure = go.Figure(layout=axes)
    for layer, (x, y) in enumerate(zip(distance, spread, strict=True), start=1):
        names = [f"layer {layer}, head {head}" for head in range(1, len(x) + 1)]
        figure.add_scatter(x=x, y=y, mode="markers", name=f"layer {layer}", text=names)
    cross = {"symbol": "x", "color": "black"}
    figure.add_scatter(x=[uniform[0]], y=[uniform[1]], mode="markers", marker=cross, name="uniform attention")
    return figure


def draw_added(values: Any, step: float) -> go.Figure:
    """Draw (T, H) values of both signs, a frame every ``step`` (s)."""
    look = {"colorscale": "RdBu", "zmid": 0, "colorbar": {"title": "added"}}
    figure = go.Figure(go.Heatmap(z=values.T, x=np.arange(len(values)) * step, **look))
    return figure.update_layout(xaxis={"title": "time (s)"}, yaxis={"title": "channel of the states"})


def draw_lens(views: Sequence[Any], vocabulary: Vocabulary, times: Any) -> Moved:
    """Draw (T, V) probabilities at (T,) times (s), and print the text that they spell, for the control ``layer``."""
    rows = written_columns(vocabulary)
    names, bar = [sign(vocabulary, k) for k in rows], {"title": "%"}
    place = {"x0": float(times[0]), "dx": float(times[1] - times[0])}
    figure = go.Figure(go.Heatmap(y=names, **place, zmin=0, zmax=100, colorbar=bar), layout={"height": 560})
    figure.update_layout(xaxis={"title": "time (s)"}, yaxis={"autorange": "reversed", "type": "category", "dtick": 1})

    def move(figure: Any, layer: int) -> None:
        figure.data[0].z = (100 * views[layer][:, rows].T).round().astype(np.uint8)
        text = collapse(sign(vocabulary, int(k)) for k in views[layer].argmax(axis=1)).replace(SPACE, " ")
        print(f"layer {layer}: {text[:100] or '(only blanks)'}")

    return figure, move


def draw_frame_by_layer(views: Sequence[Any], vocabulary: Vocabulary, frames: Sequence[int], times: Any) -> Moved:
    """Draw the five most likely labels of a frame by layer, for the control ``frame``, a number of ``frames``.

    ``times`` (s) are those of all frames.
    """
    figure = go.Figure([go.Scatter(mode="lines+markers") for _ in range(5)], layout={"title": ""})
    figure.update_layout(xaxis={"title": "layer", "dtick": 1}, yaxis={"title": "probability", "range": [0, 1.05]})

    def move(figure: Any, frame: int) -> None:
        t = int(frames[frame])
        for line, k in zip(figure.data, np.argsort(-views[-1][t])[:5], strict=True):
            line.y = [float(view[t, k]) for view in views]
            line.name = html.escape(sign(vocabulary, int(k)), quote=False)
        figure.layout.title.text = f"frame {t} at {times[t]:.2f} s, layer by layer"

    return figure, move


def draw_emissions(emissions: Emissions, hypothesis: Hypothesis | None = None) -> go.Figure:
    """Draw an emission matrix.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.
    hypothesis : Hypothesis, optional
        Its words are written above their frames.

    Returns
    -------
    plotly.graph_objects.Figure
        Rows are characters, columns are frames with their times (s); colour is the log-probability, at least `FLOOR`.
    """
    vocabulary = emissions.vocabulary
    rows = written_columns(vocabulary)
    values = np.maximum(emissions.log_probs[:, rows].T, FLOOR)
    names = [sign(vocabulary, k) for k in rows]
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
        title={"text": "Emissions, drawn on their side: a line for every label, time to the right", "y": 0.98},
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
        height=620,
        xaxis={"title": {"text": "time (s)"}, "range": [0, emissions.start_seconds + emissions.seconds]},
        yaxis={"autorange": "reversed", "type": "category", "dtick": 1, "tickfont": {"size": 10, "family": "monospace"}},
    )
    return figure


def draw_blanks(emissions: Emissions, start: float = 0.3, stop: float = 2.0) -> go.Figure:
    """Draw the probability of the blank and that of the best other label of every frame; at first from start to stop (s)."""
    vocabulary, probabilities = emissions.vocabulary, np.exp(emissions.log_probs)
    columns = sorted(set(vocabulary.columns.values()))
    letter = probabilities[:, columns].max(axis=1)
    names = [sign(vocabulary, columns[k]) for k in probabilities[:, columns].argmax(axis=1)]
    text = [name if p > 0.4 else "" for name, p in zip(names, letter, strict=True)]
    x = emissions.start_seconds + (np.arange(len(letter)) + 0.5) * emissions.frame_seconds
    figure = go.Figure(layout={"bargap": 0.1, "height": 380, "legend": {"orientation": "h", "y": 1.12}})
    figure.add_scatter(x=x, y=probabilities[:, vocabulary.blank], name="blank", line={"color": GREY})
    figure.add_bar(x=x, y=letter, name="letter", text=text, textposition="outside", textangle=0, marker_color=BLUE)
    figure.update_xaxes(title="time (s), the beginning; drag to see the rest", range=[start, stop])
    figure.update_yaxes(title="probability", range=[0, 1.1])
    return figure


def draw_steps(emissions: Sequence[Emissions]) -> Moved:
    """Draw a frame's best labels and print path, runs and text so far, for `show` with the controls ``clip`` and ``frame``."""
    figure = go.Figure(go.Bar(marker_color=BLUE))
    figure.update_layout(title="", height=300, xaxis={"type": "category"}, yaxis={"title": "probability", "range": [0, 1]})

    def move(figure: Any, clip: int, frame: int) -> None:
        one = emissions[clip]
        vocabulary = one.vocabulary
        names = [BLANK if k in vocabulary.special else sign(vocabulary, k) for k in range(len(vocabulary))]
        frame = min(frame, len(one) - 1)
        top = one.log_probs[frame].argsort()[:-6:-1]
        figure.data[0].update(x=[sign(vocabulary, v) for v in top], y=np.exp(one.log_probs[frame, top]))
        figure.layout.title.text = f"Frame {frame}, at {one.start_seconds + (frame + 0.5) * one.frame_seconds:.2f} s"
        path = "".join(names[k] for k in one.log_probs[: frame + 1].argmax(axis=1))
        joined = "".join(label for label, _ in groupby(path))
        print("path:  ", path[-100:])
        print("joined:", joined[-100:])
        print("text:  ", collapse(path).replace(SPACE, " "))

    return figure, move


def draw_temperature(emissions: Emissions, entropy: Callable[..., Any]) -> Moved:
    """Draw the words' confidences and the frames' entropy, for `show` with the control ``temperature``."""
    figure = go.Figure(layout={"title": "", "xaxis": {"title": "time (s)"}, "height": 400})
    figure.add_scatter(name="entropy of the frame (bits)", line={"color": GREY}, yaxis="y2")
    figure.add_scatter(name="confidence of the word", mode="markers+text", textposition="top center", marker_size=10)
    bits = {"title": "bits", "overlaying": "y", "side": "right", "range": [0, 5.5], "dtick": 1, "showgrid": False}
    axis = {"title": "confidence", "range": [0, 1.1], "dtick": 0.2}
    figure.update_layout(yaxis=axis, yaxis2=bits, legend={"orientation": "h", "y": -0.2})

    def move(figure: Any, temperature: float) -> None:
        one = temperature_scaled(emissions, temperature)
        words, spread = greedy(one).words, entropy(one.log_probs)
        figure.data[0].update(x=one.start_seconds + (np.arange(len(one)) + 0.5) * one.frame_seconds, y=spread)
        middle = [(word.start + word.end) / 2 for word in words]
        figure.data[1].update(x=middle, y=[word.confidence for word in words], text=[word.text for word in words])
        figure.layout.title.text = f"Temperature {temperature:.1f}: mean entropy {spread.mean():.2f} bits"

    return figure, move


def draw_labels(
    values: Any,
    names: Sequence[str],
    title: str,
    *,
    numbers: bool = False,
    pull: bool = False,
    clock: tuple[float, float] | None = None,
) -> Moved:
    """Draw labels (rows) by frames, for `show`; with the control ``choice`` if there are several matrices.

    Parameters
    ----------
    values : (T, V) array, or a dict of them
    names : sequence of str
        Of the labels.
    title : str
        ``{}`` in it becomes the choice.
    numbers : bool
        Write the values into the cells.
    pull : bool
        Values of both signs, red and blue.
    clock : (float, float), optional
        Time of the first frame, and from frame to frame (s); without it frames are counted.
    """
    several = values if isinstance(values, dict) else {"": values}
    look: dict[str, Any] = {"colorscale": "Viridis", "zmin": 0, "zmax": 1}
    if pull:
        look = {"colorscale": "RdBu", "zmid": 0, "colorbar": {"title": {"text": "pull"}}}
    first = np.asarray(next(iter(several.values()))).T
    text = {"text": first.round(2), "texttemplate": "%{text}"} if numbers else {}
    figure = go.Figure(go.Heatmap(z=first, y=list(names), **look, **text))
    figure.update_layout(title=title, height=300, xaxis={"title": "frame t"}, yaxis={"autorange": "reversed", "dtick": 1})
    if clock:
        figure.data[0].update(x0=clock[0], dx=clock[1], zmin=-1, zmax=1)
        figure.update_layout(height=560, xaxis_title="time (s)")

    def move(figure: Any, choice: str) -> None:
        figure.data[0].z = np.asarray(several[choice]).T
        figure.layout.title.text = title.format(choice)

    return figure, move


def draw_two_bars(names: Sequence[str], bars: dict[str, Sequence[float]]) -> go.Figure:
    """Draw two bars for each name, the second inside of the first."""
    figure = go.Figure(layout={"barmode": "overlay", "yaxis": {"title": "probability"}, "legend": {"x": 0.6, "y": 0.95}})
    for colour, (title, values) in zip((PALE, BLUE), bars.items(), strict=True):
        figure.add_bar(x=list(names), y=list(values), name=title, marker_color=colour)
    return figure


def draw_occupancy(labels: str, occupancies: dict[str, Any]) -> Moved:
    """Draw where the paths of a word are, for `show` with the control ``word``.

    Parameters
    ----------
    labels : str
        The blank first.
    occupancies : dict of (T, S) arrays, by word
    """
    figure = go.Figure(layout={"title": "", "height": 460, "xaxis": {"title": "frame t", "dtick": 1}, "showlegend": False})
    figure.add_scatter(mode="lines", line={"color": "#d0d7de", "width": 1}, hoverinfo="skip")
    figure.add_scatter(mode="markers", marker={"color": BLUE, "opacity": 1, "line": {"width": 1, "color": "white"}})
    figure.data[1].hovertemplate = "frame %{x}: occupancy %{text}<extra></extra>"
    figure.update_layout(yaxis={"autorange": "reversed", "title": "state"})

    def move(figure: Any, word: str) -> None:
        gamma = occupancies[word]
        states = [labels[0], *(label for letter in word for label in (letter, labels[0]))]
        skips = [s > 1 and label != labels[0] and label != states[s - 2] for s, label in enumerate(states)]
        xs: list[float | None] = []
        ys: list[float | None] = []
        for t, s in np.argwhere(gamma[:-1] > 0):
            for to in range(s, min(s + 3, len(states))):
                if gamma[t + 1, to] > 0 and (to < s + 2 or skips[to]):
                    xs += [t, t + 1, None]
                    ys += [s, to, None]
        t, s = np.indices(gamma.shape)
        figure.data[0].update(x=xs, y=ys)
        figure.data[1].update(x=t.ravel(), y=s.ravel(), text=[f"{value:.3f}" for value in gamma.ravel()])
        figure.data[1].marker.size = 4 + 34 * np.sqrt(gamma.ravel())
        figure.layout.yaxis.update(tickvals=list(range(len(states))), ticktext=states)
        figure.layout.title.text = f"{word}: occupancy of each state"

    return figure, move


def draw_beams(history: Sequence[dict[str, Any]], tail: int = 24) -> Moved:
    """Draw {prefix: (p_b, p_n)} of a frame as stacked bars and print them, for `show` with the control ``frame``."""
    figure = go.Figure(layout={"title": "", "barmode": "stack", "height": 380})
    figure.add_bar(name="ends in a blank", orientation="h", marker_color="#d9622b")
    figure.add_bar(name="ends in its last letter", orientation="h", marker_color=BLUE)
    figure.update_layout(yaxis={"autorange": "reversed", "type": "category", "automargin": True})
    figure.update_xaxes(range=[0, 1], title="fraction of what is in the beam")

    def move(figure: Any, frame: int) -> None:
        names = [f"“{prefix[-tail:]}”" for prefix in history[frame]]
        sums = np.array(list(history[frame].values()))  # (K, 2)
        for bar, part in zip(figure.data, (sums / sums.sum()).T, strict=True):
            bar.update(x=part, y=names)
        figure.layout.title.text = f"After frame {frame}"
        for name, (p_b, p_n) in zip(names, sums, strict=True):
            print(f"{name:28} ends in blank {p_b:9.2e}   ends in letter {p_n:9.2e}   together {p_b + p_n:9.2e}")

    return figure, move


def draw_alignment(references: Sequence[str], decoded: dict[tuple[str, float], list[str]]) -> Moved:
    """Draw which words of a text are right and print it aligned, for `show` with ``clip``, ``model`` and ``alpha``.

    Parameters
    ----------
    references : sequence of str
        What was said, one for each clip.
    decoded : {(model, alpha): texts}
    """
    colours = ["#1a7f4b", "#b7791f", RED, RED]
    figure = go.Figure(go.Bar(x=["right", "substituted", "deleted", "inserted"], marker_color=colours))
    figure.update_layout(title="", height=280, yaxis={"title": "words", "range": [0, 16]})

    def move(figure: Any, clip: int, model: str, alpha: float) -> None:
        text = decoded[model, alpha][clip]
        found = jiwer.process_words(references[clip], text)
        figure.data[0].y = [found.hits, found.substitutions, found.deletions, found.insertions]
        figure.layout.title.text = f"alpha = {alpha}: WER {found.wer:.0%}"
        print("said:   ", references[clip])
        print("decoded:", text or "(nothing)")
        print("word by word (S substituted, D deleted, I inserted):")
        print("\n".join(jiwer.visualize_alignment(found, show_measures=False, skip_correct=False).splitlines()[1:]))

    return figure, move


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
    figure = go.Figure(go.Bar(marker_color=BLUE), layout={"title": "One pair, three word error rates", "height": 300})
    figure.update_layout(yaxis={"title": "WER (fraction of 1)", "range": [0, 1.5]})

    def move(figure: go.Figure, reference: str, hypothesis: str) -> None:
        pairs = {name: (f(reference).strip(), f(hypothesis).strip()) for name, f in scorings.items()}
        figure.data[0].x = list(pairs)
        figure.data[0].y = [jiwer.wer(r, h) if r else 0.0 for r, h in pairs.values()]
        for name, (r, h) in pairs.items():
            print(f"{name:27} {r}  |  {h}")

    return figure, move


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


MODELS = {  # the rows of `draw_three_models`: what goes in, the network, two trainings, what comes out
    "wav2vec 2.0 (2020)": (
        "the waveform:<br>16,000 numbers a second",
        "7 convolutions, then<br>transformer layers:<br>a vector every 20 ms",
        "sound without transcripts:<br>pick the code of a hidden<br>frame among 100 others;<br>the codes are learned, too",
        "some transcripts: CTC",
        "one label a frame, all at once:<br><b>ε T H ε E ␣ ε B I R ε D S ε</b>",
    ),
    "HuBERT (2021)": (
        "the waveform:<br>16,000 numbers a second",
        "the same:<br>7 convolutions, then<br>transformer layers",
        "sound without transcripts:<br>name the cluster of a hidden<br>frame (k-means of MFCCs,<br>later of own features)",
        "some transcripts: CTC",
        "one label a frame, all at once:<br><b>ε T H ε E ␣ ε B I R ε D S ε</b>",
    ),
    "Whisper (2022)": (
        "a log-mel spectrogram of 30 s:<br>80 bands, 100 times a second",
        "2 convolutions, transformer<br>layers (encoder), and more<br>that write (decoder)",
        "680,000 h with transcripts:<br>predict the next piece of text<br>from the sound and<br>the text before it",
        "none",
        "pieces of text, one after another:<br><b>The | birds | sang | .</b>",
    ),
}


def draw_three_models(samples: Any, rate: int) -> go.Figure:
    """Draw what goes into three models, what they learn from, and what comes out; ``samples`` (N,) are an example."""
    figure = go.Figure(layout={"width": 800, "height": 700, "margin": {"l": 5, "r": 5, "t": 5, "b": 5}, "showlegend": False})
    tops, colours = [10.0, 7.9, 6.3, 4.3, 3.2, 1.9], [PALE, "#dbe4ee", "#bbf7d0", "#fde68a", PALE]
    pieces = np.lib.stride_tricks.sliding_window_view(samples, 400)[::400] * np.hanning(400)
    loud = np.log(np.abs(np.fft.rfft(pieces)[:, :120]) + 1e-2)  # (frames, bins): up to 4.8 kHz
    for column, (name, rows) in enumerate(MODELS.items()):
        left, middle = column + 0.03, column + 0.5
        figure.add_annotation(x=middle, y=10.4, text=f"<b>{name}</b>", showarrow=False, font={"size": 15})
        for row, (text, colour) in enumerate(zip(rows, colours, strict=True)):
            top, bottom = tops[row], tops[row + 1] + 0.35
            figure.add_shape(
                type="rect", x0=left, x1=left + 0.94, y0=bottom, y1=top, fillcolor=colour, line_width=0, opacity=0.6
            )
            place = bottom + 0.4 if row == 0 else (top + bottom) / 2
            figure.add_annotation(x=middle, y=place, text=text, showarrow=False, font={"size": 12, "color": "#111827"})
            if row < len(rows) - 1:
                tip = {"x": middle, "y": bottom - 0.35, "ax": middle, "ay": bottom, "axref": "x", "ayref": "y"}
                figure.add_annotation(**tip, text="", showarrow=True, arrowhead=2, arrowwidth=2)
        x = left + 0.05 + 0.84 * np.linspace(0, 1, 600)
        if "spectrogram" in rows[0]:
            y = np.linspace(9.05, 9.9, loud.shape[1])
            picture = {"z": loud.T.round(1), "colorscale": "Viridis", "showscale": False, "hoverinfo": "skip"}
            figure.add_heatmap(x=np.linspace(x[0], x[-1], len(loud)), y=y, **picture)
        else:
            parts = np.array_split(samples / np.abs(samples).max(), 300)
            y = np.array([[part.min(), part.max()] for part in parts]).ravel()
            figure.add_scatter(x=x, y=9.5 + 0.42 * y, mode="lines", line={"width": 1, "color": BLUE}, hoverinfo="skip")
    rows_of = ["goes in", "network", "first training", "second training", "comes out"]
    for row, name in enumerate(rows_of):
        middle = (tops[row] + tops[row + 1] + 0.35) / 2
        figure.add_annotation(x=-0.06, y=middle, text=name, textangle=-90, showarrow=False, font={"size": 12})
    hidden = {"visible": False, "fixedrange": True}
    return figure.update_layout(xaxis={"range": [-0.12, 3], **hidden}, yaxis={"range": [1.8, 10.7], **hidden})


def draw_published(rows: Sequence[tuple[str, float, float, float, str]]) -> Moved:
    """Draw published error rates against hours of transcripts, for `show` with the controls ``decoder`` and ``hours``.

    Parameters
    ----------
    rows : sequence of (decoder, hours, WER on test-clean in %, WER on test-other in %, source)
    """
    figure = go.Figure(layout={"height": 440, "hovermode": "closest", "legend": {"y": -0.25, "orientation": "h"}})
    names = list(dict.fromkeys(row[0] for row in rows))
    for column, part, colour in ((2, "test-clean", BLUE), (3, "test-other", RED)):
        for name in names:
            chosen = [row for row in rows if row[0] == name]
            line = {"color": colour, "dash": "dash" if name == "no language model" else "solid"}
            figure.add_scatter(
                x=[row[1] for row in chosen],
                y=[row[column] for row in chosen],
                text=[f"{row[column]} %, {row[4]}" for row in chosen],
                hovertemplate="%{text}",
                mode="lines+markers" if len(chosen) > 2 else "markers",
                line=line,
                marker={"size": 9, "symbol": ("circle", "diamond", "x")[names.index(name)]},
                name=f"{part}, {name}",
            )
    figure.add_scatter(mode="markers", marker={"size": 22, "symbol": "circle-open", "color": "black"}, name="chosen")
    ticks = {"tickvals": [1 / 6, 1, 10, 100, 960], "ticktext": ["10 min", "1", "10", "100", "960"]}
    figure.update_xaxes(title="hours of transcripts", type="log", **ticks)
    figure.update_yaxes(title="WER (%)", type="log", tickvals=[2, 3, 5, 10, 20, 40])

    def move(figure: Any, decoder: str, hours: float) -> None:
        for trace in list(figure.data)[:-1]:
            trace.opacity = 1.0 if str(trace.name).endswith(decoder) else 0.25
        found = [row for row in rows if row[0] == decoder and row[1] == hours]
        figure.data[-1].update(x=[hours] * 2 * len(found), y=[value for row in found for value in row[2:4]])
        what = f"{'10 minutes' if hours < 1 else f'{hours:g} h'}, {decoder}: "
        figures = f"{found[0][2]} % on test-clean, {found[0][3]} % on test-other" if found else "not drawn here"
        figure.layout.title = what + figures

    return figure, move


def draw_bands(sizes: Sequence[int], errors: dict[str, Any], unit: str) -> go.Figure:
    """Draw the mean over runs, and a band from the lowest to the highest run.

    Parameters
    ----------
    sizes : sequence of int
        The x axis, logarithmic.
    errors : dict of (sizes, runs) arrays, by name
    unit : str
        What the y axis shows.
    """
    figure = go.Figure(layout={"height": 400, "yaxis": {"title": unit, "rangemode": "tozero"}})
    figure.update_xaxes(title="transcribed sentences", type="log", tickvals=list(sizes))
    for colour, (name, runs) in zip(COLOURS, errors.items(), strict=False):
        low, high = np.min(runs, axis=1), np.max(runs, axis=1)
        band = {"x": [*sizes, *sizes[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "fillcolor": colour}
        figure.add_scatter(**band, opacity=0.2, mode="none", showlegend=False, hoverinfo="skip")
        figure.add_scatter(x=list(sizes), y=np.mean(runs, axis=1), mode="lines+markers", name=name, line_color=colour)
    figure.update_layout(legend={"orientation": "h", "y": 1.12})
    return figure


def draw_pairs(names: Sequence[str], bars: Mapping[str, Sequence[float]], unit: str) -> go.Figure:
    """Draw bars beside each other for each name, with their values."""
    figure = go.Figure(layout={"height": 320, "yaxis": {"title": unit}, "barmode": "group"})
    for (title, values), colour in zip(bars.items(), (GREY, BLUE), strict=True):
        figure.add_bar(x=list(names), y=list(values), name=title, text=list(values), marker_color=colour)
    return figure


def draw_points(x: Any, y: Any, texts: Sequence[str], x_title: str, y_title: str) -> go.Figure:
    """Draw a point for each text, which is shown where the pointer is."""
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", text=list(texts), marker_color=BLUE))
    return figure.update_layout(xaxis={"title": x_title}, yaxis={"title": y_title, "rangemode": "tozero"})


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
    right |= {"tickmode": "auto"}  # not at the height of the left axis' ticks, which gives numbers like 4.84
    figure.update_layout(yaxis={"title": "character error rate (fraction of 1)", "rangemode": "tozero"}, yaxis2=right)
    return figure


def draw_delays(history: Sequence[tuple[float, Any, Any]], delays: Any) -> Moved:
    """Draw when each word of a live transcript was spoken, shown and final, for the control ``block``.

    Parameters
    ----------
    history : sequence of (seconds, final words, partial words)
        After each block of sound.
    delays : (words, 2) array
        From the end of a word until it is shown, and until it is final (s).
    """
    words = history[-1][1]
    rows, ends = np.arange(len(words)), np.array([word.end for word in words])
    starts = np.array([word.start for word in words])
    figure = go.Figure(layout={"title": "", "height": 180 + 22 * len(words), "barmode": "overlay"})
    spans = {
        "spoken": (starts, ends, GREY),
        "waits to be shown": (ends, ends + delays[:, 0], PALE),
        "partial": (ends + delays[:, 0], ends + delays[:, 1], RED),
    }
    for name, (left, right, colour) in spans.items():
        width = np.maximum(0, right - left)
        figure.add_bar(y=rows, base=left, x=width, orientation="h", name=name, marker_color=colour)
    figure.add_scatter(y=[-0.5, len(words) - 0.5], mode="lines", line={"color": "black", "dash": "dot"}, name="heard so far")
    figure.update_yaxes(tickvals=rows, ticktext=[word.text for word in words], autorange="reversed")
    figure.update_layout(xaxis={"title": "time (s)"}, legend={"orientation": "h", "y": -0.12})

    def move(figure: Any, block: int) -> None:
        seconds, final, partial = history[block - 1]
        figure.data[3].x = [seconds, seconds]
        figure.layout.title.text = f"{seconds:.1f} s heard: {len(final)} words are final, {len(partial)} partial"
        print("final:  ", " ".join(word.text for word in final) or "(none)")
        print("partial:", " ".join(word.text for word in partial) or "(none)")

    return figure, move
