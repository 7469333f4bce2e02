"""The tab About: the model that runs and the results on its card, then the large one and its published results."""

from html import escape

import gradio as gr

from w2vkit.evaluate.published import CARD, LABELLED
from w2vkit.model.hub import DEFAULT, measured
from w2vkit_demo import strings
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs import widgets


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab."""
    models = service.models
    _, clean, other = CARD[DEFAULT]
    results = gr.HTML(_running(models, models.first.name), elem_id="measured", elem_classes="facts")
    gr.Markdown(strings.ABOUT.format(clean=clean, other=other))
    gr.HTML(f"<h2>{strings.PAPER}</h2>{_chart()}{widgets.message(strings.PAPER_ABOUT)}", elem_id="paper", elem_classes="facts")
    gr.Markdown(strings.MORE)
    chosen_model.change(lambda name: _running(models, name), chosen_model, results, api_visibility="private", queue=False)


def _chart() -> str:
    """A bar chart of the WER in the paper by hours of labelled speech."""
    longest = max(other for _, _, other in LABELLED)
    bars = ""
    for hours, *rates in LABELLED:
        for place, (name, kind, rate) in enumerate(zip((strings.CLEAN, strings.OTHER), ("clean", "other"), rates, strict=True)):
            width = 75 * rate / longest
            bars += f"<span>{escape(hours) if not place else ''}</span><span>{name}</span>"
            bars += f'<span><i class="{kind}" style="width:{width:.0f}%"></i>{rate:.1f} %</span>'
    return f'<div class="chart" role="img" aria-label="{escape(_spoken())}">{bars}</div>'


def _spoken() -> str:
    rows = (f"{hours}: {clean:.1f} and {other:.1f} per cent" for hours, clean, other in LABELLED)
    return f"WER on {strings.CLEAN} and {strings.OTHER}. " + "; ".join(rows)


def _running(models: LoadedModels, name: str) -> str:
    """Say what a model is, where it runs, and the results on its card."""
    model = models.get(name)
    text = strings.RUNNING_FACTS.format(
        device=strings.DEVICES.get(model.device, model.device),
        dtype=model.dtype,
        rate=model.sample_rate / 1000,
        frame=1000 * model.stride / model.sample_rate,
        labels=len(model.vocabulary),
    )
    head = f"<h2>{escape(strings.RUNNING.format(name=name))}</h2>{widgets.message(text)}"
    results = measured(model.folder)
    if not results:
        return head + widgets.message(strings.NOT_MEASURED.format(name=name))
    rows = ((r.dataset, *("-" if rate is None else f"{rate:.1f} %" for rate in (r.wer, r.cer))) for r in results)
    return head + widgets.table(strings.MEASURED_HEAD, rows) + widgets.message(strings.MEASURED_ABOUT)
