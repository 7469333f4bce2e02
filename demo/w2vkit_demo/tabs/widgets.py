"""What the tabs share: inputs, choices, messages, tables and files to download."""

import json
import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from filecmp import cmp
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from w2vkit.align import Alignment
from w2vkit.audio import load
from w2vkit.audio.effects import add_noise
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import W2VKitError
from w2vkit.evaluate.html import marked
from w2vkit.evaluate.scoring import Scored, difference
from w2vkit.examples import examples
from w2vkit.formats import render
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.long_work import Progress, watched
from w2vkit_demo.server.model_queue import SHORT_SECONDS
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs.linked_view import wav

log = logging.getLogger(__name__)
T = TypeVar("T")
AT_ONCE = 16  # requests that are processed at a time; the others wait in the queue, and the page shows their place in it
NAME_CHARACTERS = 60  # of a download's name
RECORDED = "audio.wav"  # the name that Gradio gives to each recording
HARD_SNR = 5.0  # dB; of the example that the model reads with errors
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of events of the page only
RUN: dict[str, Any] = {"concurrency_limit": AT_ONCE, "concurrency_id": "model"}  # of every event that needs the model


def sound_box(elem_id: str, service: Service) -> gr.Audio:
    """Make the field for a file or a recording, with the limits below it.

    The field's event ``change`` comes with every new sound: a file, a recording, an example, or a trimmed sound.
    """
    source = gr.Audio(
        label=strings.SOURCE,
        show_label=False,
        sources=["upload", "microphone"],
        type="filepath",
        buttons=["download"],
        elem_id=elem_id,
        elem_classes="sound-box",
    )
    limits = escape(strings.LIMITS.format(minutes=service.models.first.max_seconds / 60, mb=service.max_mb))
    large, several = escape(strings.TOO_LARGE_FILE.format(mb=service.max_mb)), escape(strings.FIRST_OF_SEVERAL)
    notes = f'data-refused="{escape(strings.MIC_REFUSED)}" data-large="{large}" data-bytes="{service.max_mb * 2**20:.0f}"'
    notes += f' data-several="{several}"'
    gr.HTML(f'<p>{limits}</p><p class="sound-note" role="alert" {notes}></p>', elem_classes="limits")
    return source


def example_list(source: gr.Audio) -> None:
    """List the example clips; one that is chosen becomes the sound of the field ``source``."""
    clips = example_clips()
    shown = gr.HTML(
        [clip | {"audio": {"path": clip["path"], "meta": {"_type": "gradio.FileData"}}} for clip in clips],
        html_template=f'<h2>{strings.EXAMPLES}</h2><ul class="clips"></ul>',
        js_on_load="window.w2vkitPage.examples(element, props, trigger);",
        apply_default_css=False,
        elem_classes="examples",
        texts=strings.EXAMPLE_TEXTS,
    )

    def choose(event: gr.EventData) -> Any:
        number = event._data.get("number") if isinstance(event._data, dict) else None
        return clips[number]["path"] if isinstance(number, int) and 0 <= number < len(clips) else gr.skip()

    shown.input(choose, None, source, queue=False, **QUIET)


@cache
def example_clips() -> list[dict[str, Any]]:
    """Give path, title, length (s) and text of the example clips; the last one has noise, so that the model makes errors."""
    clips = [(clip.path, title, clip.text) for clip, title in zip(examples(), strings.EXAMPLE_TITLES, strict=True)]
    path, _, text = clips[-1]
    noisy = wav(add_noise(load(path), HARD_SNR))
    clips.append((Path(save_bytes_to_cache(noisy, "robot-in-noise.wav", get_upload_folder())), strings.HARD_EXAMPLE, text))
    return [{"path": str(at), "title": title, "seconds": load(at).seconds, "text": text} for at, title, text in clips]


def known_text(path: str | None) -> str:
    """Give the text of an example clip, and nothing for any other sound."""
    same = (clip for clip in example_clips() if path and Path(path).name == Path(clip["path"]).name)
    return next((clip["text"].capitalize() for clip in same if cmp(clip["path"], str(path), shallow=False)), "")


