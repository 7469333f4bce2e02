"""Figures of notebooks 08 to 13 that need no kernel: pages of HTML and JavaScript in `interactive/`, filled with data."""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from IPython.display import display

from w2vkit.audio import Waveform
from w2vkit.evaluate.scoring import Scored

FOLDER = Path(__file__).with_suffix("")


def embed(page: str, data: Any, height: int, alt: str) -> None:
    """Show a page of `interactive/` in a frame of its own.

    Parameters
    ----------
    page : str
        Its name without ``.html``.
    data : Any
        What the page's script gets in place of ``DATA``.
    height : int
        Pixels.
    alt : str
        What the figure shows; written below it, so that it is there also where no script runs.
    """
    text = filled(page, data)
    style = f"width:100%;height:{height}px;border:0"
    frame = f'<iframe title="{html.escape(alt)}" srcdoc="{html.escape(text)}" style="{style}"></iframe>'
    caption = f"<figcaption><small>{html.escape(alt)}</small></figcaption>"
    bundle = {"text/html": f'<figure style="margin:0">{frame}{caption}</figure>', "text/plain": alt}
    display(bundle, raw=True, metadata={"alt": alt})


def filled(page: str, data: Any) -> str:
    """Give a page with its data."""
    text = "".join((FOLDER / f"{name}.html").read_text(encoding="utf-8") for name in ("common", page))
    return text.replace("DATA", json.dumps(data, ensure_ascii=False).replace("</", "<\\/"))  # else it could end the script


def encoded(samples: Any, rate: int, form: str = "MP3") -> str:
    """Give samples as base64 of a file. FLAC keeps every sample in its place, MP3 is smaller."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), rate, format=form)
    return base64.b64encode(buffer.getvalue()).decode()


def envelope(samples: Any, points: int) -> list[float]:
    """Give the peaks of a waveform in equal stretches, as fractions of the highest."""
    peaks = np.abs(samples[: len(samples) // points * points]).reshape(points, -1).max(axis=1)
    return (peaks / max(1e-9, peaks.max())).round(3).tolist()


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
    embed("borders", data, 440, alt)


def resampling(errors: Sequence[int], words: Sequence[int], limit: float) -> None:
    """Show the bootstrap as draws that fall onto a histogram, which ends at ``limit`` (a fraction of 1)."""
    data = {"errors": [int(e) for e in errors], "words": [int(w) for w in words], "limit": limit}
    data["wer"] = sum(data["errors"]) / sum(data["words"])
    alt = (
        "The clips with their errors. Each draw takes as many clips, some twice, some not at all; its word error rate falls "
        "onto the histogram below. Many draws show how far the rate moves by chance of the clips alone."
    )
    embed("resampling", data, 400, alt)


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
    embed("errors", data, 21 * len(order) + 150, alt)


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
    embed("steps", data, 24 * sum(len(t) for t in wanted.values()) + 120, alt)


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
    embed("guess", data, 300, alt)
