"""The line about the large model's download, with buttons to stop or resume it, and to use the model when it is there."""

from html import escape
from typing import Any

import gradio as gr

from w2vkit_demo import strings
from w2vkit_demo.server.background_download import BackgroundDownload
from w2vkit_demo.tabs import widgets

POLL_SECONDS = 1.0  # s; how often the page asks while the download runs


def build(download: BackgroundDownload, *, stoppable: bool) -> gr.Button:
    """Lay out the line; give the button by which the model is used, hidden until it is there.

    ``stoppable`` says whether visitors may stop and resume the download.
    """
    with gr.Row(elem_id="download", equal_height=True):
        line = gr.HTML(_line(download), elem_id="download-line", apply_default_css=False)
        use = gr.Button(strings.LARGE_USE, visible=False, size="sm", variant="primary", min_width=160, elem_id="download-use")
        stop = gr.Button(strings.LARGE_STOP, visible=stoppable, size="sm", min_width=160, elem_id="download-stop")
    timer = gr.Timer(POLL_SECONDS)

    def look() -> list[Any]:
        state = download.progress.state
        label = strings.LARGE_STOP if state == "downloading" else strings.LARGE_RESUME
        return [
            _line(download),
            gr.update(visible=state == "ready"),
            gr.update(value=label, visible=stoppable and state != "ready"),
            gr.Timer(active=state == "downloading"),
        ]

    def stop_or_resume() -> list[Any]:
        (download.stop if download.progress.state == "downloading" else download.start)()
        return look()

    outputs = [line, use, stop, timer]
    quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    timer.tick(look, None, outputs, **quick)
    stop.click(stop_or_resume, None, outputs, **quick)
    return use


def _line(download: BackgroundDownload) -> str:
    """Give the line as HTML: the progress of the download, or why it failed."""
    now, text = download.progress, escape(download.describe())
    if now.state == "failed":
        return f"<details><summary>{strings.NOTICE}</summary>{widgets.message(now.error)}</details>"
    bar = (
        f'<progress value="{now.share:.3f}" aria-label="{strings.LARGE_BAR}"></progress>' if now.state == "downloading" else ""
    )
    return f"<p>{text} {bar}</p>"
