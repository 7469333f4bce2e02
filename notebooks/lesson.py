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
from ipywidgets import Output, VBox, interactive_output

from w2vkit.audio import Waveform
from w2vkit.decode import Hypothesis
from w2vkit.emissions import Emissions

FLOOR = -8.0  # natural logarithm; probabilities below exp(-8), one in 3,000, are drawn alike

STATIC = os.environ.get("W2VKIT_STATIC") == "1"
PASSED, FAILED = "✔", "✘"
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
    figure: go.Figure, move: Callable[..., None] | None = None, click: Callable[[Any], None] | None = None, **controls: Any
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
    **controls
        An ipywidget for each argument of ``move``, such as ``frame=IntSlider(0, 0, 99)``.
    """
    figure = go.Figure(figure.data, LAYOUT | figure.layout.to_plotly_json())
    for name, control in controls.items():
        control.description = control.description or name
    if STATIC:
        _still(figure, move, controls)
        return
    live = go.FigureWidget(figure)
    parts = [*controls.values(), live]
    if move is not None:

        def update(**values: Any) -> None:
            with live.batch_update():
                move(live, **values)

        parts.append(interactive_output(update, controls))
    if click is not None:
        parts.append(_on_click(live, click))
    display(VBox(parts))


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


def _still(figure: go.Figure, move: Callable[..., None] | None, controls: dict[str, Any]) -> None:
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
    display({PLOTLY: json.loads(str(figure.to_json())), "text/plain": "a figure; run the notebook to see it"}, raw=True)
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
