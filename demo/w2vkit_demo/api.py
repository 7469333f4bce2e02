"""The endpoints for programs; each answers with JSON.

Every endpoint is an event of hidden components. So Gradio checks that a file was uploaded, and refuses any other path.
"""

from dataclasses import asdict
from functools import wraps
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit.evaluate.scoring import difference
from w2vkit.formats import to_dict
from w2vkit.model.hub import listing
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import widgets


def build(service: Service) -> None:
    """Add the endpoints /transcribe, /align, /compare and /models to a page."""

    def transcribe_endpoint(audio: str | None, decoder: str, hotwords: str, lm_text: str, model: str) -> dict[str, Any]:
        setup = Setup(model=model, decoder=decoder, hotwords=hotwords, lm_text=lm_text)
        return _as_json(service.transcribe(_check_given(audio), setup))

    def align_endpoint(audio: str | None, text: str, model: str) -> dict[str, Any]:
        found, alignment = service.align(_check_given(audio), text, model)
        return to_dict(alignment, seconds=found.seconds, notes=found.notes)

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
        a = service.transcribe(path, Setup(sound_a, snr_a, speed_a, model_a, decoder_a, hotwords, lm_text))
        b = service.transcribe(path, Setup(sound_b, snr_b, speed_b, model_b, decoder_b, hotwords, lm_text))
        pairs = difference(a.text, b.text).pairs if a.text else [(None, word) for word in b.text.split()]
        return {"a": _as_json(a), "b": _as_json(b), "pairs": pairs}

    def models_endpoint() -> list[dict[str, Any]]:
        running = service.models.running()
        return [{**asdict(entry), "running": entry.name in running} for entry in listing()]

    with gr.Column(visible=False):
        audio, text = gr.File(label="audio"), gr.Textbox(label="text")
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


def _with_gradio_errors(endpoint: Any, name: str) -> Any:
    """Raise the core's errors as Gradio's, whose message reaches the caller; the name is that of the MCP tool."""

    @wraps(endpoint)
    def run(*arguments: Any) -> Any:
        try:
            return endpoint(*arguments)
        except W2VKitError as error:
            raise gr.Error(str(error), print_exception=False) from error

    run.__name__ = name
    return run


def _check_given(audio: str | None) -> str:
    if not audio:
        raise W2VKitError(strings.EMPTY)
    return audio


def _as_json(found: Transcription) -> dict[str, Any]:
    return to_dict(found.hypothesis, seconds=found.seconds, notes=found.notes)