class Work:
    """The work of a tab. It begins anew whenever something that it depends on changes; what was going on then is ended.

    Parameters
    ----------
    run : callable
        Takes the values of ``inputs``; yields those of ``outputs``.
    result : str
        The id of the part of the page that shows the result; it is announced to screen readers and, where the page has one
        column, brought into view.
    also : sequence
        Other events that change the result. They are ended, too, when the work begins anew: their answers are of the past.
    """

    def __init__(self, run: Any, inputs: list[Any], outputs: list[Any], result: str, also: Sequence[Any] = ()) -> None:
        # A hidden field starts the work, because Gradio can only name events to end that were made before.
        self._starts = gr.Textbox(elem_classes="kept")
        self._outputs, self._result = outputs, result
        self.event = self._starts.change(run, inputs, outputs, trigger_mode="multiple", **QUIET, **RUN)
        self.event.then(None, js=f"() => window.w2vkitPage.arrived('{result}')", api_visibility="private")
        self._ended = [self.event, *also]

    def begin_on(self, happens: Any, show: Any = None, inputs: Any = None, more: Sequence[Any] = ()) -> None:
        """Begin anew when an event ``happens``, such as ``source.change``.

        ``show`` takes the values of ``inputs`` and gives what is shown at once: values of the outputs and of ``more``
        components, and whether the work begins. Without it, what is shown stays.
        """
        show = show or (lambda: [*[gr.skip()] * len(self._outputs), True])

        def begin(*values: Any) -> list[Any]:
            *shown, begins = show(*values)
            return [*shown, uuid4().hex if begins else gr.skip()]

        happens(None, js=f"() => window.w2vkitPage.anew('{self._result}')", api_visibility="private")
        happens(None, cancels=self._ended, queue=False, **QUIET)
        begun = happens(
            begin,
            inputs,
            [*self._outputs, *more, self._starts],
            queue=False,
            trigger_mode="always_last",
            **QUIET,
        )
        begun.then(None, js=f"() => window.w2vkitPage.reads('{self._result}')", api_visibility="private")


def hint(text: str) -> str:
    """Give as HTML what will appear in the empty place of a result."""
    return f'<p class="hint">{escape(text)}</p>'


def busy(share: str = "") -> str:
    """Say as HTML that the sound is read, and how much of it; without a share the style shows this only after a while."""
    if share:
        return f'<p class="hint reading">{escape(strings.BUSY_LONG.format(share=share))}</p>'
    return f'<p class="hint busy">{escape(strings.BUSY)}</p>'


def reading(work: Callable[[Progress], T], show: Callable[[str], list[Any]]) -> Generator[list[Any], None, T]:
    """Do long work within an event; ``show`` gives the outputs for a share, such as "4 of 9 min", empty for short sound."""
    steps = watched(work)
    try:
        while True:
            progress = next(steps)
            yield show(_share(*progress)) if progress else [gr.skip()] * len(show(""))
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


def _share(done: float, seconds: float) -> str:
    if seconds <= SHORT_SECONDS:  # it ends soon
        return ""
    unit, scale = ("min", 60) if seconds >= 120 else ("s", 1)
    return strings.SHARE.format(done=done / scale, all=seconds / scale, unit=unit)


def stop_button(elem_id: str, stopped: Callable[[], list[Any]], outputs: list[Any], event: Any) -> gr.Button:
    """Make a button that ends the work of an event; the style shows it while a part beside it has the class "reading"."""
    button = gr.Button(strings.STOP, size="sm", elem_id=elem_id, elem_classes="stop")
    button.click(stopped, None, outputs, cancels=event, queue=False, **QUIET)
    return button


def label_of(choices: Mapping[str, str], value: str) -> str:
    """Give the label of a value."""
    return next(label for label, one in choices.items() if one == value)


def decoder_choices(service: Service, model: str) -> list[tuple[str, str]]:
    """Give label and value of each decoder that a model can take."""
    return [(label_of(strings.DECODERS, name), name) for name in service.decoder_names(model)]


def decoder_update(service: Service, model: str, value: str = "") -> Any:
    """Update a field of decoders after a change of the model; keep its value if the model can take it."""
    choices = decoder_choices(service, model)
    keeps = value in [name for _, name in choices]
    return gr.update(choices=choices, value=value if keeps else service.default_decoder(model))


def percent(share: float, digits: int = 0) -> str:
    """Write a share as the page does everywhere."""
    return f"{100 * share:.{digits}f} %"


