"""The tab Live: words appear while they are spoken.

Not `gr.Audio(streaming=True)`: inside a tab Gradio 6.31 sends a block every 0.1 s whatever `stream_every` says, and of
the blocks that come while a handler is at work it keeps the last one only.
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
from w2vkit_demo.server import operations
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.tabs import widgets

LEAST_SECONDS, MOST_SECONDS = 0.25, 2.0  # s; the page sends no less at a time, and need not wait for more
REST = 2.0  # between these, this many times what the last answer took: a busy machine is asked less often
PATIENCE_SECONDS = 2.0  # s; a text that takes longer is shown with the next block
SESSIONS = 16  # blocks of different sessions that are worked on at a time
KEEP_SECONDS = 900  # s; how long a session that sends nothing is kept
MAX_BYTES = 8 * 2**20  # of a block, in base64; the page sends a tenth of it
SCRIPT = (Path(__file__).parents[1] / "static" / "live_view.js").read_text(encoding="utf-8")
TEMPLATE = (
    '<button type="button" class="live-button lg primary"></button><p class="live-note" role="alert"></p>'
    '<div class="live-box live-empty" tabindex="0" role="region" aria-label="{words}" data-hint="{hint}">'
    '<span class="live-settled" role="log" aria-live="polite"></span> <span class="live-tail" aria-hidden="true"></span></div>'
)


def build(models: Models, current: gr.State) -> None:
    """Lay out the tab, and say what happens when sound comes."""
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

    def hear(live: LiveTranscript | None, name: str, event: gr.EventData) -> list[Any]:
        block: dict[str, Any] = event._data or {}
        answer = {"number": block.get("number", 0), "last": bool(block.get("last"))}
        try:
            if live is None or block.get("begin"):
                live = begin(models.get(name))
            _feed(live, block, models.first.max_seconds)
            now = live.finish() if answer["last"] else live.update_async(workers, patience=PATIENCE_SECONDS)
            told = _facts(now)
        except W2VKitError as error:
            now, told = live.now if live else LiveText(), widgets.failure(error)
        return [live, answer | _words(now), told, now.text if answer["last"] else ""]

    outputs = [session, view, facts, text]
    options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    view.input(
        hear, [session, current], outputs, trigger_mode="multiple", concurrency_limit=SESSIONS, concurrency_id="live", **options
    )
    clear.click(lambda: [None, None, "", ""], None, outputs, queue=False, **options)


def begin(model: ModelQueue) -> LiveTranscript:
    """Begin a session; its words are found as suits the model."""
    return LiveTranscript(model, decode=operations.decoder("", model))


def _feed(live: LiveTranscript, block: dict[str, Any], max_seconds: float) -> None:
    """Take what the page sends: base64 of a WAV file, and how many seconds it had to drop before it."""
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
