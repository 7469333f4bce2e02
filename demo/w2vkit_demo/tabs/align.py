"""The tab Align: finds the times of the words of a known text."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from w2vkit.align import Alignment
from w2vkit.decode import Word
from w2vkit.errors import W2VKitError
from w2vkit.formats import FORMATS
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs import linked_view, widgets
from w2vkit_demo.tabs.own_text import restored_version, restored_words

# The least confidence of a word that fits well, and of one that fits; the same for the mean of a text. On 240 utterances of
# LibriSpeech and speechocean762 with w2v-mini, 99 % of the words that were not said are below 0.2, and at least 86 % of the
# texts of other utterances; but so are 18 % of the words that were said in clear speech.
FITS = {"sure": 0.5, "likely": 0.2, "doubtful": 0.0}


@dataclass(frozen=True)
class Placed:
    """An alignment of a file, with the line and the notes that the page shows above it."""

    alignment: Alignment
    path: str
    seconds: float
    notes: tuple[str, ...]
    line: str


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(elem_classes="bench-sound"):
            gr.HTML(widgets.message(strings.ALIGN_ABOUT), elem_classes="facts")
            source = widgets.sound_box("align-source", service)
            text = gr.Textbox(label=strings.ALIGN_TEXT, lines=2, max_lines=12, elem_id="align-text")
            button = gr.Button(strings.ALIGN, variant="primary", elem_id="align")
            widgets.example_list(source)
        with gr.Column(elem_classes="bench-result", elem_id="align-result"):
            facts = gr.HTML(widgets.hint(strings.ALIGN_WAITING), elem_id="align-facts", elem_classes="facts")
            place_of_stop = gr.Column(elem_classes="stop-place")
            with gr.Column(elem_classes="found", elem_id="align-view"):  # the style hides it while the view is empty
                linked_view.build_words("align-plot")
                summary = gr.HTML(elem_id="align-summary", elem_classes="facts")
                files = widgets.download_buttons(FORMATS, "align-download", text)
                view = linked_view.build("align-plot", texts=strings.ALIGN_VIEW)
                with gr.Accordion(strings.TIMES, open=False):
                    times = gr.HTML(elem_classes="facts")

    def nothing(message: str) -> list[Any]:
        return [message, None, "", "", *widgets.downloads(None, FORMATS)]

    def run(path: str | None, known_text: str, model: str) -> Iterator[list[Any]]:
        if not path:
            yield [widgets.message(strings.EMPTY), *[gr.skip()] * (len(outputs) - 1)]  # a kept result stays
            return
        started = time.perf_counter()
        try:
            found, alignment = yield from widgets.reading(
                partial(service.align, path, known_text, model), lambda share: nothing(widgets.busy(share))
            )
        except Exception as error:  # otherwise the page would say forever that it reads
            yield nothing(widgets.failure(error))
            return
        elapsed = time.perf_counter() - started
        line = strings.ALIGNED.format(seconds=found.seconds, words=len(found.hypothesis.words), elapsed=elapsed)
        one = Placed(alignment, path, found.seconds, found.notes, line)
        packed = linked_view.packed(found, source=path, kept=kept(one, known_text))
        words = [word | {"shade": fit(word["confidence"])} for word in packed["words"]]
        remarks, *rest = written(one)
        yield [remarks, packed | {"words": words}, *rest]

    def restore(event: gr.EventData) -> list[Any]:
        """Show the result that the browser kept."""
        given = event._data.get("restore") if isinstance(event._data, dict) else None
        try:
            one, known_text = restored(given)
        except W2VKitError as error:
            return [*nothing(widgets.message(str(error))), gr.skip()]
        remarks, *rest = written(one)
        return [widgets.message(strings.ALIGN_RESTORED) + remarks, gr.skip(), *rest, known_text]

    def clear(path: str | None) -> list[Any]:
        """Show at once that the result before is gone; the text of an example is filled in and placed."""
        known = widgets.known_text(path)
        return [*nothing(widgets.busy() if known else widgets.hint(strings.ALIGN_WAITING)), known or gr.skip(), bool(known)]

    outputs = [facts, view, summary, times, *files]
    kept_one = view.input(restore, None, [*outputs, text], **widgets.QUIET, **widgets.RUN)
    work = widgets.Work(run, [source, text, chosen_model], outputs, "align-result", [kept_one])
    work.begin_on(source.change, clear, source, [text])
    work.begin_on(button.click)
    with place_of_stop:
        stopped = widgets.hint(strings.STOPPED_ALIGN)
        widgets.stop_button("align-stop", lambda: nothing(stopped), outputs, work.event)


def fit(confidence: float) -> str:
    """Name the fit of a word or a text: a key of `FITS`."""
    return next(name for name, least in FITS.items() if confidence >= least)


def written(one: Placed) -> list[Any]:
    """Give the outputs for an alignment: remarks, summary, times and files."""
    words = one.alignment.hypothesis.words
    fits = (f"{strings.FITS[fit(word.confidence)]} ({widgets.percent(word.confidence)})" for word in words)
    rows = ((w.text, f"{w.start:.2f}", f"{w.end:.2f}", told) for w, told in zip(words, fits, strict=True))
    exported = widgets.downloads(one.alignment, FORMATS, seconds=one.seconds, notes=one.notes, source=one.path)
    return [_remarks(one), _summary(one), widgets.table(strings.ALIGN_TIMES_HEAD, rows), *exported]


def _summary(one: Placed) -> str:
    hypothesis, parts = one.alignment.hypothesis, [one.line]
    if hypothesis.words:
        text_fit = strings.FITS[fit(hypothesis.confidence)]
        parts.append(strings.ALIGN_FIT.format(fit=text_fit, confidence=widgets.percent(hypothesis.confidence)))
        parts.append(strings.ALIGN_POOR.format(words=sum(fit(word.confidence) == "doubtful" for word in hypothesis.words)))
    return widgets.message(" · ".join(parts), "says")


def _remarks(one: Placed) -> str:
    """Give warnings and notes as HTML: a text that hardly fits, unknown characters, and what is missing in the sound."""
    hypothesis = one.alignment.hypothesis
    remarks = "".join(map(widgets.message, one.notes))
    if hypothesis.words and fit(hypothesis.confidence) == "doubtful":
        remarks = widgets.warning(strings.POOR_FIT.format(confidence=widgets.percent(hypothesis.confidence))) + remarks
    unmapped = " ".join(dict.fromkeys(one.alignment.unmapped))
    return remarks + (widgets.message(strings.UNMAPPED.format(characters=unmapped)) if unmapped else "")


def kept(one: Placed, known_text: str) -> dict[str, Any]:
    """Give what the browser keeps of an alignment beside the words of its view, for `restored`."""
    alignment = one.alignment
    return {
        "text": known_text,
        "score": alignment.hypothesis.score,
        "characters": _rows(alignment.characters),
        "segments": _rows(alignment.segments),
        "unmapped": alignment.unmapped,
        "lines": alignment.lines,
        "notes": one.notes,
        "line": one.line,
    }


def restored(given: Any) -> tuple[Placed, str]:
    """Give the alignment that a browser kept, and its text as it was written.

    Raises
    ------
    W2VKitError
        It is not what a browser keeps.
    """
    hypothesis = restored_version(given).hypothesis
    try:
        more, path = given["kept"], Path(str(given["name"])).name
        hypothesis = replace(hypothesis, score=float(more["score"]))
        characters, segments = restored_words(more["characters"]), restored_words(more["segments"])
        unmapped, notes = (tuple(map(str, more[name])) for name in ("unmapped", "notes"))
        alignment = Alignment(hypothesis, characters, segments, unmapped, bool(more["lines"]))
        return Placed(alignment, path, float(given["seconds"]), notes, str(more["line"])), str(more["text"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise W2VKitError(strings.NOT_RESTORED) from error


def _rows(words: Sequence[Word]) -> list[list[Any]]:
    return [[w.text, round(w.start, 3), round(w.end, 3), round(w.confidence, 4)] for w in words]
