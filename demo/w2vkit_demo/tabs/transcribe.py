"""The tab Transcribe: the text of a recording, its linked view, files to download, and errors against a reference."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from w2vkit.emissions import Emissions
from w2vkit.errors import W2VKitError
from w2vkit.evaluate.scoring import difference
from w2vkit.formats import FORMATS
from w2vkit_demo import strings
from w2vkit_demo.server.limits import KEEP_SECONDS, MAX_CHARACTERS
from w2vkit_demo.server.service import Service, Setup, check_length
from w2vkit_demo.tabs import linked_view, several_files, widgets
from w2vkit_demo.tabs.own_text import Version, edited, first_version, paragraphs, restored_version, shown

NBEST = 5
MAX_KEPT_BYTES = 2_500_000  # of a result for a further search: ten minutes with 32 labels take 1.9 MB


@dataclass(frozen=True)
class Facts:
    """What stays the same when the text of a result is changed: file, length (s), notes, summary."""

    path: str
    seconds: float
    notes: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Result:
    """What is kept of a result: its text, and what `kept` gives of its emissions."""

    version: Version
    emissions: dict[str, Any] | None
    facts: Facts


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    models = service.models
    with gr.Row(elem_classes="bench"):
        with gr.Column(elem_classes="bench-sound"):
            source = widgets.sound_box("source", service)
            widgets.example_list(source)
            with gr.Accordion(strings.OPTIONS, open=False, elem_id="options"):
                decoder = gr.Radio(
                    _decoder_choices(service, models.first.name),
                    value=service.default_decoder(),
                    label=strings.SPELLING,
                    info=strings.SPELLING_ABOUT,
                    elem_id="decoder",
                )
            several_files.build(service, chosen_model, decoder)
        with gr.Column(elem_classes="bench-result", elem_id="result"):
            facts = gr.HTML(widgets.hint(strings.WAITING), elem_id="facts", elem_classes="facts")
            place_of_stop = gr.Column(elem_classes="stop-place")
            with gr.Column(elem_classes="found", elem_id="view"):  # the style hides it while the view is empty
                words = linked_view.build_words("plot")
                with gr.Column(elem_classes="said"):
                    summary = gr.HTML(elem_id="summary", elem_classes="facts")
                    errors = gr.HTML(elem_id="errors", elem_classes="facts")
                text = gr.Textbox(elem_id="text", elem_classes="kept")  # for copying and counting; the view shows the words
                timed = gr.Textbox(elem_id="timed", elem_classes="kept")
                files = widgets.download_buttons(FORMATS, "download", text, timed)
                view = linked_view.build("plot", edit=True)
                with gr.Accordion(strings.REFERENCE, open=False, elem_id="check"):
                    reference = gr.Textbox(
                        label=strings.REFERENCE_EXAMPLE, info=strings.REFERENCE_ABOUT, lines=1, max_lines=6, elem_id="reference"
                    )
                    count = gr.Button(strings.SCORE, size="sm", elem_id="score")
                with gr.Accordion(strings.TIMES, open=False, elem_id="times"):
                    times = gr.HTML(elem_classes="facts")
                with gr.Accordion(strings.NBEST, open=False, elem_id="nbest"):
                    search = gr.Button(strings.NBEST_BUTTON, size="sm")
                    others = gr.HTML(elem_id="others", elem_classes="facts")
    result = gr.State(None, time_to_live=KEEP_SECONDS)
    sentence = gr.State(False)

    def score(true_text: str | None, hypothesis: str, name: str) -> str:
        if not (true_text and true_text.strip()):
            return ""
        if not hypothesis:
            return widgets.message(strings.SCORE_FIRST)
        try:
            return widgets.scored(difference(true_text[:MAX_CHARACTERS], hypothesis, models.get(name).vocabulary))
        except W2VKitError as error:
            return widgets.failure(error)

    def nothing(message: str) -> list[Any]:
        return [None, message, None, None, "", "", "", "", "", "", *widgets.downloads(None, FORMATS)]

    def run(path: str | None, model: str, how: str, true_text: str, in_sentences: bool) -> Iterator[list[Any]]:
        if not path:  # there may be a result that the browser kept
            yield [gr.skip()] * len(outputs)
            return
        started = time.perf_counter()
        try:
            found = yield from widgets.reading(
                partial(service.transcribe, path, Setup(model=model, decoder=how)), lambda share: nothing(widgets.busy(share))
            )
        except Exception as error:  # otherwise the page would say forever that it reads
            yield nothing(widgets.failure(error))
            return
        said = widgets.notes(found) if found.hypothesis.words else widgets.message(strings.NOTHING) + widgets.notes(found)
        line = strings.SUMMARY.format(seconds=found.seconds, elapsed=time.perf_counter() - started)
        facts = Facts(path, found.seconds, found.notes, line)
        one = Result(first_version(found.hypothesis), kept(found.emissions), facts)
        packed = linked_view.packed(found, source=path) | linked_view.reworded(one.version, sentence=in_sentences)
        yield [one, said, packed, None, *written(one, true_text, model, in_sentences)]

    def written(one: Result, true_text: str | None, model: str, in_sentences: bool) -> list[Any]:
        """Give the outputs for a text: summary, texts to copy, errors, times and files."""
        text = shown(one.version, sentence=in_sentences)
        facts, by_hand = one.facts, sum(one.version.changed)
        parts = [facts.summary]
        if text.words:
            parts.append(strings.CONFIDENCE.format(confidence=widgets.percent(text.confidence)))
        if by_hand:
            parts.append(strings.BY_HAND.format(words=by_hand))
        line = " · ".join(parts)
        wrong = score(true_text, text.text, model)
        exported = widgets.downloads(text, FORMATS, seconds=facts.seconds, notes=facts.notes, source=facts.path)
        timed = paragraphs(text, linked_view.PARAGRAPH_SECONDS)
        return [widgets.message(line, "says"), text.text, timed, wrong, widgets.times_table(text.words), "", *exported]

    def restore(given: Any, true_text: str | None, model: str) -> list[Any]:
        """Show the result that the browser kept; its emissions are no longer there."""
        try:
            version, seconds = restored_version(given), float(given["seconds"])
        except (W2VKitError, KeyError, TypeError, ValueError):
            return [False, *nothing(widgets.message(strings.NOT_RESTORED))]
        one = Result(
            version, None, Facts(Path(str(given.get("name"))).name, seconds, (), str(given.get("summary")).split(" · ")[0])
        )
        in_sentences = bool(given.get("sentence"))
        words = linked_view.reworded(version, sentence=in_sentences)
        said = widgets.message(strings.RESTORED)
        return [in_sentences, one, said, gr.skip(), words, *written(one, true_text, model, in_sentences)]

    def change(event: gr.EventData, one: Result | None, in_sentences: bool, true_text: str | None, model: str) -> list[Any]:
        """Answer an event of the view: an edited text, undo, or another case."""
        asked = event._data if isinstance(event._data, dict) else {}
        if asked.get("restore"):
            return restore(asked["restore"], true_text, model)
        if one is None:
            return [in_sentences, gr.skip(), widgets.warning(strings.NO_LONGER_KEPT), *[gr.skip()] * (len(outputs) - 2)]
        try:
            version = one.version
            if isinstance(asked.get("edit"), str):
                check_length(asked["edit"])
                if one.emissions is None:
                    raise W2VKitError(strings.NO_EMISSIONS)
                written_so = asked.get("sentence", in_sentences) is True  # the case of the words that were edited
                version = edited(
                    version, asked["edit"], restored(one.emissions), sentence=written_so, align=service.align_emissions
                )
            elif asked.get("undo"):
                version = version.before or version
            elif isinstance(asked.get("sentence"), bool):
                in_sentences = asked["sentence"]
        except W2VKitError as error:
            return [in_sentences, gr.skip(), widgets.failure(error), *[gr.skip()] * (len(outputs) - 2)]
        one = replace(one, version=version)
        words = linked_view.reworded(version, sentence=in_sentences)
        return [in_sentences, one, "", gr.skip(), words, *written(one, true_text, model, in_sentences)]

    def clear(path: str | None) -> list[Any]:
        """Show at once that the result before is gone; the true text in the field is that of the new sound, if it is known."""
        return [*nothing(widgets.busy() if path else widgets.hint(strings.WAITING)), widgets.known_text(path), bool(path)]

    def search_more(one: Result | None, model: str, how: str) -> str:
        if one is None or one.emissions is None:
            return widgets.message(strings.NO_LONGER_KEPT)
        setup = Setup(model=model, decoder="beam" if how == "greedy" else how)
        try:
            best = service.decoder(setup, nbest=NBEST)(restored(one.emissions))
        except W2VKitError as error:
            return widgets.failure(error)
        return widgets.likely_texts([best, *best.alternatives]) + widgets.message(strings.NBEST_ABOUT)

    def offer_decoders(model: str) -> Any:
        return gr.update(choices=_decoder_choices(service, model), value=service.default_decoder(model))

    outputs = [result, facts, view, words, summary, text, timed, errors, times, others, *files]
    counted = gr.on([count.click, reference.submit], score, [reference, text, chosen_model], errors, **widgets.QUIET)
    changed = view.input(
        change,
        [result, sentence, reference, chosen_model],
        [sentence, *outputs],
        trigger_mode="multiple",
        **widgets.QUIET,
        **widgets.RUN,
    )
    changed.success(None, js="() => window.w2vkitPage.view('plot')?.answered()", api_visibility="private")
    # Both an error and the end by another sound are a failure to Gradio; each comes once.
    changed.failure(None, js="() => window.w2vkitPage.view('plot')?.answered(true)", api_visibility="private")
    searched = search.click(search_more, [result, chosen_model, decoder], others, api_visibility="private", **widgets.RUN)
    also = [counted, changed, searched]
    work = widgets.Work(run, [source, chosen_model, decoder, reference, sentence], outputs, "result", also)
    work.begin_on(source.change, clear, source, [reference])
    work.begin_on(decoder.input)
    work.begin_on(chosen_model.change(offer_decoders, chosen_model, decoder, queue=False, **widgets.QUIET).then)
    with place_of_stop:
        stopped = widgets.hint(strings.STOPPED_READING)
        widgets.stop_button("stop", lambda: nothing(stopped), outputs, work.event)


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
    """Give label and value of the two decoders that are offered: one with a suitable language model, and greedy."""
    default = service.default_decoder(model)
    names = ("bundled" if default == "greedy" else default, "greedy")
    return [(widgets.label_of(strings.TRANSCRIBE_DECODERS, name), name) for name in names]
