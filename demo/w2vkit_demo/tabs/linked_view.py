"""The linked view: its Gradio component, and the data that it draws (waveform, emissions and words on one time axis)."""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import soundfile
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from w2vkit.audio import Waveform
from w2vkit.decode import Hypothesis
from w2vkit.decode.hypothesis import shade
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.formats import segments
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.sent import sent
from w2vkit_demo.tabs.own_text import Version, shown

PARTS = ("data", "spectrum", "draw", "svg", "parts", "text", "sound", "gestures", "view")  # each script needs those before it
SCRIPT = sent(*(f"linked_{part}.js" for part in PARTS))
CSS = sent("linked_view.css")

FLOOR = -8.0  # natural logarithm; probabilities below exp(-8), one in 3,000, are drawn alike
PEAK_SECONDS = 0.005  # s; one pair of peaks for each
PARAGRAPH_SECONDS = 1.0  # s; a pause of this length ends a paragraph
MOST_LABELS = 64  # rows that can be distinguished; of a larger vocabulary the likeliest are drawn


# Each new value makes a new view. The view's changes go to the event "input".
MOUNT = """
const mount = () => element.querySelector(".lv-mount");
let view = null;
const options = { ...props.options, edit: props.options.edit ? change => trigger("input", change) : null };
const show = () => {
  view?.close();
  options.words = document.querySelector(`#${options.id}-words .lv-text`);
  view = props.value ? w2vkitView.mount(mount(), props.value, props.texts, options) : null;
  w2vkitPage.views.set(mount(), view);
};
watch("value", show);
const last = !props.value && w2vkitAddress.last(mount().dataset.id);
if (last) props.value = last;
show();
if (last && (props.options.edit || last.kept)) w2vkitPage.ready.then(() => {
  const { words, own, sentence, seconds, name, summary, kept } = last;
  if (w2vkitPage.untouched(element)) trigger("input", { restore: { words, own, sentence, seconds, name, summary, kept } });
});
"""


# Other words for the sound that a view shows.
REWORD = 'watch("value", () => props.value && w2vkitPage.view(props.view)?.reword(props.value));'


def build(elem_id: str, *, group: str = "", name: str = "", texts: dict[str, Any] | None = None, edit: bool = False) -> gr.HTML:
    """Make an empty linked view, whose value is the result of `packed`.

    After a reload of the page it shows the last value again, and its event ``input`` has ``restore``.

    Parameters
    ----------
    elem_id : str
        The element's id.
    group : str
        Views of one group move together.
    name : str
        The name of the view among others on the same tab, for screen readers.
    texts : dict
        Texts that replace some of `strings.VIEW`.
    edit : bool
        Offer to change the text: the component's event ``input`` then has ``edit`` (the whole text), ``undo`` or ``sentence``.
    """
    return gr.HTML(
        html_template=f'<div class="lv-mount" data-id="{elem_id}"></div>',
        js_on_load=MOUNT,
        head=f"<script>{SCRIPT}</script>",  # Gradio runs it once, however many views there are
        apply_default_css=False,
        elem_id=elem_id,
        texts=strings.VIEW | (texts or {}),
        options={"id": elem_id, "group": group, "name": name, "edit": edit},
    )


def build_words(view: str) -> gr.HTML:
    """Make the element of a view's words, to be laid out before the view. Its value is the result of `reworded`."""
    return gr.HTML(
        html_template='<div class="lv-text"></div>',
        js_on_load=REWORD,
        apply_default_css=False,
        elem_id=f"{view}-words",
        view=view,
    )


def packed(found: Transcription, *, source: str = "", kept: dict[str, Any] | None = None) -> dict[str, Any]:
    """Pack a result for a view; the sound becomes a file in Gradio's cache, which Gradio serves and later deletes.

    Pictures of the view that are saved get the name of the file ``source``. The browser gives ``kept`` back after a reload.
    """
    assert found.waveform is not None, "the page keeps the sound of every result"
    path = save_bytes_to_cache(wav(found.waveform), "sound.wav", get_upload_folder())
    audio = {"path": path, "meta": {"_type": "gradio.FileData"}}
    view = asdict(linked_view(found.waveform, found.emissions, found.hypothesis))
    return view | {"audio": audio, "name": Path(source).name, "kept": kept}


def reworded(version: Version, *, sentence: bool) -> dict[str, Any]:
    """Give what a view shows of a text that can be changed."""
    words = shown_words(shown(version, sentence=sentence), version.changed)
    own = [word.text for word in version.hypothesis.words] if sentence else None  # for `restored_version`
    shown_ones = [asdict(word) for word in words]
    return {"words": shown_ones, "own": own, "undo": version.before is not None, "sentence": sentence}


