"""The tab Live: words appear while they are spoken.

It does not use `gr.Audio(streaming=True)`: inside a tab Gradio 6.31 sends a block every 0.1 s whatever `stream_every` is, and
of the blocks that come while a handler runs it keeps only the last one.
"""

import base64
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from w2vkit.errors import AudioError, W2VKitError
from w2vkit.pipeline.live import LiveText, LiveTranscript
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import widgets

# The browser sends a block as soon as it has REST times as much sound as the last answer took, so that it sends less often
# to a busy server; but at least LEAST_SECONDS of sound, and at MOST_SECONDS in any case.
LEAST_SECONDS, MOST_SECONDS = 0.25, 2.0  # s
REST = 2.0
PATIENCE_SECONDS = 2.0  # s; if the text of a block takes longer, it is shown with the next one
SESSIONS = 16  # sessions whose blocks are processed at the same time
KEEP_SECONDS = 900  # s; how long a session without new sound is kept
MAX_BYTES = 8 * 2**20  # of a block, in base64; the browser sends about a tenth of this
SCRIPT = (Path(__file__).parents[1] / "static" / "live_view.js").read_text(encoding="utf-8")
TEMPLATE = (
    '<button type="button" class="live-button lg primary"></button><p class="live-note" role="alert"></p>'
    '<div class="live-box live-empty" tabindex="0" role="region" aria-label="{words}" data-hint="{hint}">'
    '<span class="live-final" role="log" aria-live="polite"></span> <span class="live-partial" aria-hidden="true"></span></div>'
)


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    gr.Markdown(strings.LIVE_ABOUT)
    view = gr.HTML(
        html_template=TEMPLATE.format(words=escape(strings.LIVE_WORDS), hint=escape(strings.LIVE_HINT)),
        js_on_load="window.w2vkitLive(element, props, trigger, watch);",
        head=f"<script>{SCRIPT}</script>",
        apply_default_css=False,
        elem_id="live-view",
        texts=strings.LIVE_VIEW,
        pace={"least": LEAST_SECONDS, "most": MOST_SECONDS, "rest": REST},
    )
    facts = gr.HTML(elem_id="live-facts", elem_classes="facts")
    text = gr.Textbox(label=strings.LIVE_TEXT, interactive=False, buttons=["copy"], lines=2, elem_id="live-text")
    clear = gr.Button(strings.LIVE_CLEAR, size="sm", elem_id="live-clear")
    session = gr.State(None, time_to_live=KEEP_SECONDS)
    workers = ThreadPoolExecutor(SESSIONS, thread_name_prefix="live")

    def process(live: LiveTranscript | None, model: str, event: gr.EventData) -> list[Any]:
        block: dict[str, Any] = event._data or {}
        answer = {"number": block.get("number", 0), "last": bool(block.get("last"))}
        try:
            if live is None or block.get("begin"):
                live = begin(service, model)
            _feed(live, block, service.models.first.max_seconds)
            now = live.finish() if answer["last"] else live.update_async(workers, patience=PATIENCE_SECONDS)
            message = _facts(now)
        except W2VKitError as error:
            now, message = live.now if live else LiveText(), widgets.failure(error)
        return [live, answer | _words(now), message, now.text if answer["last"] else ""]

    outputs = [session, view, facts, text]
    options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    parallel: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": SESSIONS, "concurrency_id": "live"}
    view.input(process, [session, chosen_model], outputs, **parallel, **options)
    clear.click(lambda: [None, None, "", ""], None, outputs, queue=False, **options)


def begin(service: Service, model: str = "") -> LiveTranscript:
    """Begin a session with a model and its default decoder."""
    return LiveTranscript(service.models.get(model), decode=service.decoder(Setup(model=model)))


def _feed(live: LiveTranscript, block: dict[str, Any], max_seconds: float) -> None:
    """Feed a block of the browser: a WAV file in base64, and how many seconds of sound were dropped before it."""
    sound, missed = block.get("sound"), block.get("missed")
    if not sound:
        return
    if live.now.seconds > max_seconds:
        raise AudioError(strings.LIVE_OVER.format(seconds=max_seconds))
    try:
        if len(sound) > MAX_BYTES:
            raise ValueError
        live.feed(base64.b64decode(sound, validate=True), missed=max(0.0, float(missed or 0)))
    except (ValueError, TypeError) as error:
        raise AudioError(strings.LIVE_BAD) from error


def _words(now: LiveText) -> dict[str, str]:
    return {"final": " ".join(w.text for w in now.final), "partial": " ".join(w.text for w in now.partial)}


def _facts(now: LiveText) -> str:
    lost = strings.LIVE_DROPPED.format(seconds=now.dropped) if now.dropped >= 0.05 else strings.LIVE_WHOLE
    return widgets.message(strings.LIVE_FACTS.format(seconds=now.seconds, delay=now.delay, lost=lost))
