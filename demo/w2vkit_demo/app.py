"""The page: its tabs, its endpoints for programs, and how it is served."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from gradio import themes

from w2vkit.examples import examples
from w2vkit_demo import about_tab, align_tab, api, common, compare_tab, linked_view, strings, transcribe_tab

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

KEEP_SECONDS = 3600  # s; how long an upload stays on the disk
TABS = {
    strings.TAB_TRANSCRIBE: transcribe_tab,
    strings.TAB_ALIGN: align_tab,
    strings.TAB_COMPARE: compare_tab,
    strings.TAB_ABOUT: about_tab,
}
CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + linked_view.CSS


def build(model: "CTCModel") -> gr.Blocks:
    """Build the page for a loaded model."""
    with gr.Blocks(title=strings.TITLE, delete_cache=(KEEP_SECONDS, KEEP_SECONDS), analytics_enabled=False) as page:
        gr.Markdown(strings.HEADING)
        if model.notice:
            gr.Markdown(strings.NOTICE.format(notice=model.notice), elem_id="notice")
        for name, tab in TABS.items():
            with gr.Tab(name):
                tab.build(model)
        api.build(model)
        gr.Markdown(f"{common.runs(model)}  \n{strings.PRIVACY}", elem_id="runs", elem_classes="facts")
    return page


def serve(model: "CTCModel", *, host: str, port: int) -> None:
    """Serve the page until it is interrupted."""
    build(model).queue(max_size=64).launch(
        server_name=host,
        server_port=port,
        theme=themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=CSS,
        max_file_size=common.MAX_BYTES,
        allowed_paths=[str(clip.path.parent) for clip in examples()[:1]],
        run_history=False,
        footer_links=["api"],
    )
