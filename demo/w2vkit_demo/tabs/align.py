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


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    gr.Markdown(strings.ALIGN_ABOUT)
    source = widgets.sound_input("align-source")
    clips = gr.Column()  # the examples; filled below, as they need the outputs
    text = gr.Textbox(label=strings.ALIGN_TEXT, lines=3, elem_id="align-text")
    button = gr.Button(strings.ALIGN, variant="primary", elem_id="align")
    facts = gr.HTML(elem_id="align-facts", elem_classes="facts")
    view = linked_view.build("align-view")
    files = widgets.download_buttons(FORMATS, "align-download")
    with gr.Accordion(strings.TIMES, open=False):
        times = gr.HTML(elem_classes="facts")

    def run(path: str | None, known_text: str, model: str) -> list[Any]:
        if not path:
            return [widgets.message(strings.EMPTY), None, "", *widgets.downloads(None, FORMATS)]
        started = time.perf_counter()
        try:
            found, alignment = service.align(path, known_text, model)
        except W2VKitError as error:
            return [widgets.failure(error), None, "", *widgets.downloads(None, FORMATS)]
        summary = _summary(found, alignment, time.perf_counter() - started)
        exported = widgets.downloads(found, FORMATS, source=path, alignment=alignment)
        return [summary, linked_view.packed(found, source=path), widgets.times_table(found.hypothesis.words), *exported]

    outputs = [facts, view, times, *files]
    with clips:
        widgets.clickable_examples([source, text], outputs, run, [chosen_model])
    button.click(run, [source, text, chosen_model], outputs, api_visibility="private", **widgets.RUN)


def _summary(found: Transcription, alignment: Alignment, elapsed: float) -> str:
    hypothesis = found.hypothesis
    summary = strings.ALIGNED.format(
        seconds=found.seconds, words=len(hypothesis.words), elapsed=elapsed, confidence=hypothesis.confidence
    )
    unmapped = " ".join(dict.fromkeys(alignment.unmapped))
    spelled = widgets.message(strings.UNMAPPED.format(characters=unmapped)) if unmapped else ""
    return widgets.message(summary) + spelled + widgets.notes(found)
