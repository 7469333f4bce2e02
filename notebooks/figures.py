"""Figures to play with that need no kernel: each is HTML with a script of `scripts/`, and moves in JupyterLab and in the book.

`build.py` puts a still picture into each, for places that run no scripts, such as GitHub.
"""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import soundfile
from IPython.display import display
from lesson import collapse, sign, written_columns

from w2vkit.audio import Waveform
from w2vkit.emissions import Emissions
from w2vkit.evaluate.scoring import Scored

SCRIPTS = Path(__file__).parent / "scripts"
STYLE = """
.w2v-figure { max-width: 800px; color: inherit; }
.w2v-figure .row { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 8px 0; }
.w2v-figure input[type=range] { width: 260px; vertical-align: middle; }
.w2v-figure .mono { font-family: monospace; white-space: pre-wrap; }
.w2v-figure p { margin: 4px 0; min-height: 1.3em; }
.w2v-figure svg { touch-action: none; }
.w2v-figure .right, .w2v-figure .wrong, .w2v-figure .missing { color: #1f2937; }
.w2v-figure .right { background: #bbf7d0; }
.w2v-figure .wrong { background: #fecaca; text-decoration: underline; }
.w2v-figure .missing { background: #e5e7eb; font-style: italic; }
.w2v-figure td { padding: 0 4px; }
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


def encoded(samples: Any, rate: int, form: str = "MP3") -> str:
    """Give samples as base64 of a file. FLAC keeps every sample in its place, MP3 is smaller."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), rate, format=form)
    return base64.b64encode(buffer.getvalue()).decode()


