"""The page: its tabs, its endpoints for programs, and how it is served."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

from w2vkit.examples import examples
from w2vkit_demo import about_tab, align_tab, api, common, compare_tab, linked_view, live_tab, strings, transcribe_tab
from w2vkit_demo.models import Models

KEEP_SECONDS = 3600  # s; how long uploads and results stay on the disk
SWEEP_SECONDS = 300  # s; how often what is older is deleted
WAITING = 64  # requests in the queue; whoever comes then is told to try again
TABS = {
    strings.TAB_LIVE: live_tab,
    strings.TAB_ALIGN: align_tab,
    strings.TAB_COMPARE: compare_tab,
    strings.TAB_ABOUT: about_tab,
}
CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + linked_view.CSS


def build(models: Models) -> gr.Blocks:
    """Build the page; all but the tab Transcribe, which lets people choose, run the first model."""
    model = models.first
    with gr.Blocks(title=strings.TITLE, delete_cache=(SWEEP_SECONDS, KEEP_SECONDS), analytics_enabled=False) as page:
        gr.Markdown(strings.HEADING)
        if model.notice:
            gr.Markdown(strings.NOTICE.format(notice=model.notice), elem_id="notice")
        with gr.Tab(strings.TAB_TRANSCRIBE):
            transcribe_tab.build(models)
        for name, tab in TABS.items():
            with gr.Tab(name):
                tab.build(model)
        api.build(models)
        gr.Markdown(f"{common.runs(model)}  \n{strings.PRIVACY}", elem_id="runs", elem_classes="facts")
    return page


def serve(models: Models, *, max_bytes: int = common.MAX_BYTES, **options: Any) -> None:
    """Serve the page until it is interrupted; the options are those of Gradio's `launch`, such as ``server_port``."""
    build(models).queue(max_size=WAITING).launch(
        theme=themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=CSS,
        max_file_size=max_bytes,
        allowed_paths=[str(clip.path.parent) for clip in examples()[:1]],
        run_history=False,
        footer_links=["api"],
        ssr_mode=False,
        **options,
    )