def shown_words(hypothesis: Hypothesis, changed: Sequence[bool] = ()) -> tuple["ShownWord", ...]:
    """Give the words of a view; a paragraph begins after each long pause."""
    opens = {id(part[0]) for part in segments(hypothesis.words, PARAGRAPH_SECONDS)}
    return tuple(
        ShownWord(w.text, w.start, w.end, round(w.confidence, 4), shade(w.confidence), id(w) in opens, by_hand)
        for w, by_hand in zip(hypothesis.words, changed or [False] * len(hypothesis.words), strict=True)
    )


def wav(waveform: Waveform) -> bytes:
    """Write a waveform as a 16-bit WAV file, which every browser plays."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform.samples, -1, 1), waveform.sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


@dataclass(frozen=True)
class ShownWord:
    """A word of a linked view: text, times (s), confidence, and the name of its shade: sure, likely or doubtful.

    ``opens`` says whether it begins a paragraph, ``changed`` whether it was written by hand.
    """

    text: str
    start: float
    end: float
    confidence: float
    shade: str
    opens: bool = False
    changed: bool = False


@dataclass(frozen=True)
class LinkedView:
    """Waveform, emissions and words on one time axis, small enough to be sent to a browser and drawn there.

    Attributes
    ----------
    seconds : float
        The length of the sound (s).
    frame_seconds, start_seconds : float
        Frame t covers ``start_seconds + [t, t + 1) * frame_seconds``.
    labels : tuple of str
        L names of rows: the blank first, then the characters, then other special labels.
    blank : int
        The row of the blank.
    silent : tuple of int
        Rows that are never text: the blank and other special labels.
    boundary : int or None
        The row of the word boundary.
    matrix : str
        Base64 of (T, L) uint8, one frame after the other. A byte q stands for the log-probability
        ``floor * (1 - q / 255)``; lower ones are 0. The relative error of a probability is at most 1.6 %.
    floor : float
        The lowest log-probability (natural logarithm).
    peaks : str
        Base64 of (P, 2) int8, the lowest and the highest sample of every `peak_seconds`, in 1/127 of full scale.
    peak_seconds : float
        The time that a pair of peaks covers (s).
    words : tuple of ShownWord
    """

    seconds: float
    frame_seconds: float
    start_seconds: float
    labels: tuple[str, ...]
    blank: int
    silent: tuple[int, ...]
    boundary: int | None
    matrix: str
    floor: float
    peaks: str
    peak_seconds: float
    words: tuple[ShownWord, ...]


def linked_view(waveform: Waveform, emissions: Emissions, hypothesis: Hypothesis) -> LinkedView:
    """Pack a result for the linked view."""
    vocabulary = emissions.vocabulary
    rows = _rows(emissions)
    levels = np.rint(255 * (1 - np.maximum(emissions.log_probs[:, rows], FLOOR) / FLOOR)).astype(np.uint8)
    step = max(1, round(PEAK_SECONDS * waveform.sample_rate))
    return LinkedView(
        seconds=round(waveform.seconds, 3),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
        labels=tuple(vocabulary.shown(row) for row in rows),
        blank=rows.index(vocabulary.blank),
        silent=tuple(i for i, row in enumerate(rows) if row in vocabulary.special),
        boundary=rows.index(vocabulary.word_boundary) if vocabulary.word_boundary in rows else None,
        matrix=_base64(levels),
        floor=FLOOR,
        peaks=_base64(_peaks(waveform.samples, step)),
        peak_seconds=step / waveform.sample_rate,
        words=shown_words(hypothesis),
    )


def _rows(emissions: Emissions) -> list[int]:
    """Give the columns that are drawn, from the top row to the bottom row."""
    vocabulary = emissions.vocabulary
    highest = emissions.log_probs.max(axis=0)
    likeliest = np.argsort(-highest, kind="stable")[:MOST_LABELS].tolist()
    return sorted({vocabulary.blank, *likeliest}, key=lambda row: _order(row, vocabulary))


def _order(row: int, vocabulary: Vocabulary) -> tuple[int, str]:
    """Sort the blank first, then the word boundary, the characters by name, and other special labels."""
    if row == vocabulary.blank:
        return 0, ""
    if row in vocabulary.special:
        return 3, vocabulary.shown(row)
    return (1, "") if row == vocabulary.word_boundary else (2, vocabulary.shown(row))


def _peaks(samples: np.ndarray, step: int) -> np.ndarray:
    """Give (P, 2) int8: the lowest and the highest of every ``step`` samples; the last group may be smaller."""
    starts = np.arange(0, len(samples), step)
    ends = np.column_stack([np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)])
    return np.rint(127 * np.clip(ends, -1, 1)).astype(np.int8)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
