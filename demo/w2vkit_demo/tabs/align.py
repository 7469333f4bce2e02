"""The tab Align: finds the times of the words of a known text."""

import time
from typing import Any

import gradio as gr

from w2vkit.align import Alignment
from w2vkit.errors import W2VKitError
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs import linked_view, widgets

FORMATS = ("TextGrid", "srt", "json")
POOR_FIT = 0.2  # mean confidence below which a text hardly fits; a right text has 0.7 and more, one of another clip about 0


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(elem_classes="bench-sound"):
            gr.HTML(widgets.message(strings.ALIGN_ABOUT), elem_classes="facts")
            source = widgets.sound_box("align-source", service)
            text = gr.Textbox(label=strings.ALIGN_TEXT, lines=2, max_lines=12, elem_id="align-text")
            button = gr.Button(strings.ALIGN, variant="primary", elem_id="align")
        with gr.Column(elem_classes="bench-result", elem_id="align-result"):
            facts = gr.HTML(widgets.hint(strings.ALIGN_WAITING), elem_id="align-facts", elem_classes="facts")
            with gr.Column(elem_classes="found", elem_id="align-view"):  # the style hides it while the view is empty
                linked_view.build_words("align-plot")
                summary = gr.HTML(elem_id="align-summary", elem_classes="facts")
                files = widgets.download_buttons(FORMATS, "align-download", text)
                view = linked_view.build("align-plot", texts=strings.ALIGN_VIEW)
                with gr.Accordion(strings.TIMES, open=False):
                    times = gr.HTML(elem_classes="facts")

    def nothing(message: str) -> list[Any]:
        return [message, None, "", "", *widgets.downloads(None, FORMATS)]

    def run(path: str | None, known_text: str, model: str) -> list[Any]:
        if not path:
            return nothing(widgets.message(strings.EMPTY))
        started = time.perf_counter()
        try:
            found, alignment = service.align(path, known_text, model)
        except W2VKitError as error:
            return nothing(widgets.failure(error))
        line = widgets.message(_summary(found, time.perf_counter() - started), "says")
        exported = widgets.downloads(alignment, FORMATS, seconds=found.seconds, notes=found.notes, source=path)
        words = widgets.times_table(found.hypothesis.words)
        return [
            _remarks(found, alignment),
            linked_view.packed(found, source=path),
            line,
            words,
            *exported,
        ]

    def clear(path: str | None) -> list[Any]:
        """Show at once that the result before is gone, and fill in the text of an example."""
        known = widgets.known_text(path)
        return [*nothing(widgets.busy() if known else widgets.hint(strings.ALIGN_WAITING)), known or gr.skip()]

    def run_new(path: str | None, known_text: str, model: str) -> list[Any]:
        """Place the text of an example; of another sound the text is still to be written."""
        if not widgets.known_text(path):
            return [gr.skip()] * (len(outputs) + 1)
        return [*run(path, known_text, model), gr.skip()]

    outputs = [facts, view, summary, times, *files]
    widgets.on_new_sound(source, clear, run_new, [text, chosen_model], [*outputs, text], "align-result")
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    placed = button.click(run, [source, text, chosen_model], outputs, **private, **widgets.RUN)
    widgets.announce(placed, "align-result")


def _summary(found: Transcription, elapsed: float) -> str:
    hypothesis = found.hypothesis
    summary = strings.ALIGNED.format(seconds=found.seconds, words=len(hypothesis.words), elapsed=elapsed)
    fit = strings.ALIGN_FIT.format(confidence=hypothesis.confidence)
    return f"{summary} · {fit}" if hypothesis.words else summary


def _remarks(found: Transcription, alignment: Alignment) -> str:
    """Say what is doubtful about a result: a text that hardly fits, unknown characters, and what is missing in the sound."""
    hypothesis = found.hypothesis
    remarks = widgets.notes(found)
    if hypothesis.words and hypothesis.confidence < POOR_FIT:
        remarks = widgets.warning(strings.POOR_FIT.format(confidence=hypothesis.confidence)) + remarks
    unmapped = " ".join(dict.fromkeys(alignment.unmapped))
    return remarks + (widgets.message(strings.UNMAPPED.format(characters=unmapped)) if unmapped else "")
