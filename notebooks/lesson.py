"""Helpers of all notebooks: checks, interactive figures, players for sound, tables.

In JupyterLab a figure is a widget with controls. With ``W2VKIT_STATIC=1``, which `build.py` sets, the same cell gives a still
figure, so that the built file can be read without widgets.
"""

import base64
import html
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import soundfile
from IPython.display import HTML, Markdown, display
from ipywidgets import HTMLMath, Output, Play, RadioButtons, VBox, interactive_output, jslink
from plotly.subplots import make_subplots

from w2vkit.audio import Waveform
from w2vkit.decode import Hypothesis
from w2vkit.emissions import Emissions

FLOOR = -8.0  # natural logarithm; probabilities below exp(-8), one in 3,000, are drawn alike

STATIC = os.environ.get("W2VKIT_STATIC") == "1"
PASSED, FAILED, TODO = "✔", "✘", "✎"
PLOTLY = "application/vnd.plotly.v1+json"
LAYOUT = {"height": 360, "margin": {"l": 60, "r": 20, "t": 40, "b": 50}}
pio.templates.default = "plotly_white"

try:  # Colab shows third-party widgets only after this call
    from google.colab import output  # pyright: ignore[reportMissingImports]

    output.enable_custom_widget_manager()
except ImportError:
    pass


def check(condition: Any, message: str, hint: str = "") -> None:
    """Print whether a condition holds, and a hint if it does not."""
    if condition:
        print(f"{PASSED} {message}")
    else:
        print(f"{FAILED} not yet: {message}" + (f"\n  {hint}" if hint else ""))


def exercise(function: Callable[..., Any], *cases: tuple[tuple[Any, ...], Any, str]) -> None:
    """Check a function that the reader completes: say what is right, or which arguments give what instead of what.

    Parameters
    ----------
    function : callable
        While it returns None (its body is still ``...``) only a reminder is printed.
    *cases : (arguments, expected, hint)
        Numbers and arrays are compared to a relative 1e-6, all else by ``==``. The hint of the first wrong case is printed.
    """
    name = getattr(function, "__name__", "the function")
    for arguments, expected, hint in cases:
        call = f"{name}({', '.join(_short(argument) for argument in arguments)})"
        try:
            found = function(*arguments)
        except Exception as error:
            print(f"{FAILED} {call} stops with {type(error).__name__}: {error}")
            return
        if found is None:
            print(f"{TODO} your turn: {name} returns nothing yet. Write its body, then run the cell again.")
            return
        if not _equal(found, expected):
            print(f"{FAILED} {call} gives {_short(found)}, but {_short(expected)} is right\n  {hint}")
            return
    print(f"{PASSED} {name} is right in all {len(cases)} cases")


def _short(value: Any) -> str:
    text = np.array2string(value, precision=4, threshold=8) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _equal(found: Any, expected: Any) -> bool:
    try:
        return np.shape(found) == np.shape(expected) and bool(np.allclose(found, expected, rtol=1e-6, atol=1e-9))
    except (TypeError, ValueError):  # not numbers
        return bool(found == expected)


def predict(question: str, *options: str) -> RadioButtons:
    """Ask for a prediction. Give the widget whose ``value`` is the chosen option, None before a choice."""
    choice = RadioButtons(options=options, value=None, layout={"width": "max-content"})
    title = f"<b>Your prediction.</b> {html.escape(question)}"
    if STATIC:
        items = "".join(f"<li>{html.escape(option)}</li>" for option in options)
        display(HTML(f"<div>{title}<ul>{items}</ul></div>"))
    else:
        display(VBox([HTMLMath(title), choice]))
    return choice


def answer(prediction: RadioButtons, right: str, why: str) -> None:
    """Show, folded, the right one of the options of a prediction, beside the chosen one, and why it is right.

    Raises
    ------
    ValueError
        If ``right`` is not among the options.
    """
    if right not in prediction.options:
        raise ValueError(f"The answer {right!r} is none of the options {prediction.options}. Offer an option that holds it.")
    chosen = prediction.value
    if chosen is None:
        comment = "You have not chosen yet."
    else:
        comment = f"You predicted: {chosen}. " + ("That is right." if chosen == right else "It is another one.")
    body = f"{html.escape(comment)}<br><b>{html.escape(right)}.</b> {html.escape(why)}"
    display(HTML(f"<details><summary>Open the answer</summary>{body}</details>"))


