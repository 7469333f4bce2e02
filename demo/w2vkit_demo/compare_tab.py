"""The tab Compare: one sound, two set-ups, what differs, and both views under each other."""

import time
from html import escape
from typing import Any

import gradio as gr

from w2vkit.difference import difference
from w2vkit.errors import W2VKitError
from w2vkit.examples import examples
from w2vkit.html_report import marked
from w2vkit.transcribe import Transcription
from w2vkit_demo import common, linked_view, service, strings
from w2vkit_demo.service import Setup
from w2vkit_demo.shared import Shared

SNR_RANGE = (-5, 30)  # dB


def build(model: Shared) -> None:
    """Lay out the tab, and say what its button does."""
    gr.Markdown(strings.COMPARE_ABOUT)
    source = common.sound_input("compare-source")
    common.clickable_examples([source])
    with gr.Row():
        first = _choices("A", Setup())
        second = _choices("B", Setup(sound="noise"))
    hotwords = gr.Textbox(label=strings.HOTWORDS, placeholder=strings.HOTWORDS_EXAMPLE, elem_id="hotwords")
    with gr.Accordion(strings.LM_TEXT, open=False):
        learned = "\n".join(clip.text for clip in examples())
        lm_text = gr.Textbox(learned, label=strings.LM_TEXT, show_label=False, lines=4, max_lines=12, elem_id="lm-text")
    button = gr.Button(strings.COMPARE, variant="primary", elem_id="compare")
    facts = gr.HTML(elem_id="compare-facts", elem_classes="facts")
    views = []
    for letter in "AB":
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        views.append(linked_view.build(f"compare-{letter.lower()}", group="compare"))

    def run(path: str | None, words: str, learned: str, *choices: Any) -> list[Any]:
        if not path:
            return [common.message(strings.EMPTY), None, None]
        told, results = [], []
        try:
            for letter, chosen in zip("AB", (choices[:3], choices[3:]), strict=True):
                setup, started = Setup(*chosen), time.perf_counter()
                results.append(service.hear(model, path, setup, hotwords=words, lm_text=learned))
                told.append(_summary(letter, setup, results[-1], time.perf_counter() - started))
        except W2VKitError as error:
            return [common.failure(error), None, None]
        return [_changes(*results) + "".join(told), *map(linked_view.packed, results)]

    inputs = [source, hotwords, lm_text, *first, *second]
    button.click(run, inputs, [facts, *views], api_visibility="private", **common.RUN)


def _choices(letter: str, setup: Setup) -> list[gr.Radio | gr.Slider]:
    """The three questions of a set-up, in the order of its fields."""
    with gr.Column(min_width=280):
        gr.Markdown(f"#### {strings.SETUP.format(letter=letter)}")
        name = f"setup-{letter.lower()}"
        sound = gr.Radio(list(strings.SOUNDS.items()), value=setup.sound, label=strings.SOUND, elem_id=f"{name}-sound")
        snr = gr.Slider(*SNR_RANGE, value=setup.snr_db, step=1, label=strings.SNR, visible=setup.sound == "noise")
        decoder = gr.Radio(
            list(strings.DECODERS.items()), value=setup.decoder, label=strings.DECODER, elem_id=f"{name}-decoder"
        )
        sound.change(lambda kind: gr.update(visible=kind == "noise"), sound, snr, api_visibility="private", queue=False)
    return [sound, snr, decoder]


def _summary(letter: str, setup: Setup, found: Transcription, elapsed: float) -> str:
    sound = next(name for name, value in strings.SOUNDS.items() if value == setup.sound)
    if setup.sound == "noise":
        sound += f" ({setup.snr_db:g} dB)"
    decoder = next(name for name, value in strings.DECODERS.items() if value == setup.decoder)
    told = strings.COMPARED.format(
        letter=letter, sound=sound, decoder=decoder, elapsed=elapsed, confidence=found.hypothesis.confidence
    )
    return f"<p><strong>{letter}</strong> {escape(found.text)}</p>{common.message(told)}"


def _changes(first: Transcription, second: Transcription) -> str:
    """Mark what B hears otherwise than A."""
    if first.text == second.text:
        return common.message(strings.SAME)
    if not first.text:
        return common.message(strings.NOTHING_HEARD.format(letter="A"))
    found = difference(first.text, second.text)
    changed = sum(a != b for a, b in found.pairs)
    told = common.message(strings.DIFFERENCES.format(changed=changed, words=len(found.pairs)))
    return f'{told}<p class="marked">{marked(found.pairs)}</p><p class="legend">{strings.COMPARE_MARKS}</p>'
