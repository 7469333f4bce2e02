"""The tab Align: sound and its known text in; where every word is out."""

import time
from typing import Any

import gradio as gr

from w2vkit.align import Alignment
from w2vkit.errors import W2VKitError
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server import operations
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.tabs import linked_view, widgets

FORMATS = ("TextGrid", "srt", "json")


def build(models: Models, current: gr.State) -> None:
    """Lay out the tab, and say what its button does."""
    gr.Markdown(strings.ALIGN_ABOUT)
    source = widgets.sound_input("align-source")
    tries = gr.Column()  # filled below, when there is something to show what they give
    text = gr.Textbox(label=strings.ALIGN_TEXT, lines=3, elem_id="align-text")
    button = gr.Button(strings.ALIGN, variant="primary", elem_id="align")
    facts = gr.HTML(elem_id="align-facts", elem_classes="facts")
    view = linked_view.build("align-view")
    files = widgets.download_buttons(FORMATS, "align-download")
    with gr.Accordion(strings.TIMES, open=False):
        times = gr.HTML(elem_classes="facts")

    def run(path: str | None, said: str, name: str) -> list[Any]:
        if not path:
            return [widgets.message(strings.EMPTY), None, "", *widgets.downloads(None, FORMATS)]
        started = time.perf_counter()
        try:
            found, alignment = operations.align_file(models.get(name), path, said)
        except W2VKitError as error:
            return [widgets.failure(error), None, "", *widgets.downloads(None, FORMATS)]
        told = _summary(found, alignment, time.perf_counter() - started)
        written = widgets.downloads(found.hypothesis, FORMATS, seconds=found.seconds, source=path)
        return [told, linked_view.packed(found), widgets.times_table(found.hypothesis.words), *written]

    outputs = [facts, view, times, *files]
    with tries:
        widgets.clickable_examples([source, text], outputs, run, [current])
    button.click(run, [source, text, current], outputs, api_visibility="private", **widgets.RUN)


def _summary(found: Transcription, alignment: Alignment, elapsed: float) -> str:
    hypothesis = found.hypothesis
    told = strings.ALIGNED.format(
        seconds=found.seconds, words=len(hypothesis.words), elapsed=elapsed, confidence=hypothesis.confidence
    )
    unmapped = " ".join(dict.fromkeys(alignment.unmapped))
    return widgets.message(told) + (widgets.message(strings.UNMAPPED.format(characters=unmapped)) if unmapped else "")