def closest(prediction: RadioButtons, values: Sequence[float], measured: float) -> str:
    """Give the option of a prediction whose value (one for each option) is nearest to what was measured."""
    return min(zip(values, prediction.options, strict=True), key=lambda pair: abs(pair[0] - measured))[1]


def reveal(prediction: float | str | None, measured: float | str, unit: str = "") -> None:
    """Print the prediction of the reader (None if none was written down) and the measured value."""
    guess, found = (v if isinstance(v, str | None) else f"{v:.4g}" for v in (prediction, measured))
    print("you predicted:", f"{guess} {unit}" if guess else "nothing yet (write it into the cell above and run both again)")
    print(f"measured:      {found} {unit}")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Show a table; floats have three significant digits."""
    cells = [header, ["---"] * len(header)]
    cells += [[f"{cell:.3g}" if isinstance(cell, float | np.floating) else str(cell) for cell in row] for row in rows]
    display(Markdown("\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)))


def hear(waveform: Waveform, label: str = "", *, play: bool = False) -> None:
    """Show a player for a waveform, without change of loudness. The sound is stored as MP3 to keep the notebook small."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform.samples, -1, 1), waveform.sample_rate, format="MP3")
    source = "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    title = html.escape(label or "sound") + f" ({waveform.seconds:.1f} s, {waveform.sample_rate} Hz)"
    display(HTML(f'<div>{title}<br><audio controls {"autoplay" if play else ""} src="{source}"></audio></div>'))


def show(
    figure: go.Figure,
    move: Callable[..., None] | None = None,
    click: Callable[[Any], None] | None = None,
    *,
    hover: Sequence[str] = (),
    alt: str = "",
    closed: str = "",
    **controls: Any,
) -> None:
    """Show a figure and, above it, the controls that change it.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    move : callable, optional
        ``move(figure, **values)`` changes the figure in place. It is called at the start and after every change of a
        control. Its printed output appears below the figure.
    click : callable, optional
        Called with the ``customdata`` of a clicked point or bar. Its output appears below the figure.
    hover : sequence of str
        Names of controls. When the pointer is over a point of the first trace, they take the values of its ``customdata``.
    alt : str
        What the still picture shows, for those who cannot see it.
    closed : str
        In the built file the picture is folded away under these words, because it gives away an answer.
    **controls
        An ipywidget for each argument of ``move``, such as ``frame=IntSlider(0, 0, 99)``.
    """
    figure = go.Figure(figure.data, LAYOUT | figure.layout.to_plotly_json())
    for name, control in controls.items():
        control.description = control.description or name
    if STATIC:
        _still(figure, move, controls, {"alt": alt, "closed": closed})
        return
    live = go.FigureWidget(figure)
    parts = [*controls.values(), live]
    if move is not None:

        def update(**values: Any) -> None:
            with live.batch_update():
                move(live, **values)

        parts.append(interactive_output(update, controls))
    if hover:
        _on_hover(live, [controls[name] for name in hover])
    if click is not None:
        parts.append(_on_click(live, click))
    display(VBox(parts))


def play_button(slider: Any, interval: int = 200) -> None:
    """Show a button that moves a slider step by step, every so many ms. The built file has none."""
    if not STATIC:
        button = Play(value=slider.value, min=slider.min, max=slider.max, interval=interval)
        jslink((button, "value"), (slider, "value"))
        display(button)


def _on_hover(live: go.FigureWidget, controls: Sequence[Any]) -> None:
    """Set the controls to the ``customdata`` (points, controls) of a point of the first trace under the pointer."""

    def hovered(trace: Any, points: Any, state: Any) -> None:
        for index in points.point_inds[:1]:
            for control, value in zip(controls, np.atleast_1d(trace.customdata[index]), strict=True):
                control.value = int(value)

    traces: Any = live.data
    traces[0].on_hover(hovered)


def _on_click(live: go.FigureWidget, click: Callable[[Any], None]) -> Output:
    """Call ``click`` for each clicked point; give the widget that shows its output."""
    place = Output()

    def clicked(trace: Any, points: Any, state: Any) -> None:
        for index in points.point_inds:
            with place:
                place.clear_output()
                click(trace.customdata[index])

    traces: Any = live.data
    for trace in traces:
        trace.on_click(clicked)
    return place


