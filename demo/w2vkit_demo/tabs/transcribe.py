"""The tab Transcribe: the text of a recording, its linked view, files to download, and errors against a reference."""

import time
from dataclasses import fields
from typing import Any

import gradio as gr
import numpy as np

from w2vkit.emissions import Emissions
from w2vkit.errors import W2VKitError
from w2vkit.evaluate.scoring import difference
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.limits import KEEP_SECONDS, MAX_CHARACTERS
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import linked_view, widgets

FORMATS = ("txt", "srt", "vtt", "json", "TextGrid")
NBEST = 5
MAX_KEPT_BYTES = 2_500_000  # of a result for a further search: ten minutes with 32 labels take 1.9 MB


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    models = service.models
    source = widgets.sound_input("source")
    decoder = gr.Radio(
        _decoder_choices(service, models.first.name),
        value=service.default_decoder(),
        label=strings.LETTERS_TO_WORDS,
        info=strings.LETTERS_TO_WORDS_ABOUT,
        elem_id="decoder",
    )
    clips = gr.Column()  # the examples; filled below, as they need the outputs
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

    def score(true_text: str, hypothesis: str, name: str) -> str:
        if not true_text.strip():
            return ""
        try:
            return widgets.scored(difference(true_text[:MAX_CHARACTERS], hypothesis, models.get(name).vocabulary))
        except W2VKitError as error:
            return widgets.failure(error)

    def nothing(message: str) -> list[Any]:
        return [None, message, None, "", "", "", "", *widgets.downloads(None, FORMATS)]

    def run(path: str | None, true_text: str, model: str, how: str) -> list[Any]:
        if not path:
            return nothing(widgets.message(strings.EMPTY))
        started = time.perf_counter()
        try:
            found = service.transcribe(path, Setup(model=model, decoder=how))
        except W2VKitError as error:
            return nothing(widgets.failure(error))
        summary = widgets.message(_summary(found, time.perf_counter() - started, models.get(model), how)) + widgets.notes(found)
        exported = widgets.downloads(found, FORMATS, source=path)
        words = widgets.times_table(found.hypothesis.words)
        errors = score(true_text, found.text, model)
        return [
            kept(found.emissions),
            summary,
            linked_view.packed(found, source=path),
            found.text,
            errors,
            words,
            "",
            *exported,
        ]

    def run_new(path: str | None, model: str, how: str) -> list[Any]:
        return [*run(path, "", model, how), ""]  # the reference in the field is that of the recording before

    def search_more(parts: dict[str, Any] | None, model: str, how: str) -> str:
        if parts is None:
            return widgets.message(strings.NO_LONGER_KEPT)
        setup = Setup(model=model, decoder="beam" if how == "greedy" else how)
        try:
            best = service.decoder(setup, nbest=NBEST)(restored(parts))
        except W2VKitError as error:
            return widgets.failure(error)
        rows = [(h.text or "-", f"{h.score:.2f}") for h in (best, *best.alternatives)]
        return widgets.table(strings.NBEST_HEAD, rows) + widgets.message(strings.NBEST_ABOUT)

    def offer_decoders(model: str) -> Any:
        return gr.update(choices=_decoder_choices(service, model), value=service.default_decoder(model))

    outputs = [result, facts, view, text, errors, times, others, *files]
    private: dict[str, Any] = {"api_visibility": "private"}
    with clips:
        widgets.clickable_examples([source, reference], outputs, run, [chosen_model, decoder])
    again = [button.click, decoder.input]
    gr.on(again, run, [source, reference, chosen_model, decoder], outputs, **private, **widgets.RUN)
    new_sound = [source.stop_recording, source.upload]
    gr.on(new_sound, run_new, [source, chosen_model, decoder], [*outputs, reference], **private, **widgets.RUN)
    chosen_model.change(offer_decoders, chosen_model, decoder, queue=False, **private)
    gr.on([count.click, reference.submit], score, [reference, text, chosen_model], errors, **private)
    search.click(search_more, [result, chosen_model, decoder], others, **private, **widgets.RUN)


def kept(emissions: Emissions) -> dict[str, Any] | None:
    """Give what is kept of a result for a further search, for `restored`; None if it is large.

    The sound is not kept, and the emissions in half precision, which changes log-probabilities by less than 0.1 %.
    """
    parts = {part.name: getattr(emissions, part.name) for part in fields(emissions)}
    half = emissions.log_probs.astype(np.float16)
    return parts | {"log_probs": half} if half.nbytes <= MAX_KEPT_BYTES else None


def restored(parts: dict[str, Any]) -> Emissions:
    """Give the emissions that were `kept`."""
    return Emissions(**parts | {"log_probs": parts["log_probs"].astype(np.float32)})


def _decoder_choices(service: Service, model: str) -> list[tuple[str, str]]:
    """Label and value of the two decoders that are offered: one with the most suitable language model, and greedy."""
    default = service.default_decoder(model)
    names = ("bundled" if default == "greedy" else default, "greedy")
    return [(widgets.label_of(strings.TRANSCRIBE_DECODERS, name), name) for name in names]


def _summary(found: Transcription, elapsed: float, model: ModelQueue, how: str) -> str:
    seconds = found.seconds
    summary = strings.SUMMARY.format(
        seconds=seconds,
        elapsed=elapsed,
        speed=seconds / elapsed,
        confidence=found.hypothesis.confidence,
        model=model.name,
        device=model.device,
        decoder=widgets.label_of(strings.DECODERS, how),
    )
    return summary if found.hypothesis.words else f"{strings.NOTHING} {summary}"
