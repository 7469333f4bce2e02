"""The tab Transcribe: sound in; text, linked view, files and, against a true text, its errors out."""

import time
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit.evaluate.scoring import difference
from w2vkit.pipeline.transcription import Transcription, transcribe
from w2vkit_demo import strings
from w2vkit_demo.server import operations
from w2vkit_demo.server.limits import KEEP_SECONDS, MAX_CHARACTERS
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.tabs import linked_view, widgets

FORMATS = ("txt", "srt", "vtt", "json", "TextGrid")
NBEST = 5


def build(models: Models, current: gr.State) -> None:
    """Lay out the tab, and say what its buttons do."""
    source = widgets.sound_input("source")
    reading = gr.Radio(
        list(strings.READINGS.items()),
        value=operations.reading(models.first),
        label=strings.READING,
        info=strings.READING_ABOUT,
        elem_id="reading",
    )
    tries = gr.Column()  # filled below, when there is something to show what they give
    button = gr.Button(strings.TRANSCRIBE, variant="primary", elem_id="transcribe")
    facts = gr.HTML(elem_id="facts", elem_classes="facts")
    view = linked_view.build("view")
    text = gr.Textbox(label=strings.TEXT, interactive=False, buttons=["copy"], lines=2, elem_id="text")
    files = widgets.download_buttons(FORMATS, "download")
    reference = gr.Textbox(label=strings.REFERENCE, info=strings.REFERENCE_ABOUT, lines=2, elem_id="reference")
    count = gr.Button(strings.SCORE, elem_id="score")
    errors = gr.HTML(elem_id="errors", elem_classes="facts")
    with gr.Accordion(strings.TIMES, open=False, elem_id="times"):
        times = gr.HTML(elem_classes="facts")
    with gr.Accordion(strings.NBEST, open=False, elem_id="nbest"):
        search = gr.Button(strings.NBEST_BUTTON)
        others = gr.HTML(elem_id="others", elem_classes="facts")
    result = gr.State(None, time_to_live=KEEP_SECONDS)

    def score(said: str, heard: str, name: str) -> str:
        if not said.strip():
            return ""
        try:
            return widgets.scored(difference(said[:MAX_CHARACTERS], heard, models.get(name).vocabulary))
        except W2VKitError as error:
            return widgets.failure(error)

    def run(path: str | None, said: str, name: str, how: str) -> list[Any]:
        started = time.perf_counter()
        try:
            model = models.get(name)
            decode = operations.decoder(how, model)
            found = transcribe(path, model, decode=decode, max_seconds=model.max_seconds) if path else None
        except W2VKitError as error:
            return [None, widgets.failure(error), None, "", "", "", "", *widgets.downloads(None, FORMATS)]
        if found is None or path is None:
            return [None, widgets.message(strings.EMPTY), None, "", "", "", "", *widgets.downloads(None, FORMATS)]
        told = widgets.message(_summary(found, time.perf_counter() - started, model, how))
        written = widgets.downloads(found.hypothesis, FORMATS, seconds=found.seconds, source=path)
        listed = widgets.times_table(found.hypothesis.words)
        return [found, told, linked_view.packed(found), found.text, score(said, found.text, name), listed, "", *written]

    def run_new(path: str | None, name: str, how: str) -> list[Any]:
        return [*run(path, "", name, how), ""]  # what was said before belongs to another sound

    def search_more(found: Transcription | None, name: str, how: str) -> str:
        if found is None:
            return widgets.message(strings.EMPTY)
        try:
            decode = operations.decoder("beam" if how == "greedy" else how, models.get(name), nbest=NBEST)
            best = decode(found.emissions)
        except W2VKitError as error:
            return widgets.failure(error)
        rows = [(h.text or "-", f"{h.score:.2f}") for h in (best, *best.alternatives)]
        return widgets.table(strings.NBEST_HEAD, rows) + widgets.message(strings.NBEST_ABOUT)

    outputs = [result, facts, view, text, errors, times, others, *files]
    with tries:
        widgets.clickable_examples([source, reference], outputs, run, [current, reading])
    again = [button.click, reading.input]
    gr.on(again, run, [source, reference, current, reading], outputs, api_visibility="private", **widgets.RUN)
    suits = {"api_visibility": "private", "queue": False}
    current.change(lambda name: operations.reading(models.get(name)), current, reading, **suits)
    heard = [source.stop_recording, source.upload]
    gr.on(heard, run_new, [source, current, reading], [*outputs, reference], api_visibility="private", **widgets.RUN)
    gr.on([count.click, reference.submit], score, [reference, text, current], errors, api_visibility="private")
    search.click(search_more, [result, current, reading], others, api_visibility="private", **widgets.RUN)


def _summary(found: Transcription, elapsed: float, model: ModelQueue, how: str) -> str:
    seconds = found.seconds
    told = strings.SUMMARY.format(
        seconds=seconds,
        elapsed=elapsed,
        speed=seconds / elapsed,
        confidence=found.hypothesis.confidence,
        model=model.name,
        device=model.device,
        decoder=widgets.label_of(strings.DECODERS, how),
    )
    return told if found.hypothesis.words else f"{strings.NOTHING} {told}"