def envelope(samples: Any, points: int) -> list[float]:
    """Give the peaks of a waveform in equal stretches, as fractions of the highest."""
    peaks = np.abs(samples[: len(samples) // points * points]).reshape(points, -1).max(axis=1)
    return (peaks / max(1e-9, peaks.max())).round(3).tolist()


def draw_frames(waveform: Waveform, emissions: Emissions, window: float, frame: int) -> None:
    """Show the waveform with the window (s) that one frame sees, the frame's probabilities, and the text so far."""
    vocabulary = emissions.vocabulary
    columns = written_columns(vocabulary)
    parts = np.array_split(waveform.samples / np.abs(waveform.samples).max(), 700)
    path = [sign(vocabulary, int(k)) for k in emissions.log_probs.argmax(axis=1)]
    texts = [collapse(path[: t + 1]).replace("␣", " ") for t in range(len(path))]
    play(
        "frame",
        {
            "low": [round(100 * float(part.min())) for part in parts],
            "high": [round(100 * float(part.max())) for part in parts],
            "seconds": waveform.seconds,
            "window": window,
            "centres": (emissions.start_seconds + (np.arange(len(path)) + 0.5) * emissions.frame_seconds).round(4).tolist(),
            "labels": [sign(vocabulary, k) for k in columns],
            "shares": (100 * np.exp(emissions.log_probs[:, columns])).round().astype(int).tolist(),
            "texts": texts,
            "sound": "data:audio/mpeg;base64," + encoded(waveform.samples, waveform.sample_rate),
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


def draggable_borders(
    waveform: Waveform,
    words: Sequence[str],
    span: tuple[float, float],
    scores: Any,
    true: Sequence[float],
    clock: Sequence[float],
) -> None:
    """Show words over a waveform; the reader drags the border between two and sees the score.

    Parameters
    ----------
    waveform : Waveform
    words : sequence of str
        W of them.
    span : (float, float)
        Start of the first and end of the last word (s).
    scores : (W - 1, T) array
        The score of the best path through each border at each frame (nats).
    true : sequence of float
        The true borders (s).
    clock : (float, float)
        Time of the first frame's middle, and from frame to frame (s).
    """
    scores = np.maximum(scores, -1e6)  # JSON has no infinity
    borders = [
        {"best": int(np.median(np.flatnonzero(row > row.max() - 1e-6))), "scores": row.round(2).tolist()} for row in scores
    ]
    data = {
        "words": list(words),
        "start": span[0],
        "end": span[1],
        "borders": borders,
        "best": float(scores.max().round(2)),
        "chosen": len(borders) // 2,
        "frames": scores.shape[1],
        "true": list(true),
        "first": clock[0],
        "step": clock[1],
        "seconds": waveform.seconds,
        "envelope": envelope(waveform.samples, 400),
        "sound": encoded(waveform.samples, waveform.sample_rate, "FLAC"),
    }
    alt = (
        "The words of the clip as boxes over its waveform, with a line at each border. Drag a line: the green curve below "
        "shows the score of the best path through the border at each time, and it falls on both sides of the best place."
    )
    play("borders", data, alt)


def resampling(errors: Sequence[int], words: Sequence[int], limit: float) -> None:
    """Show the bootstrap as draws that fall onto a histogram, which ends at ``limit`` (a fraction of 1)."""
    data = {"errors": [int(e) for e in errors], "words": [int(w) for w in words], "limit": limit}
    data["wer"] = sum(data["errors"]) / sum(data["words"])
    alt = (
        "The clips with their errors. Each draw takes as many clips, some twice, some not at all; its word error rate falls "
        "onto the histogram below. Many draws show how far the rate moves by chance of the clips alone."
    )
    play("resampling", data, alt)


def worst_first(scored: Iterable[Scored], waveforms: Mapping[str, Waveform]) -> None:
    """Show a bar for each utterance, the worst first; a click plays it and shows its two texts, aligned."""
    order = sorted(scored, key=lambda s: -s.errors)
    data = [
        {
            "id": s.id,
            "errors": s.errors,
            "words": s.words,
            "pairs": s.pairs,
            "sound": encoded(waveforms[s.id].samples, waveforms[s.id].sample_rate),
        }
        for s in order
    ]
    alt = (
        f"A bar for each utterance, the worst first: {order[0].id} with {order[0].errors} errors in {order[0].words} words. "
        "A click plays the utterance and shows reference and hypothesis word by word."
    )
    play("errors", {"utterances": data}, alt)


def parts(wanted: str, found: str) -> list[tuple[str, str]]:
    """Cut a found text into what is right, what is wrong, and what is missing of the wanted one."""
    kept = []
    for kind, a, b, c, d in SequenceMatcher(None, wanted, found, autojunk=False).get_opcodes():
        if kind == "equal":
            kept.append(("right", found[c:d]))
        else:
            kept += [("wrong", found[c:d])] * (d > c) + [("missing", wanted[a:b])] * (kind == "delete")
    return kept


def texts_by_step(exams: Mapping[int, Any], wanted: Mapping[str, Sequence[str]], chosen: int) -> None:
    """Show the texts after each exam, coloured by letter.

    Parameters
    ----------
    exams : dict of (texts of the first group, texts of the second, rates), by step
    wanted : dict of the right texts by the group's name
    chosen : int
        The number of the exam that is shown first.
    """
    steps = [
        {
            "step": step,
            "rates": list(rates),
            "texts": [
                [parts(a, b) for a, b in zip(right, found, strict=True)]
                for right, found in zip(wanted.values(), texts, strict=True)
            ],
        }
        for step, (*texts, rates) in exams.items()
    ]
    data = {"groups": list(wanted), "wanted": list(wanted.values()), "steps": steps, "chosen": chosen}
    alt = (
        "The texts of both groups after a number of training steps. Right letters are green, wrong ones red, missing ones "
        "grey: the digits turn green while the English sentences lose their letters."
    )
    play("steps", data, alt)


def guessing_game(sounds: Sequence[Any], rate: int, rounds: Sequence[Mapping[str, Any]]) -> None:
    """Show rounds of the guessing game: hear a sound with a hole, and pick its content among five.

    Parameters
    ----------
    sounds : sequence of (N,) arrays
    rate : int
        Hz.
    rounds : sequence of dict
        ``sound``: its number; ``from``, ``to``, ``start``, ``end``: the stretch and its hole (s); ``options``: five of
        ``start``, ``end`` (s) and ``name``; ``right`` and ``network``: which one is in the hole, and which the network picks.
    """
    filled = []
    for one in rounds:
        samples = np.asarray(sounds[one["sound"]])[int(one["from"] * rate) : int(one["to"] * rate)]
        filled.append({**one, "envelope": envelope(samples, 300)})
    data = {"sounds": [encoded(np.asarray(s), rate, "FLAC") for s in sounds], "rounds": filled}
    alt = (
        "A waveform with a hole, a button that plays it, and five short sounds to choose from; a choice shows the right one "
        "and the network's."
    )
    play("guess", data, alt)


def draw_cuts(
    waveform: Waveform,
    words: Sequence[tuple[str, float, float]],
    cuts: Sequence[tuple[float, str, bool]],
    readings: Mapping[float, Sequence[tuple[str, str, str]]],
    cut: int,
) -> None:
    """Show a sound that is cut in two, and what is read of the pieces; the reader chooses the place and the context.

    Parameters
    ----------
    waveform : Waveform
    words : sequence of (word, start, end)
        What was said (s).
    cuts : sequence of (time, name, inside)
        Where the sound can be cut (s), and whether this is inside of a word.
    readings : dict of sequence of (joined, left, right)
        By the context on either side (s): the texts of each cut.
    cut : int
        The number of the cut that is shown first, without context.
    """
    wanted = " ".join(word for word, _, _ in words)
    first = next(iter(readings.values()))[cut]
    data = {
        "words": list(words),
        "cuts": [{"time": time, "name": name, "inside": inside} for time, name, inside in cuts],
        "contexts": list(readings),
        "readings": [
            [
                {"parts": parts(wanted, joined), "errors": edits(wanted, joined), "left": left, "right": right}
                for joined, left, right in texts
            ]
            for texts in readings.values()
        ],
        "cut": cut,
        "context": 0,
        "seconds": waveform.seconds,
        "envelope": envelope(waveform.samples, 300),
        "sound": encoded(waveform.samples, waveform.sample_rate, "FLAC"),
    }
    alt = (
        f"The waveform of “{wanted}”, cut {cuts[cut][1]} without context. The joined text of both pieces is “{first[0]}”. "
        "Bars show how many characters are wrong for each place of the cut."
    )
    play("cut", data, alt)


def edits(wanted: str, found: str) -> int:
    """Count the characters that have to be replaced, added or left out."""
    counts = jiwer.process_characters(wanted, found)
    return counts.substitutions + counts.deletions + counts.insertions
