"""The tab Compare: transcribes one recording with two set-ups, marks what differs, and shows both in linked views."""

import time
from html import escape
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit.evaluate.html import marked
from w2vkit.evaluate.scoring import difference
from w2vkit.examples import examples
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import linked_view, widgets

SNR_RANGE = (-5, 30)  # dB
SPEED_RANGE = (0.5, 2.0)  # times as fast


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    gr.Markdown(strings.COMPARE_ABOUT)
    source = widgets.sound_input("compare-source")
    widgets.clickable_examples([source])
    with gr.Row():
        setup_a = _setup_fields("A", Setup(), service)
        setup_b = _setup_fields("B", Setup(sound="noise"), service)
    hotwords = gr.Textbox(label=strings.HOTWORDS, placeholder=strings.HOTWORDS_EXAMPLE, elem_id="hotwords")
    with gr.Accordion(strings.LM_TEXT, open=False):
        example_texts = "\n".join(clip.text for clip in examples())
        lm_text = gr.Textbox(
            example_texts, label=strings.LM_TEXT, info=strings.LM_TEXT_ABOUT, lines=4, max_lines=12, elem_id="lm-text"
        )
    button = gr.Button(strings.COMPARE, variant="primary", elem_id="compare")
    facts = gr.HTML(elem_id="compare-facts", elem_classes="facts")
    views = []
    for letter in "AB":
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        views.append(linked_view.build(f"compare-{letter.lower()}", group="compare", name=letter))

    def run(path: str | None, words: str, text: str, *fields: Any) -> list[Any]:
        if not path:
            return [widgets.message(strings.EMPTY), None, None]
        count = len(setup_a)
        summaries, results = [], []
        try:
            for letter, values in (("A", fields[:count]), ("B", fields[count:])):
                setup, started = Setup(*values, hotwords=words, lm_text=text), time.perf_counter()
                found = service.transcribe(path, setup)
                results.append(found)
                summaries.append(_summary(letter, setup, found, time.perf_counter() - started))
        except W2VKitError as error:
            return [widgets.failure(error), None, None]
        return [_changes(*results) + "".join(summaries) + widgets.notes(results[0]), *map(linked_view.packed, results)]

    inputs = [source, hotwords, lm_text, *setup_a, *setup_b]
    button.click(run, inputs, [facts, *views], api_visibility="private", **widgets.RUN)

    def follow(model: str) -> list[Any]:
        """Set both set-ups to the model that is chosen above the tabs, and to its default decoder."""
        return [gr.update(choices=service.models.here(), value=model), widgets.decoder_update(service, model)] * 2

    outputs = [*setup_a[-2:], *setup_b[-2:]]
    chosen_model.change(follow, chosen_model, outputs, api_visibility="private", queue=False)


def _setup_fields(letter: str, setup: Setup, service: Service) -> list[gr.Radio | gr.Slider | gr.Dropdown]:
    """The first fields of a `Setup`, in its order."""
    with gr.Column(min_width=280):
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        name = f"setup-{letter.lower()}"
        sound = gr.Radio(list(strings.SOUNDS.items()), value=setup.sound, label=strings.SOUND, elem_id=f"{name}-sound")
        snr = gr.Slider(*SNR_RANGE, value=setup.snr_db, step=1, label=strings.SNR, visible=setup.sound == "noise")
        speed = gr.Slider(*SPEED_RANGE, value=setup.speed, step=0.05, label=strings.SPEED, elem_id=f"{name}-speed")
        here, first = service.models.here(), service.models.first.name
        model = gr.Dropdown(here, value=first, label=strings.MODEL, filterable=False, elem_id=f"{name}-model")
        decoder = gr.Dropdown(
            widgets.decoder_choices(service, first),
            value=service.default_decoder(first),
            label=strings.DECODER,
            filterable=False,
            elem_id=f"{name}-decoder",
        )
        options: dict[str, Any] = {"api_visibility": "private", "queue": False}
        sound.change(lambda kind: gr.update(visible=kind == "noise"), sound, snr, **options)
        model.input(lambda chosen, now: widgets.decoder_update(service, chosen, now), [model, decoder], decoder, **options)
    return [sound, snr, speed, model, decoder]


def _summary(letter: str, setup: Setup, found: Transcription, elapsed: float) -> str:
    sound = widgets.label_of(strings.SOUNDS, setup.sound)
    if setup.sound == "noise":
        sound += f" ({setup.snr_db:g} dB)"
    if setup.speed != 1:
        sound += strings.COMPARED_SPEED.format(speed=setup.speed)
    summary = strings.COMPARED.format(
        letter=letter,
        sound=sound,
        model=setup.model,
        decoder=widgets.label_of(strings.DECODERS, setup.decoder),
        elapsed=elapsed,
        confidence=found.hypothesis.confidence,
    )
    return f"<p><strong>{letter}</strong> {escape(found.text)}</p>{widgets.message(summary)}"


def _changes(a: Transcription, b: Transcription) -> str:
    """Mark the words that differ between the text of A and that of B."""
    if a.text == b.text:
        return widgets.message(strings.SAME)
    if not a.text:
        return widgets.message(strings.NO_WORDS.format(letter="A"))
    pairs = difference(a.text, b.text).pairs
    changed = sum(before != after for before, after in pairs)
    summary = widgets.message(strings.DIFFERENCES.format(changed=changed, words=len(pairs)))
    return f'{summary}<p class="marked">{marked(pairs)}</p><p class="legend">{strings.COMPARE_MARKS}</p>'
