"""Figures to play with that need no kernel: each is HTML with a script of `scripts/`, and moves in JupyterLab and in the book.

`build.py` puts a still picture into each, for places that run no scripts, such as GitHub.
"""

import base64
import html
import io
import json
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import plotly.graph_objects as go
import soundfile
from IPython.display import display

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.evaluate.calibration import temperature_scaled

SCRIPTS = Path(__file__).parent / "scripts"
BLANK, SPACE = "ε", "␣"
STYLE = """
.w2v-figure { max-width: 800px; color: inherit; }
.w2v-figure .row { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 8px 0; }
.w2v-figure input[type=range] { width: 260px; vertical-align: middle; }
.w2v-figure .mono { font-family: monospace; white-space: pre-wrap; }
.w2v-figure p { margin: 4px 0; min-height: 1.3em; }
.w2v-figure svg { touch-action: none; }
"""


def play(script: str, data: dict[str, Any], alt: str) -> None:
    """Show a figure of one of the scripts.

    Parameters
    ----------
    script : str
        ``scripts/NAME.js``, which has a function ``start(root, data)``.
    data : dict
        What can be written as JSON.
    alt : str
        What the figure shows at the start, for those who cannot see it.
    """
    code = "".join((SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in ("common", script))
    # A notebook may attach its output after the script has run; a cell that runs again makes a second place.
    wait = f"""
function begin(tries) {{
  const root = document.querySelector(".w2v-figure[data-script={script}]:not([data-started])");
  if (!root) return tries && setTimeout(() => begin(tries - 1), 50);
  root.dataset.started = "";
  root.replaceChildren();
  start(root, {json.dumps(data).replace("</", "<" + chr(92) + "/")});
}}
begin(100);"""
    still = f"<p>{html.escape(alt)}</p>"  # the build puts a picture here; the script takes it away
    place = f'<div class="w2v-figure" data-script="{script}">{still}</div>'
    page = f"<style>{STYLE}</style>{place}<script>(() => {{{code}{wait}}})();</script>"
    display({"text/html": page, "text/plain": alt}, raw=True, metadata={"alt": alt, "still": still})


def _mp3(waveform: Waveform) -> str:
    """Give the address of a sound that holds the sound itself."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform.samples, waveform.sample_rate, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def draw_frames(waveform: Waveform, emissions: Emissions, window: float, frame: int) -> None:
    """Show the waveform with the window (s) that one frame sees, the frame's probabilities, and the text so far."""
    vocabulary = emissions.vocabulary
    columns = [vocabulary.blank, *sorted(set(vocabulary.columns.values()), key=vocabulary.shown)]
    parts = np.array_split(waveform.samples / np.abs(waveform.samples).max(), 700)
    names: dict[int | None, str] = {vocabulary.blank: BLANK, vocabulary.word_boundary: SPACE}
    path = [names.get(int(k)) or vocabulary.labels[k] for k in emissions.log_probs.argmax(axis=1)]
    texts = [collapse(path[: t + 1]).replace(SPACE, " ") for t in range(len(path))]
    play(
        "frame",
        {
            "low": [round(100 * float(part.min())) for part in parts],
            "high": [round(100 * float(part.max())) for part in parts],
            "seconds": waveform.seconds,
            "window": window,
            "centres": (emissions.start_seconds + (np.arange(len(path)) + 0.5) * emissions.frame_seconds).round(4).tolist(),
            "labels": [names.get(k, vocabulary.labels[k]) for k in columns],
            "shares": (100 * np.exp(emissions.log_probs[:, columns])).round().astype(int).tolist(),
            "texts": texts,
            "sound": _mp3(waveform),
            "frame": frame,
        },
        f"A waveform of {waveform.seconds:.1f} s with a narrow window on it. Below, the probabilities of the frame that "
        f"sees this window: {path[frame]} has most. The text up to there: {texts[frame]}",
    )


def draw_zoom(waveform: Waveform, centre: float, width: float = 40.0) -> None:
    """Show a waveform to zoom into, around a time (s), at first ``width`` (ms) of it; it can be played as it is seen."""
    samples = np.round(np.clip(waveform.samples, -1, 1) * 32767).astype("<i2")
    data = {"rate": waveform.sample_rate, "centre": round(centre * waveform.sample_rate), "width": width}
    play(
        "zoom",
        data | {"samples": base64.b64encode(samples.tobytes()).decode()},
        f"{width:.0f} ms of a voice: a wave whose shape repeats every few milliseconds. "
        "Two sliders zoom and move, a button plays it.",
    )


def draw_path(labels: Sequence[str], path: str, goal: str) -> None:
    """Show a path to click or type, one of the labels (the blank first) in each frame, and the text that it collapses to."""
    play(
        "path",
        {"labels": list(labels), "frames": len(path), "path": list(path), "goal": goal},
        f"A grid with a row for each label and a column for each frame. The path {path} is marked; its runs have colours. "
        f"It collapses to {collapse(path)}.",
    )


def collapse(path: Sequence[str]) -> str:
    """Join runs of equal labels, then drop the blanks."""
    return "".join(label for label, _ in groupby(path) if label != BLANK)


def draw_lattice(labels: str, probabilities: Any, words: Sequence[str], path: Sequence[int], filled: int = 3) -> None:
    """Show the lattice of a word to click a path through, and its forward sums, at first of ``filled`` frames.

    Parameters
    ----------
    labels : str
        The blank first.
    probabilities : (T, V) array
    words : sequence of str
        The first is shown.
    path : sequence of int
        A state for each frame.
    """
    play(
        "lattice",
        {
            "labels": list(labels),
            "probabilities": np.asarray(probabilities).round(6).tolist(),
            "words": list(words),
            "path": list(path),
            "filled": filled,
        },
        f"The states of {words[0]}, a blank before, between and after its letters, by {len(path)} frames. Lines show the "
        f"allowed steps; one path through them is marked, and the first {filled} columns hold forward sums.",
    )


def draw_tree(history: Sequence[dict[str, tuple[float, float]]], width: int, frame: int) -> None:
    """Show the prefixes of a beam search as a tree that grows.

    Parameters
    ----------
    history : sequence of {prefix: (p_b, p_n)}
        Of every frame, the most probable prefix first. The first ``width`` are kept, the others are dropped.
    """
    frames = [
        [[name, round(float(b), 6), round(float(n), 6), k < width] for k, (name, (b, n)) in enumerate(candidates.items())]
        for candidates in history
    ]
    kept = ", ".join(f"“{name}”" for name, _, _, alive in frames[frame] if alive)
    play(
        "tree",
        {"frames": frames, "width": width, "frame": frame},
        f"A tree of prefixes, one letter more at each step to the right. After frame {frame} the beam holds {kept}; "
        f"{len(frames[frame]) - width} others are grey.",
    )


def draw_alias(rate: int, span: float = 0.0005) -> tuple[go.Figure, Callable[..., None]]:
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


def draw_blanks(emissions: Emissions, start: float = 0.3, stop: float = 2.0) -> go.Figure:
    """Draw the probability of the blank and that of the best other label of every frame; at first from start to stop (s)."""
    vocabulary, probabilities = emissions.vocabulary, np.exp(emissions.log_probs)
    columns = sorted(set(vocabulary.columns.values()))
    letter = probabilities[:, columns].max(axis=1)
    names = [vocabulary.labels[columns[k]] for k in probabilities[:, columns].argmax(axis=1)]
    names = [SPACE if name == "|" else name for name in names]
    text = [name if p > 0.4 else "" for name, p in zip(names, letter, strict=True)]
    x = emissions.start_seconds + (np.arange(len(letter)) + 0.5) * emissions.frame_seconds
    figure = go.Figure(layout={"bargap": 0.1, "height": 380, "legend": {"orientation": "h", "y": 1.12}})
    figure.add_scatter(x=x, y=probabilities[:, vocabulary.blank], name="blank", line={"color": "#9aa5b1"})
    figure.add_bar(x=x, y=letter, name="letter", text=text, textposition="outside", textangle=0, marker_color="#1f6feb")
    figure.update_xaxes(title="time (s), the beginning; drag to see the rest", range=[start, stop])
    figure.update_yaxes(title="probability", range=[0, 1.1])
    return figure


def draw_steps(emissions: Sequence[Emissions]) -> tuple[go.Figure, Callable[..., None]]:
    """Draw a frame's best labels and print path, runs and text so far, for `show` with the controls ``clip`` and ``frame``."""
    figure = go.Figure(go.Bar(marker_color="#1f6feb"))
    figure.update_layout(title="", height=300, xaxis={"type": "category"}, yaxis={"title": "probability", "range": [0, 1]})

    def move(figure: Any, clip: int, frame: int) -> None:
        one = emissions[clip]
        vocabulary = one.vocabulary
        names = [BLANK if k in vocabulary.special else name for k, name in enumerate(vocabulary.labels)]
        names = [SPACE if k == vocabulary.word_boundary else name for k, name in enumerate(names)]
        frame = min(frame, len(one) - 1)
        top = one.log_probs[frame].argsort()[:-6:-1]
        figure.data[0].update(x=[vocabulary.shown(v) for v in top], y=np.exp(one.log_probs[frame, top]))
        figure.layout.title.text = f"Frame {frame}, at {one.start_seconds + (frame + 0.5) * one.frame_seconds:.2f} s"
        path = "".join(names[k] for k in one.log_probs[: frame + 1].argmax(axis=1))
        joined = "".join(label for label, _ in groupby(path))
        print("path:  ", path[-100:])
        print("joined:", joined[-100:])
        print("text:  ", collapse(path).replace(SPACE, " "))

    return figure, move


def draw_temperature(emissions: Emissions, entropy: Callable[..., Any]) -> tuple[go.Figure, Callable[..., None]]:
    """Draw the words' confidences and the frames' entropy, for `show` with the control ``temperature``."""
    figure = go.Figure(layout={"title": "", "xaxis": {"title": "time (s)"}, "height": 400})
    figure.add_scatter(name="entropy of the frame (bits)", line={"color": "#9aa5b1"}, yaxis="y2")
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
    values: Any, names: Sequence[str], title: str, *, numbers: bool = False, pull: bool = False
) -> tuple[go.Figure, Callable[..., None]]:
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
    """
    several = values if isinstance(values, dict) else {"": values}
    look: dict[str, Any] = {"colorscale": "Viridis", "zmin": 0, "zmax": 1}
    if pull:
        look = {"colorscale": "RdBu", "zmid": 0, "colorbar": {"title": {"text": "pull"}}}
    first = np.asarray(next(iter(several.values()))).T
    text = {"text": first.round(2), "texttemplate": "%{text}"} if numbers else {}
    figure = go.Figure(go.Heatmap(z=first, y=list(names), **look, **text))
    figure.update_layout(title=title, height=300, xaxis={"title": "frame t"}, yaxis={"autorange": "reversed", "dtick": 1})

    def move(figure: Any, choice: str) -> None:
        figure.data[0].z = np.asarray(several[choice]).T
        figure.layout.title.text = title.format(choice)

    return figure, move


def draw_two_bars(names: Sequence[str], bars: dict[str, Sequence[float]]) -> go.Figure:
    """Draw two bars for each name, the second inside of the first."""
    figure = go.Figure(layout={"barmode": "overlay", "yaxis": {"title": "probability"}, "legend": {"x": 0.6, "y": 0.95}})
    for colour, (title, values) in zip(("#9cc4f5", "#1f6feb"), bars.items(), strict=True):
        figure.add_bar(x=list(names), y=list(values), name=title, marker_color=colour)
    return figure


def draw_occupancy(labels: str, occupancies: dict[str, Any]) -> tuple[go.Figure, Callable[..., None]]:
    """Draw where the paths of a word are, for `show` with the control ``word``.

    Parameters
    ----------
    labels : str
        The blank first.
    occupancies : dict of (T, S) arrays, by word
    """
    figure = go.Figure(layout={"title": "", "height": 460, "xaxis": {"title": "frame t", "dtick": 1}, "showlegend": False})
    figure.add_scatter(mode="lines", line={"color": "#d0d7de", "width": 1}, hoverinfo="skip")
    figure.add_scatter(mode="markers", marker={"color": "#1f6feb", "opacity": 1, "line": {"width": 1, "color": "white"}})
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


def draw_beams(history: Sequence[dict[str, Any]], tail: int = 24) -> tuple[go.Figure, Callable[..., None]]:
    """Draw {prefix: (p_b, p_n)} of a frame as stacked bars and print them, for `show` with the control ``frame``."""
    figure = go.Figure(layout={"title": "", "barmode": "stack", "height": 380})
    figure.add_bar(name="ends in a blank", orientation="h", marker_color="#d9622b")
    figure.add_bar(name="ends in its last letter", orientation="h", marker_color="#1f6feb")
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


def draw_alignment(
    references: Sequence[str], decoded: dict[tuple[str, float], list[str]]
) -> tuple[go.Figure, Callable[..., None]]:
    """Draw which words of a text are right and print it aligned, for `show` with ``clip``, ``model`` and ``alpha``.

    Parameters
    ----------
    references : sequence of str
        What was said, one for each clip.
    decoded : {(model, alpha): texts}
    """
    colours = ["#1a7f4b", "#b7791f", "#c2410c", "#c2410c"]
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
