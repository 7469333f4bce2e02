"""The tab Live: words appear while they are spoken.

It does not use `gr.Audio(streaming=True)`: inside a tab Gradio 6.31 sends a block every 0.1 s whatever `stream_every` is, and
of the blocks that come while a handler runs it keeps only the last one.
"""

import base64
import io
import json
import wave
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from w2vkit.errors import AudioError, W2VKitError
from w2vkit.pipeline.live import LiveText, LiveTranscript
from w2vkit_demo import strings
from w2vkit_demo.sent import sent
from w2vkit_demo.server.limits import MAX_CHARACTERS
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import widgets

# The browser sends a block as soon as it has REST times as much sound as the last answer took, so that it sends less often
# to a busy server; but at least LEAST_SECONDS of sound, and at MOST_SECONDS in any case.
LEAST_SECONDS, MOST_SECONDS = 0.25, 2.0  # s
REST = 2.0
PATIENCE_SECONDS = 2.0  # s; if the text of a block takes longer, it is shown with the next one
SESSIONS = 16  # sessions whose blocks are processed at the same time
KEEP_SECONDS = 900  # s; how long a session without new sound is kept
BLOCK_SECONDS = 30.0  # s; the longest block that is taken. The browser sends 2 s, and more after a pause of the connection
RATES = range(8_000, 192_001)  # Hz
MAX_BYTES = 8 * 2**20  # of a block, in base64; the browser sends about a tenth of this
SCRIPT = sent("live_view.js")
TEMPLATE = (
    '<button type="button" class="live-button lg primary"></button>'
    '<div class="live-level"><i class="live-bar" aria-hidden="true"></i>'
    '<span class="live-loudness" role="status"></span></div><p class="live-note" role="alert"></p>'
    '<div class="live-box live-empty" tabindex="0" role="region" aria-label="{words}" data-hint="{hint}">'
    '<span class="live-final" role="log" aria-live="polite"></span> <span class="live-partial" aria-hidden="true"></span></div>'
)


def build(service: Service, chosen_model: gr.State) -> None:
    """Lay out the tab and connect its events."""
    gr.HTML(widgets.message(strings.LIVE_ABOUT), elem_classes="facts")
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
    text = gr.Textbox(elem_id="live-text", elem_classes="kept")  # for copying; the view shows the words
    with gr.Row(visible=False, elem_classes="downloads") as stopped:
        copy = gr.Button(strings.COPY, size="sm", elem_id="live-copy")
        clear = gr.Button(strings.LIVE_CLEAR, size="sm", elem_id="live-clear")
    copy.click(None, text, js=widgets.copies("live-copy"), api_visibility="private")
    session = gr.State(None, time_to_live=KEEP_SECONDS)
    workers = ThreadPoolExecutor(SESSIONS, thread_name_prefix="live")

    def process(live: LiveTranscript | None, model: str, event: gr.EventData) -> list[Any]:
        block: dict[str, Any] = event._data if isinstance(event._data, dict) else {}
        if isinstance(block.get("kept"), str):  # the text that the browser kept
            text = block["kept"][:MAX_CHARACTERS]
            return [None, {"final": text, "number": -1}, "", text, gr.update(visible=True)]
        number = block.get("number")
        answer = {"number": number if isinstance(number, int) and abs(number) < 2**53 else 0, "last": block.get("last") is True}
        try:
            if live is None or block.get("begin"):
                live = begin(service, model)
            _feed(live, block, service.models.first.max_seconds)
            now = live.finish() if answer["last"] else live.update_async(workers, patience=PATIENCE_SECONDS)
            message = _facts(now)
        except W2VKitError as error:
            now, message = live.now if live else LiveText(), widgets.failure(error)
        ended = answer["last"]
        return [live, answer | _words(now), message, now.text if ended else "", gr.update(visible=ended)]

    outputs = [session, view, facts, text, stopped]
    options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    parallel: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": SESSIONS, "concurrency_id": "live"}
    view.input(process, [session, chosen_model], outputs, **parallel, **options)
    ask = f"text => {{ if (text && !confirm({json.dumps(strings.LIVE_CLEAR_ASK)})) throw Error('kept') }}"
    sure = clear.click(None, text, js=ask, api_visibility="private")
    sure.success(lambda: [None, None, "", "", gr.update(visible=False)], None, outputs, queue=False, **options)


def begin(service: Service, model: str = "") -> LiveTranscript:
    """Begin a session with a model and its default decoder."""
    return LiveTranscript(service.models.get(model), decode=service.decoder(Setup(model=model)))


def _feed(live: LiveTranscript, block: dict[str, Any], max_seconds: float) -> None:
    """Feed a block of the browser: a WAV file in base64, and how many seconds of sound were dropped before it."""
    sound, missed = block.get("sound"), block.get("missed") or 0
    if not sound:
        return
    if live.now.seconds > max_seconds:
        raise AudioError(strings.LIVE_OVER.format(seconds=max_seconds))
    if not (isinstance(missed, int | float) and 0 <= missed <= max_seconds):
        raise AudioError(strings.LIVE_BAD)
    live.feed(_samples(sound), missed=float(missed))


def _samples(sound: Any) -> tuple[int, np.ndarray]:
    """Read a block as the browser writes it: mono PCM with 16 bits in a WAV file. Nothing else is decoded here.

    Returns
    -------
    (int, numpy.ndarray)
        The rate (Hz) and (N,) int16.
    """
    try:
        if not isinstance(sound, str) or len(sound) > MAX_BYTES:
            raise ValueError
        with wave.open(io.BytesIO(base64.b64decode(sound, validate=True))) as file:
            rate = file.getframerate()
            if (file.getnchannels(), file.getsampwidth()) != (1, 2) or rate not in RATES:
                raise ValueError
            data = file.readframes(round(BLOCK_SECONDS * rate) + 1)
        samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
        if not 0 < len(samples) <= BLOCK_SECONDS * rate:
            raise ValueError
    except Exception as error:  # of a damaged header Python's own reader raises many kinds
        raise AudioError(strings.LIVE_BAD) from error
    return rate, samples


def _words(now: LiveText) -> dict[str, str]:
    return {"final": " ".join(w.text for w in now.final), "partial": " ".join(w.text for w in now.partial)}


def _facts(now: LiveText) -> str:
    lost = strings.LIVE_DROPPED.format(seconds=now.dropped) if now.dropped >= 0.05 else ""
    return widgets.message(strings.LIVE_FACTS.format(seconds=now.seconds, lost=lost))