def message(text: str, kind: str = "") -> str:
    """Give a sentence as HTML; with the ``kind`` "says" it is announced to screen readers with the result."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def notes(found: Transcription) -> str:
    """Give what is missing in a sound, or was chosen, as HTML."""
    return "".join(message(note) for note in found.notes)


def warning(text: str) -> str:
    """Give a warning as HTML, to be shown above a result."""
    return f'<p class="warning says">{escape(text)}</p>'


def failure(error: Exception | str) -> str:
    """Give an error as HTML, to be shown in place of the result."""
    return f'<p class="failure" role="alert"><strong>{strings.FAILED}</strong> {escape(reason(error))}</p>'


def reason(error: Exception | str) -> str:
    """Say what happened; of an error that nobody expected its kind goes to the log, and no path to the visitor."""
    if isinstance(error, str | W2VKitError):
        return str(error)
    if isinstance(error, gr.Error):  # such as a Space that may not use its GPU now
        return str(error.message)
    log.warning("unexpected: %s", type(error).__name__)
    return strings.UNEXPECTED.format(kind=type(error).__name__)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table as HTML; all cells are escaped."""
    return _table(head, "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows))


def _table(head: Sequence[str], body: str) -> str:
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def times_table(words: Iterable[Word]) -> str:
    """Give a table of words with their times and confidence."""
    return table(strings.TIMES_HEAD, ((w.text, f"{w.start:.2f}", f"{w.end:.2f}", percent(w.confidence)) for w in words))


def likely_texts(found: Sequence[Hypothesis]) -> str:
    """Give a table of likely texts: what differs from the first one, and the share of each."""
    scores = np.array([h.score for h in found])
    shares = np.exp(scores - scores.max())
    best = found[0].text
    texts = (marked(difference(best, h.text).pairs) if best and h.text != best else escape(h.text or "-") for h in found)
    rows = (
        f"<tr><td>{text}</td><td>{percent(share)}</td></tr>" for text, share in zip(texts, shares / shares.sum(), strict=True)
    )
    return _table(strings.NBEST_HEAD, "".join(rows))


def scored(found: Scored) -> str:
    """Give WER, CER and the aligned words with the errors marked."""
    words = len(found.reference.split())
    if not found.wer and not found.cer:
        return message(strings.NO_ERRORS.format(words=words), "says")
    summary = strings.SCORED.format(
        wer=percent(found.wer, 1),
        cer=percent(found.cer, 1),
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
        words=words,
    )
    return f'<p class="says">{summary}</p><p class="marked">{marked(found.pairs)}</p><p class="legend">{strings.MARKS}</p>'


def download_buttons(formats: Sequence[str], elem_id: str, text: gr.Textbox, timed: gr.Textbox | None = None) -> list[Any]:
    """Make a row of buttons: those that copy a text, and one for each format, for `downloads` to fill."""
    with gr.Row(elem_classes="downloads"):
        for name, copied, label in (("copy", text, strings.COPY), ("copy-times", timed, strings.COPY_TIMES)):
            if copied:
                copy = gr.Button(label, size="sm", min_width=120, elem_id=f"{elem_id}-{name}")
                copy.click(None, copied, js=copies(f"{elem_id}-{name}"), api_visibility="private")
        gr.HTML(f"<span>{strings.DOWNLOADS}</span>", elem_classes="downloads-label")
        return [
            gr.DownloadButton(strings.DOWNLOAD.format(format=name), size="sm", min_width=56, elem_id=f"{elem_id}-{name}")
            for name in formats
        ]


def copies(button: str) -> str:
    """Give the script that copies a text after a click on the button with this id."""
    return f"text => window.w2vkitPage.copy(text, {json.dumps(button)}, {json.dumps(strings.COPIED)})"


def downloads(
    found: Hypothesis | Alignment | None,
    formats: Sequence[str],
    *,
    seconds: float = 0,
    notes: Sequence[str] = (),
    source: str = "",
) -> list[Any]:
    """Write a result or its alignment in each format, and give the values of `download_buttons`."""
    if found is None:
        return [None] * len(formats)
    path = Path(source)
    stem = datetime.now().strftime(strings.RECORDING) if path.name == RECORDED else path.stem[:NAME_CHARACTERS] or "audio"
    facts: dict[str, Any] = {"seconds": seconds, "name": path.name, "notes": notes}
    texts = [(name, render(found, name, **facts)) for name in formats]
    return [save_bytes_to_cache(text.encode(), f"{stem}.{name}", get_upload_folder()) for name, text in texts]
