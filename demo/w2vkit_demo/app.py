"""The page: sound in; coloured words, emission heatmap and facts out."""

import html
import time
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio import themes

from w2vkit.errors import W2VKitError
from w2vkit.examples import examples
from w2vkit.transcribe import transcribe
from w2vkit.views import COLOURS, coloured_text, heatmap
from w2vkit_demo import strings

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

MAX_SECONDS = 600.0  # s; the longest sound that the page takes
MAX_BYTES = 50 * 2**20
HEATMAP_SECONDS = 60.0  # s; a longer matrix would make the browser crawl
KEEP_SECONDS = 3600  # s; how long an upload stays on the disk
CSS = """
.gradio-container { max-width: 1100px !important; margin: 0 auto !important; }
.facts { font-size: 0.9em; opacity: 0.85; }
"""


def build(model: "CTCModel") -> gr.Blocks:
    """Build the page for a loaded model."""

    def run(path: str | None) -> tuple[list | None, Any, str]:
        if not path:
            return None, None, strings.EMPTY
        started = time.perf_counter()
        try:
            result = transcribe(path, model, max_seconds=MAX_SECONDS)
        except W2VKitError as error:
            return None, None, strings.FAILED.format(reason=html.escape(str(error)))
        elapsed = time.perf_counter() - started
        seconds, hypothesis = result.waveform.seconds, result.hypothesis
        facts = strings.SUMMARY.format(
            seconds=seconds, elapsed=elapsed, speed=seconds / elapsed, confidence=hypothesis.confidence
        )
        if not hypothesis.words:
            facts = f"{strings.NOTHING} {facts}"
        figure = heatmap(result.emissions, hypothesis) if seconds <= HEATMAP_SECONDS else None
        return coloured_text(hypothesis), figure, facts

    runs = strings.RUNS.format(
        name=model.name,
        device=model.device,
        dtype=model.dtype,
        labels=len(model.vocabulary),
        frame=1000 * model.stride / model.sample_rate,
    )
    with gr.Blocks(title=strings.TITLE, delete_cache=(KEEP_SECONDS, KEEP_SECONDS), analytics_enabled=False) as page:
        gr.Markdown(strings.HEADING)
        if model.notice:
            gr.Markdown(strings.NOTICE.format(notice=model.notice), elem_id="notice")
        source = gr.Audio(label=strings.SOURCE, sources=["upload", "microphone"], type="filepath", elem_id="source")
        button = gr.Button(strings.TRANSCRIBE, variant="primary", elem_id="transcribe")
        transcript = gr.HighlightedText(
            label=strings.TRANSCRIPT, color_map=COLOURS, show_legend=True, combine_adjacent=False, elem_id="transcript"
        )
        facts = gr.Markdown(elem_id="facts", elem_classes="facts")
        figure = gr.Plot(label=strings.EMISSIONS, elem_id="heatmap")
        clips = examples()
        gr.Examples(
            [[str(clip.path)] for clip in clips],
            inputs=source,
            outputs=[transcript, figure, facts],
            fn=run,
            run_on_click=True,
            cache_examples=False,
            label=strings.EXAMPLES,
            example_labels=[clip.about for clip in clips],
            api_visibility="private",
        )
        gr.Markdown(f"{runs}  \n{strings.PRIVACY}", elem_id="runs", elem_classes="facts")
        outputs = [transcript, figure, facts]
        button.click(run, source, outputs, api_name="transcribe", concurrency_limit=2)
        gr.on([source.stop_recording, source.upload], run, source, outputs, api_visibility="private", concurrency_limit=2)
    return page


def serve(model: "CTCModel", *, host: str, port: int) -> None:
    """Serve the page until it is interrupted."""
    build(model).queue(max_size=64).launch(
        server_name=host,
        server_port=port,
        theme=themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=CSS,
        max_file_size=MAX_BYTES,
        allowed_paths=[str(clip.path.parent) for clip in examples()[:1]],
        run_history=False,
        footer_links=["api"],
    )
