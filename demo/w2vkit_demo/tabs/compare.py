"""The tab Compare: transcribes one recording with two set-ups, marks what differs, and shows both in linked views."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit.evaluate.html import marked
from w2vkit.evaluate.scoring import difference
from w2vkit.examples import examples
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service, Setup, check_length
from w2vkit_demo.tabs import linked_view, widgets

SNR_RANGE = (-5, 30)  # dB
LOUD = 0.0  # dB; of set-up B at first: w2v-mini then writes other words in most examples
SPEED_RANGE = (0.5, 2.0)  # times as fast


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    with gr.Row(elem_classes="bench"):
        with gr.Column(elem_classes="bench-sound"):
            gr.HTML(widgets.message(strings.COMPARE_ABOUT), elem_classes="facts")
            source = widgets.sound_box("compare-source", service)
            widgets.example_list(source)
        with gr.Column(elem_classes="bench-result", elem_id="compare-result"):
            with gr.Row(elem_classes="setups"):
                setup_a = _setup_fields("A", Setup(), service)
                setup_b = _setup_fields("B", Setup(sound="noise", snr_db=LOUD), service)
            example_texts = "\n".join(clip.text for clip in examples())
            with gr.Row():
                hotwords = gr.Textbox(
                    label=strings.HOTWORDS, placeholder=strings.HOTWORDS_EXAMPLE, visible="hidden", elem_id="hotwords"
                )
                lm_text = gr.Textbox(
                    example_texts,
                    label=strings.LM_TEXT,
                    info=strings.LM_TEXT_ABOUT,
                    lines=3,
                    max_lines=12,
                    visible="hidden",
                    elem_id="lm-text",
                )
            button = gr.Button(strings.COMPARE, variant="primary", elem_id="compare")
            with gr.Column(elem_classes="reads"):
                facts = gr.HTML(widgets.hint(strings.COMPARE_WAITING), elem_id="compare-facts", elem_classes="facts")
                place_of_stop = gr.Column(elem_classes="stop-place")
            with gr.Column(elem_classes="found"):  # the style hides it while the views are empty
                views = []
                for letter in "AB":
                    name = strings.SETUP.format(letter=letter)
                    gr.HTML(f"<h2>{name}</h2>")
                    views.append(linked_view.build(f"compare-{letter.lower()}", group="compare", name=name))

    def nothing(message: str) -> list[Any]:
        return [message, None, None]

    def run(path: str | None, words: str, text: str, *fields: Any) -> Iterator[list[Any]]:
        if not path:
            yield [widgets.message(strings.EMPTY), *[gr.skip()] * (len(outputs) - 1)]  # a kept result stays
            return
        count = len(setup_a)
        lines, results = list[str](), list[Transcription]()
        try:
            for letter, values in (("A", fields[:count]), ("B", fields[count:])):
                setup, started = Setup(*values, hotwords=words, lm_text=text), time.perf_counter()
                found = yield from widgets.reading(partial(service.transcribe, path, setup), partial(reads, letter))
                results.append(found)
                lines.append(_line(letter, setup, found, time.perf_counter() - started))
        except Exception as error:  # otherwise the page would say forever that it reads
            yield nothing(widgets.failure(error))
            return
        kept = {"texts": [found.text for found in results], "lines": lines, "notes": results[0].notes}
        a, b = results
        packed = [linked_view.packed(a, source=path, kept=kept), linked_view.packed(b, source=path)]
        yield [_differences(kept), *packed]

    def reads(letter: str, share: str) -> list[Any]:
        return nothing(widgets.busy(share and strings.COMPARE_SHARE.format(letter=letter, share=share)))

    def restore(event: gr.EventData) -> str:
        """Show the differences of the result that the browser kept."""
        try:
            return widgets.message(strings.COMPARE_RESTORED) + _differences(event._data["restore"]["kept"])
        except (W2VKitError, KeyError, TypeError, ValueError, AttributeError):
            return widgets.message(strings.NOT_RESTORED)

    def clear(path: str | None) -> list[Any]:
        return [*nothing(widgets.busy() if path else widgets.hint(strings.COMPARE_WAITING)), bool(path)]

    outputs = [facts, *views]
    kept_one = views[0].input(restore, None, facts, **widgets.QUIET, **widgets.RUN)
    work = widgets.Work(run, [source, hotwords, lm_text, *setup_a, *setup_b], outputs, "compare-result", [kept_one])
    work.begin_on(source.change, clear, source)
    work.begin_on(button.click)
    with place_of_stop:
        stopped = widgets.hint(strings.STOPPED_COMPARE)
        widgets.stop_button("compare-stop", lambda: nothing(stopped), outputs, work.event)

    def follow(model: str) -> list[Any]:
        """Set both set-ups to the model that is chosen above the tabs, and to its default decoder."""
        return [gr.update(choices=service.models.here(), value=model), widgets.decoder_update(service, model)] * 2

    def offer_texts(a: str, b: str) -> list[Any]:
        """Show the words to expect and the text of the language model where a set-up uses them."""
        return [gr.update(visible=True if name in (a, b) else "hidden") for name in ("hotwords", "language model")]

    options: dict[str, Any] = {"queue": False, **widgets.QUIET}
    chosen_model.change(follow, chosen_model, [*setup_a[-2:], *setup_b[-2:]], **options)
    decoders = [setup_a[-1], setup_b[-1]]
    gr.on([decoder.change for decoder in decoders], offer_texts, decoders, [hotwords, lm_text], **options)


def _setup_fields(letter: str, setup: Setup, service: Service) -> list[gr.Radio | gr.Slider | gr.Dropdown]:
    """The first fields of a `Setup`, in its order."""
    with gr.Column(min_width=280, elem_classes="setup"):
        gr.HTML(f"<h2>{strings.SETUP.format(letter=letter)}</h2>")
        name = f"setup-{letter.lower()}"
        choices = list(strings.SOUNDS.items())
        sound = gr.Dropdown(choices, value=setup.sound, label=strings.SOUND, filterable=False, elem_id=f"{name}-sound")
        snr = gr.Slider(*SNR_RANGE, value=setup.snr_db, step=1, label=strings.SNR, interactive=setup.sound == "noise")
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
        sound.change(lambda kind: gr.update(interactive=kind == "noise"), sound, snr, **options)
        model.input(lambda chosen, now: widgets.decoder_update(service, chosen, now), [model, decoder], decoder, **options)
    return [sound, snr, speed, model, decoder]


def _line(letter: str, setup: Setup, found: Transcription, elapsed: float) -> str:
    sound = widgets.label_of(strings.SOUNDS, setup.sound)
    if setup.sound == "noise":
        sound += f" ({setup.snr_db:g} dB)"
    if setup.speed != 1:
        sound += strings.COMPARED_SPEED.format(speed=setup.speed)
    line = strings.COMPARED.format(
        letter=letter,
        sound=sound,
        model=setup.model,
        decoder=widgets.label_of(strings.DECODERS, setup.decoder),
        elapsed=elapsed,
    )
    if found.hypothesis.words:
        line += " · " + strings.CONFIDENCE.format(confidence=widgets.percent(found.hypothesis.confidence))
    return line


def _differences(kept: dict[str, Any]) -> str:
    """Give as HTML the differences of the ``texts`` of A and B, the line of each, and notes on the sound."""
    a, b = map(str, kept["texts"])
    check_length(a + b)
    return _changes(a, b) + "".join(widgets.message(str(line)) for line in [*kept["lines"], *kept["notes"]])


def _changes(a: str, b: str) -> str:
    """Mark the words that differ between the text of A and that of B."""
    if a == b:
        return widgets.message(strings.SAME, "says")
    if not a:
        return widgets.message(strings.NO_WORDS.format(letter="A"), "says")
    pairs = difference(a, b).pairs
    changed = sum(before != after for before, after in pairs)
    summary = widgets.message(strings.DIFFERENCES.format(changed=changed, words=len(pairs)), "says")
    return f'{summary}<p class="marked">{marked(pairs)}</p><p class="legend">{strings.COMPARE_MARKS}</p>'
