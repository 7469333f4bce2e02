"""The tab Compare: one sound, two set-ups, what differs, and both views under each other."""

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
from w2vkit_demo.server import operations
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.operations import Setup
from w2vkit_demo.tabs import linked_view, widgets

SNR_RANGE = (-5, 30)  # dB
SPEED_RANGE = (0.5, 2.0)  # times as fast


def build(models: Models, current: gr.State) -> None:
    """Lay out the tab, and say what its button does."""
    gr.Markdown(strings.COMPARE_ABOUT)
    source = widgets.sound_input("compare-source")
    widgets.clickable_examples([source])
    with gr.Row():
        first = _choices("A", Setup(), models)
        second = _choices("B", Setup(sound="noise"), models)
    hotwords = gr.Textbox(label=strings.HOTWORDS, placeholder=strings.HOTWORDS_EXAMPLE, elem_id="hotwords")
    with gr.Accordion(strings.LM_TEXT, open=False):
        learned = "\n".join(clip.text for clip in examples())
        lm_text = gr.Textbox(
            learned, label=strings.LM_TEXT, info=strings.LM_TEXT_ABOUT, lines=4, max_lines=12, elem_id="lm-text"
        )
    button = gr.Button(strings.COMPARE, variant="primary", elem_id="compare")
    facts = gr.HTML(elem_id="compare-facts", elem_classes="facts")
    views = []
    for letter in "AB":
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        views.append(linked_view.build(f"compare-{letter.lower()}", group="compare"))

    def run(path: str | None, words: str, learned: str, *choices: Any) -> list[Any]:
        if not path:
            return [widgets.message(strings.EMPTY), None, None]
        told, results = [], []
        try:
            for letter, chosen in zip("AB", (choices[: len(first)], choices[len(first) :]), strict=True):
                setup, started = Setup(*chosen), time.perf_counter()
                results.append(operations.hear(models, path, setup, hotwords=words, lm_text=learned))
                told.append(_summary(letter, setup, results[-1], time.perf_counter() - started))
        except W2VKitError as error:
            return [widgets.failure(error), None, None]
        return [_changes(*results) + "".join(told), *map(linked_view.packed, results)]

    inputs = [source, hotwords, lm_text, *first, *second]
    button.click(run, inputs, [facts, *views], api_visibility="private", **widgets.RUN)

    def offer(name: str) -> list[Any]:
        """Both set-ups begin with the model that is chosen above; its decoder is the one that suits it."""
        suits = [gr.update(choices=models.here(), value=name), operations.reading(models.get(name))]
        return suits * 2

    current.change(offer, current, [*first[-2:], *second[-2:]], api_visibility="private", queue=False)


def _choices(letter: str, setup: Setup, models: Models) -> list[gr.Radio | gr.Slider | gr.Dropdown]:
    """The questions of a set-up, in the order of its fields."""
    with gr.Column(min_width=280):
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        name = f"setup-{letter.lower()}"
        sound = gr.Radio(list(strings.SOUNDS.items()), value=setup.sound, label=strings.SOUND, elem_id=f"{name}-sound")
        snr = gr.Slider(*SNR_RANGE, value=setup.snr_db, step=1, label=strings.SNR, visible=setup.sound == "noise")
        speed = gr.Slider(*SPEED_RANGE, value=setup.speed, step=0.05, label=strings.SPEED, elem_id=f"{name}-speed")
        here, own = models.here(), models.first
        model = gr.Dropdown(here, value=own.name, label=strings.MODEL, filterable=False, elem_id=f"{name}-model")
        decoders = list(strings.DECODERS.items())
        decoder = gr.Dropdown(
            decoders, value=operations.reading(own), label=strings.DECODER, filterable=False, elem_id=f"{name}-decoder"
        )
        sound.change(lambda kind: gr.update(visible=kind == "noise"), sound, snr, api_visibility="private", queue=False)
    return [sound, snr, speed, model, decoder]


def _summary(letter: str, setup: Setup, found: Transcription, elapsed: float) -> str:
    sound = widgets.label_of(strings.SOUNDS, setup.sound)
    if setup.sound == "noise":
        sound += f" ({setup.snr_db:g} dB)"
    if setup.speed != 1:
        sound += strings.COMPARED_SPEED.format(speed=setup.speed)
    decoder = widgets.label_of(strings.DECODERS, setup.decoder)
    told = strings.COMPARED.format(
        letter=letter,
        sound=sound,
        model=setup.model,
        decoder=decoder,
        elapsed=elapsed,
        confidence=found.hypothesis.confidence,
    )
    return f"<p><strong>{letter}</strong> {escape(found.text)}</p>{widgets.message(told)}"


def _changes(first: Transcription, second: Transcription) -> str:
    """Mark what B hears otherwise than A."""
    if first.text == second.text:
        return widgets.message(strings.SAME)
    if not first.text:
        return widgets.message(strings.NOTHING_HEARD.format(letter="A"))
    found = difference(first.text, second.text)
    changed = sum(a != b for a, b in found.pairs)
    told = widgets.message(strings.DIFFERENCES.format(changed=changed, words=len(found.pairs)))
    return f'{told}<p class="marked">{marked(found.pairs)}</p><p class="legend">{strings.COMPARE_MARKS}</p>'
