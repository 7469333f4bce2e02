"""The page: its tabs, its endpoints for programs, and how it is served."""

import os
from typing import Any

import gradio as gr
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware

from w2vkit.examples import examples
from w2vkit_demo import api, strings
from w2vkit_demo.sent import STATIC, sent
from w2vkit_demo.server.blocks import Page, nothing_to_call, nothing_to_cancel
from w2vkit_demo.server.guard import Guard
from w2vkit_demo.server.limits import KEEP_SECONDS, MAX_MB
from w2vkit_demo.server.service import Service
from w2vkit_demo.server.skeleton import Skeleton
from w2vkit_demo.tabs import about, align, compare, download_notice, linked_view, live, model_choice, transcribe, widgets
from w2vkit_demo.theme import Instrument

SWEEP_SECONDS = 300  # s; how often files older than KEEP_SECONDS are deleted
SESSIONS = 200  # visits whose results are kept; each call of a program is one. Gradio's default is 10,000, of 0.2 MB and more
RECORDS = 100  # of past events. Gradio's default is 10,000, of which it makes a table with pandas after every event
WAITING = 64  # requests in the queue; a further one is refused
REST_SECONDS = 0.01  # between two looks for new requests. With those of Gradio, 0.001, a page at rest takes a tenth of a core
TABS = {
    strings.TAB_TRANSCRIBE: transcribe,
    strings.TAB_LIVE: live,
    strings.TAB_ALIGN: align,
    strings.TAB_COMPARE: compare,
    strings.TAB_ABOUT: about,
}
CSS = sent("page.css") + linked_view.CSS
ICON = STATIC / "icon.svg"
HEAD = f"<script>{sent('page.js', 'address.js')}</script>"


def build(service: Service) -> gr.Blocks:
    """Build the page. The model that is chosen above the tabs is used in all of them; Compare has its own choices too."""
    first = service.models.first
    with Page(title=strings.TITLE, delete_cache=(SWEEP_SECONDS, KEEP_SECONDS), analytics_enabled=False) as page:
        gr.HTML(f'<a href="#result">{strings.SKIP}</a>', elem_id="skip", apply_default_css=False)
        page.load(None, js="() => window.w2vkitPage.loaded()", api_visibility="private")
        # It is made first, as the choice of a model needs its button; the style puts it below the top line.
        background = service.models.background
        use = download_notice.build(background, stoppable=service.models.downloads) if background else None
        with gr.Row(elem_id="top"):
            heading = f'<h1 data-recording="{strings.RECORDS}">{strings.HEADING}</h1><p>{strings.PROMISE}</p>'
            gr.HTML(ICON.read_text(encoding="utf-8") + heading, elem_id="title")
            chosen_model = model_choice.build(service.models, use)
        if first.notice:
            why = f"<details><summary>{strings.NOTICE}</summary>{widgets.message(first.notice)}</details>"
            gr.HTML(why, elem_id="notice", apply_default_css=False)
        for name, tab in TABS.items():
            with gr.Tab(name, id=name.lower()):
                tab.build(service, chosen_model)
        api.build(service)
        erase = f'<button type="button" data-erase hidden>{strings.ERASE}</button>'
        gr.HTML(f"<p>{strings.PRIVACY} {erase}</p>", elem_id="privacy", elem_classes="facts")
    return page


def serve(service: Service, *, max_mb: float = MAX_MB, **options: Any) -> None:
    """Serve the page until it is interrupted.

    Parameters
    ----------
    service : Service
        The caller closes it afterwards.
    max_mb : float
        Refuse larger files (MiB).
    **options
        Those of Gradio's `launch`, such as ``server_port``.
    """
    service.prepare()
    service.max_mb = max_mb
    max_bytes = int(max_mb * 2**20)
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", str(RECORDS))
    page = build(service).queue(max_size=WAITING)
    page._queue.sleep_when_free = REST_SECONDS
    page.launch(
        theme=Instrument(),
        css=CSS,
        head=HEAD,
        favicon_path=ICON,
        max_file_size=max_bytes,
        state_session_capacity=SESSIONS,
        app_kwargs={
            "middleware": [Middleware(Guard, max_bytes=max_bytes), Middleware(Skeleton)],
            "exception_handlers": {KeyError: nothing_to_cancel, FnIndexInferError: nothing_to_call},
        },
        allowed_paths=[str(clip.path.parent) for clip in examples()[:1]],
        run_history=False,
        footer_links=["api"],
        ssr_mode=False,
        **options,
    )
