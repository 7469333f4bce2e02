"""The tab Live: words appear while they are spoken."""

import time
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from w2vkit.errors import AudioError, W2VKitError
from w2vkit.live import LiveText, LiveTranscript
from w2vkit_demo import common, strings
from w2vkit_demo.shared import Shared

BLOCK_SECONDS = 0.5  # s; how much sound the browser sends at a time
PATIENCE_SECONDS = 0.3  # s; Gradio keeps but one block for a handler that is at work, so it must be done before the next
SESSIONS = 10  # live at a time; the others wait in the queue
TURN_SECONDS = 300  # s; then one that waits comes first
KEEP_SECONDS = 900  # s; how long a session that sends nothing is kept
SCRIPT = (Path(__file__).parent / "live_view.js").read_text(encoding="utf-8")


def build(model: Shared) -> None:
    """Lay out the tab, and say what happens when sound comes."""
    gr.Markdown(strings.LIVE_ABOUT)
    source = gr.Audio(label=strings.LIVE_SOURCE, sources=["microphone"], streaming=True, type="filepath", elem_id="live-source")
    view = gr.HTML(
        html_template=f'<div class="live-box live-empty" tabindex="0" role="region" aria-label="{escape(strings.LIVE_WORDS)}"'
        f' data-hint="{escape(strings.LIVE_HINT)}"><span class="live-settled" role="log" aria-live="polite"></span> '
        '<span class="live-tail" aria-hidden="true"></span></div>',
        js_on_load="window.w2vkitLiveText(element, props, watch);",
        head=f"<script>{SCRIPT}</script>",
        apply_default_css=False,
        elem_id="live-view",
    )
    facts = gr.HTML(elem_id="live-facts", elem_classes="facts")
    text = gr.Textbox(label=strings.LIVE_TEXT, interactive=False, buttons=["copy"], lines=2, elem_id="live-text")
    clear = gr.Button(strings.LIVE_CLEAR, size="sm", elem_id="live-clear")
    session = gr.State(None, time_to_live=KEEP_SECONDS)
    workers = ThreadPoolExecutor(SESSIONS, thread_name_prefix="live")

    def hear(path: str | None, live: LiveTranscript | None) -> list[Any]:
        came = time.monotonic()
        if path is None:
            return [live, gr.skip(), gr.skip()]
        if live is None or live.finished:
            live = LiveTranscript(model)
        try:
            if live.now.seconds > model.max_seconds:
                raise AudioError(strings.LIVE_OVER.format(seconds=model.max_seconds))
            if live.feed(path, at=came):
                _delete(path)
            live.keep_up(workers, patience=PATIENCE_SECONDS)
        except W2VKitError as error:
            return [live, _words(live.now), common.failure(error)]
        return [live, _words(live.now), _facts(live.now)]

    def stop(live: LiveTranscript | None) -> list[Any]:
        if live is None:
            return [None, common.message(strings.LIVE_EMPTY), ""]
        try:
            now = live.finish()
        except W2VKitError as error:
            return [_words(live.now), common.failure(error), live.now.text]
        return [_words(now), _facts(now), now.text]

    def forget(live: LiveTranscript | None) -> list[Any]:
        if live is not None:
            live.finished = True  # a block that is on its way begins a new one
        return [None, None, "", ""]

    source.stream(
        hear,
        [source, session],
        [session, view, facts],
        stream_every=BLOCK_SECONDS,
        time_limit=TURN_SECONDS,
        concurrency_limit=SESSIONS,
        concurrency_id="live",
        show_progress="hidden",
        api_visibility="private",
    )
    at_once: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    source.stop_recording(stop, session, [view, facts, text], **at_once)
    clear.click(forget, session, [session, view, facts, text], **at_once)


def _words(now: LiveText) -> dict[str, str]:
    """The value of the view."""
    return {"stable": " ".join(w.text for w in now.stable), "tail": " ".join(w.text for w in now.tail)}


def _facts(now: LiveText) -> str:
    lost = strings.LIVE_DROPPED.format(seconds=now.dropped) if now.dropped >= 0.05 else strings.LIVE_WHOLE
    return common.message(strings.LIVE_FACTS.format(seconds=now.seconds, delay=now.delay, lost=lost))


def _delete(path: str) -> None:
    """Delete a block that was heard. One of zeros stays: that of another microphone that is off has the same name."""
    if Path(get_upload_folder()).resolve() in Path(path).resolve().parents:
        Path(path).unlink(missing_ok=True)
