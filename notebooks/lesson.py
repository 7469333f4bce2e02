"""What the cells of all notebooks call: checks, predictions, exercises, tables, players for sound, and figures with controls.

In JupyterLab a figure is a widget with controls. With ``W2VKIT_STATIC=1``, which `build.py` sets, the same cell gives a still
figure, so that the built file can be read without widgets.
"""

import base64
import html
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import soundfile
from IPython.display import HTML, display
from IPython.utils.capture import capture_output
from ipywidgets import HTMLMath, Output, Play, RadioButtons, VBox, interactive_output, jslink

from w2vkit.audio import Waveform
from w2vkit.emissions import Vocabulary
from w2vkit.examples import Example

STATIC = os.environ.get("W2VKIT_STATIC") == "1"
PASSED, FAILED, TODO = "✔", "✘", "✎"
BLANK, SPACE = "ε", "␣"  # how all notebooks write the blank, and the space between words
FLITE = Path(__file__).parent / "data" / "flite"
PLOTLY = "application/vnd.plotly.v1+json"
LAYOUT = {"height": 360, "margin": {"l": 60, "r": 20, "t": 40, "b": 50}}
pio.templates.default = "plotly_white"

try:  # Colab shows third-party widgets only after this call
    from google.colab import output  # pyright: ignore[reportMissingImports]

    output.enable_custom_widget_manager()
except ImportError:
    pass


def sign(vocabulary: Vocabulary, column: int) -> str:
    """Give the label of a column as the notebooks write it."""
    if column == vocabulary.blank:
        return BLANK
    return SPACE if column == vocabulary.word_boundary else vocabulary.labels[column]


def written_columns(vocabulary: Vocabulary) -> list[int]:
    """Give the columns of the labels that text is written with, the blank first."""
    return [vocabulary.blank, *sorted(set(vocabulary.columns.values()), key=lambda column: vocabulary.labels[column])]


def collapse(path: Iterable[str]) -> str:
    """Join runs of equal labels, then drop the blanks."""
    return "".join(label for label, _ in groupby(path) if label != BLANK)


def flite_clips() -> list[Example]:
    """Give six clips spoken by flite, a synthesiser that tells when it begins each phone (as the bundled ones' does not)."""
    rows = json.loads((FLITE / "index.json").read_text(encoding="utf-8"))
    return [Example(FLITE / row["file"], row["text"], row["about"]) for row in rows]


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


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Show a table; floats have three significant digits."""
    cells = [[f"{cell:.3g}" if isinstance(cell, float | np.floating) else str(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    plain = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    page = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    display({"text/markdown": plain, "text/html": page}, raw=True)


@contextmanager
def closed(title: str = "Open the results") -> Iterator[None]:
    """Fold away what is printed and which tables are shown within, as they give away an answer; failed checks stay in sight."""
    with capture_output() as caught:
        yield
    printed = "".join(line for line in caught.stdout.splitlines(keepends=True) if line.startswith(FAILED))
    parts = [output.data["text/html"] for output in caught.outputs]
    if caught.stdout:
        parts.append(f"<pre>{html.escape(caught.stdout)}</pre>")
    display(HTML(f"<details><summary>{html.escape(title)}</summary>{''.join(parts)}</details>"))
    print(printed, end="")


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
