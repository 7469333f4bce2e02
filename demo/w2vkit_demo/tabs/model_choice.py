"""The choice of a model: by name, loaded with its progress shown, and stopped if that takes too long."""

from collections.abc import Iterator
from contextlib import closing
from html import escape
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit_demo import strings
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.tabs import widgets


def build(models: Models) -> gr.State:
    """Lay out the choice, if there is one, and what runs; the state holds the name of the model that is ready."""
    current, names = gr.State(models.first.name), models.names()
    if len(names) == 1 and not models.downloads:
        gr.HTML(_ready(models.first), elem_id="model-facts", elem_classes="facts")
        return current
    with gr.Row(equal_height=True, elem_id="model-row"):
        choice = gr.Dropdown(
            names,
            value=models.first.name,
            label=strings.MODEL,
            info=strings.MODEL_ABOUT if models.downloads else strings.MODEL_LOCAL,
            allow_custom_value=models.downloads,
            interactive=True,
            min_width=300,
            elem_id="model",
        )
        with gr.Column(min_width=300):
            facts = gr.HTML(_ready(models.first), elem_id="model-facts", elem_classes="facts")
            stop = gr.Button(strings.MODEL_STOP, visible=False, size="sm", elem_id="model-stop")

    def choose(name: str | None, now: str) -> Iterator[list[Any]]:
        name = (name or now).strip()
        try:
            with closing(models.load(name)) as loading:
                for share in loading:
                    yield [gr.skip(), gr.skip(), _loading(name, share), gr.update(visible=True)]
            ready = models.get(name)
        except W2VKitError as error:
            yield [now, now, widgets.failure(error) + _ready(models.get(now)), gr.update(visible=False)]
            return
        yield [gr.update(choices=models.names(), value=name), name, _ready(ready), gr.update(visible=False)]

    def stay(name: str | None, now: str) -> list[Any]:
        told = widgets.message(strings.STOPPED.format(name=name)) + _ready(models.get(now))
        return [now, told, gr.update(visible=False)]

    outputs = [choice, current, facts, stop]
    loading = choice.input(
        choose, [choice, current], outputs, api_visibility="private", show_progress="hidden", concurrency_limit=widgets.AT_ONCE
    )
    stop.click(stay, [choice, current], [choice, facts, stop], cancels=loading, api_visibility="private")
    return current


def _ready(model: ModelQueue) -> str:
    """Say what runs where, and how its words are found."""
    told = strings.RUNS.format(
        name=escape(model.name),
        device=model.device,
        dtype=model.dtype,
        labels=len(model.vocabulary),
        frame=1000 * model.stride / model.sample_rate,
    )
    return f"<p>{told}</p>"


def _loading(name: str, share: float) -> str:
    told = escape(strings.MODEL_LOADING.format(name=name, share=share))
    return f'<p role="status">{told} <progress value="{share:.3f}" aria-label="{told}"></progress></p>'