def _still(figure: go.Figure, move: Callable[..., None] | None, controls: dict[str, Any], notes: dict[str, str]) -> None:
    """Show the figure with the initial values of its controls, after a trial run with both ends of every control."""
    start = {name: control.value for name, control in controls.items()}
    printed = ""
    if move is not None:
        tries = [start | {name: end} for name, control in controls.items() for end in _ends(control)]
        for values in [*tries, start]:
            with redirect_stdout(io.StringIO()) as out:
                move(figure, **values)
            printed = out.getvalue()
        names = ", ".join(
            f"{control.description} = {getattr(control, 'label', control.value)}" for control in controls.values()
        )
        display(HTML(f"<small>In JupyterLab this figure moves; here it stands at {html.escape(names)}.</small>"))
    data = {PLOTLY: json.loads(str(figure.to_json())), "text/plain": notes["alt"] or "a figure; run the notebook to see it"}
    display(data, raw=True, metadata={name: text for name, text in notes.items() if text})
    print(printed, end="")


def _ends(control: Any) -> list[Any]:
    """Give the smallest and largest value of a slider, or the first and last of a list of options."""
    if hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        return [values[0], values[-1]]
    return [control.min, control.max] if hasattr(control, "max") else []


def heatmap(emissions: Emissions, hypothesis: Hypothesis | None = None) -> go.Figure:
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


COLOURS = ("#1f6feb", "#c2410c", "#15803d", "#7c3aed", "#6b7280")


def draw_published(rows: Sequence[tuple[str, float, float, float, str]]) -> tuple[go.Figure, Callable[..., None]]:
    """Draw published error rates against hours of transcripts, for `show` with the controls ``decoder`` and ``hours``.

    Parameters
    ----------
    rows : sequence of (decoder, hours, WER on test-clean in %, WER on test-other in %, source)
    """
    figure = go.Figure(layout={"height": 440, "hovermode": "closest", "legend": {"y": -0.25, "orientation": "h"}})
    names = list(dict.fromkeys(row[0] for row in rows))
    for column, part, colour in ((2, "test-clean", COLOURS[0]), (3, "test-other", COLOURS[1])):
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


def receptive_fields(kernels: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Give (step, field) in samples of one output of each layer of a stack of convolutions."""
    step, field, found = 1, 1, []
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
        found.append((step, field))
    return found


def draw_cone(
    kernels: Sequence[int], strides: Sequence[int], rate: int, frames: int = 3
) -> tuple[go.Figure, Callable[..., None]]:
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
    figure.add_scatter(mode="lines", fill="toself", fillcolor="#1f6feb", opacity=0.15, line_width=0, hoverinfo="skip")
    figure.add_scatter(mode="markers", marker={"color": "#1f6feb", "line": {"width": 0}}, hoverinfo="skip")
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
    thick = {"width": 6, "color": "#9cc4f5"}
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


def draw_lines(x: Any, lines: dict[str, Any], x_title: str, y_title: str, *, markers: bool = False, **layout: Any) -> go.Figure:
    """Draw one line for each name."""
    axes = {"xaxis": {"title": x_title}, "yaxis": {"title": y_title}, "legend": {"orientation": "h", "y": 1.12}}
    figure = go.Figure(layout=axes | layout)
    for name, values in lines.items():
        figure.add_scatter(x=x, y=values, name=name, mode="lines+markers" if markers else "lines")
    return figure


def draw_attention(
    attentions: Any, times: Any, frames: Sequence[int], labels: Sequence[str], strongest: int = 8
) -> tuple[go.Figure, Callable[..., None]]:
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
    figure.add_bar(x=times, marker={"color": "#1f6feb", "line": {"width": 0}})
    for _ in range(strongest):
        figure.add_scatter(mode="lines", line={"color": "#c2410c"}, hoverinfo="skip")
    figure.update_xaxes(title="time (s)")
    figure.update_yaxes(tickvals=[0, 1], ticktext=["keys", "query"], range=[-0.05, 1.2])

    def move(figure: Any, layer: int, head: int, letter: int) -> None:
        row = attentions[layer - 1, head - 1, frames[letter]]
        figure.data[1].y = 0.5 * row / row.max()
        keys = np.argsort(-row)[:strongest]
        for line, key in zip(list(figure.data)[2:], keys, strict=True):
            line.update(x=[where[letter], times[key]], y=[1, 0], line_width=8 * row[key] / row.max())
        figure.data[0].marker.color = ["#c2410c" if k == letter else "#94a3b8" for k in range(len(where))]
        far = times[keys[0]] - where[letter]
        figure.layout.title = f"layer {layer}, head {head}: {labels[letter]} attends most to the frame {far:+.2f} s away"

    return figure, move
