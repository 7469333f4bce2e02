"""The choice of a model above the tabs: a list, the progress of a download, and a button that stops it."""

from collections.abc import Iterator
from contextlib import closing
from html import escape
from typing import Any

import gradio as gr

from w2vkit.errors import W2VKitError
from w2vkit.model.hub import UnavailableError
from w2vkit_demo import strings
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.tabs import widgets


def build(models: LoadedModels, use: gr.Button | None = None) -> gr.State:
    """Lay out the choice, folded up, and give the state that holds the name of the model.

    The button ``use`` takes the model that was downloaded in the background.
    """
    chosen_model, names = gr.State(models.first.name), models.names()
    fixed = len(names) == 1 and not models.downloads and use is None
    with gr.Accordion(strings.MODEL_BOX.format(name=models.first.name), open=False, elem_id="model-box") as box:
        choice = gr.Dropdown(
            names,
            value=models.first.name,
            label=strings.MODEL,
            info=strings.MODEL_ABOUT if models.downloads else strings.MODEL_LOCAL,
            allow_custom_value=models.downloads,
            interactive=True,
            visible="hidden" if fixed else True,
            elem_id="model",
        )
        facts = gr.HTML(_facts(models.first), elem_id="model-facts", elem_classes="facts")
        stop = gr.Button(strings.MODEL_STOP, visible=False, size="sm", elem_id="model-stop")

    def choose(name: str | None, before: str) -> Iterator[list[Any]]:
        name = (name or before).strip()
        try:
            with closing(models.load(name)) as loading:
                for share in loading:
                    label = gr.update(
                        label=strings.MODEL_LOADING.format(name=name, share=widgets.percent(share))
                    )  # the box may be folded
                    yield [gr.skip(), gr.skip(), _loading(name, share), gr.update(visible=True), label]
            ready = models.get(name)
        except W2VKitError as error:
            message = widgets.failure(_reason(error, name, models)) + _facts(models.get(before))
            label = gr.update(label=strings.MODEL_BOX.format(name=before), open=True)
            yield [before, before, message, gr.update(visible=False), label]
            return
        label = gr.update(label=strings.MODEL_BOX.format(name=name))
        yield [gr.update(choices=models.names(), value=name), name, _facts(ready), gr.update(visible=False), label]

    def stop_loading(name: str | None, before: str) -> list[Any]:
        message = widgets.message(strings.STOPPED.format(name=name)) + _facts(models.get(before))
        return [before, message, gr.update(visible=False), gr.update(label=strings.MODEL_BOX.format(name=before))]

    outputs = [choice, chosen_model, facts, stop, box]
    shown: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": widgets.AT_ONCE}
    loading: list[dict[str, Any]] = [choice.input(choose, [choice, chosen_model], outputs, **shown)]
    if use is not None and models.background:
        name = models.background.name
        named = use.click(lambda: gr.update(choices=models.names(), value=name), None, choice, api_visibility="private")
        taken = named.then(choose, [choice, chosen_model], outputs, **shown)
        taken.then(lambda: gr.update(visible=False), None, use, api_visibility="private")
        loading.append(taken)
    stop.click(stop_loading, [choice, chosen_model], [choice, facts, stop, box], cancels=loading, api_visibility="private")
    return chosen_model


def _reason(error: W2VKitError, name: str, models: LoadedModels) -> W2VKitError | str:
    """Say why a model cannot be had; what a visitor of the page cannot do, such as naming a folder, is left out."""
    if isinstance(error, UnavailableError):
        return strings.NOT_FETCHED.format(name=name, choices=", ".join(models.here()))
    return error


def _facts(model: ModelQueue) -> str:
    """Say which model is ready and on which device it runs."""
    device = strings.DEVICES.get(model.device, model.device)
    return f"<p>{strings.RUNS.format(name=escape(model.name), device=escape(device))}</p>"


def _loading(name: str, share: float) -> str:
    text = escape(strings.MODEL_LOADING.format(name=name, share=widgets.percent(share)))
    return f'<p role="status">{text} <progress value="{share:.3f}" aria-label="{text}"></progress></p>'
