"""The endpoints for programs; each answers with JSON.

Every endpoint is an event of hidden components. So Gradio checks that a file was uploaded, and refuses any other path.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio_client import handle_file

from w2vkit.audio import Waveform
from w2vkit.audio.effects import change_speed
from w2vkit.errors import AlignmentError, AudioError, W2VKitError
from w2vkit.evaluate.scoring import difference
from w2vkit.examples import examples
from w2vkit.formats import to_dict
from w2vkit.model.hub import listing
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service, Setup, check_choice, check_length, split_hotwords
from w2vkit_demo.tabs import widgets

ANY_SOUND = Waveform(np.zeros(160, np.float32))  # to find out whether a speed is possible


def build(service: Service) -> None:
    """Add the endpoints /transcribe, /align, /compare and /models to a page."""

    def transcribe_endpoint(audio: str | None, decoder: str, hotwords: str, lm_text: str, model: str) -> dict[str, Any]:
        path, setup = _check_given(audio), Setup(model=model, decoder=decoder, hotwords=hotwords, lm_text=lm_text)
        _check(service, setup)
        return _as_json(service.transcribe(path, setup), path)

    def align_endpoint(audio: str | None, text: str, model: str) -> dict[str, Any]:
        path = _check_given(audio)
        _check(service, Setup(model=model))
        found, alignment = service.align(path, text, model)
        return to_dict(alignment, seconds=found.seconds, name=Path(path).name, notes=found.notes)

    def compare_endpoint(
        audio: str | None,
        sound_a: str,
        snr_a: float,
        speed_a: float,
        model_a: str,
        decoder_a: str,
        sound_b: str,
        snr_b: float,
        speed_b: float,
        model_b: str,
        decoder_b: str,
        hotwords: str,
        lm_text: str,
    ) -> dict[str, Any]:
        path = _check_given(audio)
        setup_a = Setup(sound_a, snr_a, speed_a, model_a, decoder_a, hotwords, lm_text)
        setup_b = Setup(sound_b, snr_b, speed_b, model_b, decoder_b, hotwords, lm_text)
        for setup, end in ((setup_a, "_a"), (setup_b, "_b")):
            _check(service, setup, end)
        a, b = service.transcribe(path, setup_a), service.transcribe(path, setup_b)
        pairs = difference(a.text, b.text).pairs if a.text else [(None, word) for word in b.text.split()]
        return {"a": _as_json(a, path), "b": _as_json(b, path), "pairs": pairs}

    def models_endpoint() -> list[dict[str, Any]]:
        running = service.models.running()
        return [{**asdict(entry), "running": entry.name in running} for entry in listing()]

    with gr.Column(visible=False):
        audio, text = gr.File(label="audio"), gr.Textbox(label="text")
        audio.example_payload = _example_clip  # a subclass would have Gradio write a stub file beside this one
        hotwords, lm_text = gr.Textbox("", label="hotwords"), gr.Textbox("", label="lm_text")
        name = gr.Textbox("", label="model", info=strings.API_MODEL)
        decoder = gr.Textbox("", label="decoder", info=strings.API_DECODER)
        setups = [field for letter in "ab" for field in _setup(letter)]
        answer = gr.JSON()
        button = gr.Button()
    for path, endpoint, inputs in (
        ("transcribe", transcribe_endpoint, [audio, decoder, hotwords, lm_text, name]),
        ("align", align_endpoint, [audio, text, name]),
        ("compare", compare_endpoint, [audio, *setups, hotwords, lm_text]),
        ("models", models_endpoint, []),
    ):
        button.click(
            _with_gradio_errors(endpoint, path), inputs, answer, api_name=path, api_description=strings.API[path], **widgets.RUN
        )


def _example_clip() -> dict[str, Any]:
    """Give the file of the example code in the list of calls, where Gradio would name a PDF. The code shows its ``url``."""
    path = str(examples()[0].path)
    return {**handle_file(path), "url": path}


def _setup(letter: str) -> list[gr.Textbox | gr.Number]:
    """The fields of one set-up of a comparison, in the order of `Setup`."""
    default = Setup()
    return [
        gr.Textbox(default.sound, label=f"sound_{letter}", info=strings.API_SOUND),
        gr.Number(default.snr_db, label=f"snr_{letter}"),
        gr.Number(default.speed, label=f"speed_{letter}", info=strings.API_SPEED),
        gr.Textbox(default.model, label=f"model_{letter}", info=strings.API_MODEL),
        gr.Textbox(default.decoder, label=f"decoder_{letter}", info=strings.API_DECODER),
    ]


def _with_gradio_errors(endpoint: Any, tool: str) -> Any:
    """Raise the core's errors as Gradio's, whose message reaches the caller; ``tool`` is the name of the MCP tool."""

    @wraps(endpoint)
    def run(*arguments: Any) -> Any:
        try:
            return endpoint(*arguments)
        except W2VKitError as error:
            causes = ((AudioError, "audio"), (AlignmentError, "text"))  # `_check` has named the other arguments
            name = next((name for kind, name in causes if isinstance(error, kind)), None)
            message = strings.API_ARGUMENT.format(name=name, error=error) if name else str(error)
            raise gr.Error(message, print_exception=False) from error

    run.__name__ = tool
    return run


def _check_given(audio: str | None) -> str:
    if not audio:
        raise W2VKitError(strings.API_NO_AUDIO)
    return audio


def _check(service: Service, setup: Setup, end: str = "") -> None:
    """Refuse an impossible set-up; the message names the argument, whose name ends with ``end``."""
    with _argument("sound" + end):
        check_choice("sound", setup.sound, strings.SOUNDS.values())
    with _argument("speed" + end):
        change_speed(ANY_SOUND, setup.speed)
    with _argument("model" + end):
        service.models.folder(setup.model)
    with _argument("decoder" + end):
        check_choice("decoder", setup.decoder or "greedy", strings.DECODERS.values())
    if setup.decoder == "hotwords":
        with _argument("hotwords"):
            split_hotwords(setup.hotwords)
    with _argument("lm_text"):
        check_length(setup.lm_text)


@contextmanager
def _argument(name: str) -> Iterator[None]:
    """Name the argument in an error."""
    try:
        yield
    except W2VKitError as error:
        raise W2VKitError(strings.API_ARGUMENT.format(name=name, error=error)) from error


def _as_json(found: Transcription, path: str) -> dict[str, Any]:
    return to_dict(found.hypothesis, seconds=found.seconds, name=Path(path).name, notes=found.notes)
