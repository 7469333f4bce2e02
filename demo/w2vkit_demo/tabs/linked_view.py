"""The linked view as a Gradio component: its script, and what it is fed with."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from w2vkit.pipeline.transcription import Transcription
from w2vkit.views import linked_view, wav
from w2vkit_demo import strings

FOLDER = Path(__file__).parents[1] / "static"
NAMES = ("data", "draw", "parts", "sound", "gestures", "view")  # each needs those before it
SCRIPTS = [f"linked_{name}.js" for name in NAMES]
HEAD = "<script>" + "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS) + "</script>"
CSS = (FOLDER / "linked_view.css").read_text(encoding="utf-8")


def build(elem_id: str, group: str = "") -> gr.HTML:
    """Make a linked view, empty at first; views of one group move together. Its value is what `packed` gives."""
    return gr.HTML(
        html_template='<div class="lv-mount"></div>',
        js_on_load="window.w2vkitLinkedView(element, props, watch);",
        head=HEAD,  # Gradio runs it once, however many views there are
        apply_default_css=False,
        elem_id=elem_id,
        texts=strings.VIEW,
        group=group,
    )


def packed(found: Transcription) -> dict[str, Any]:
    """Pack a result for a view; its sound goes into Gradio's cache, which serves it and forgets it in time."""
    path = save_bytes_to_cache(wav(found.waveform), "sound.wav", get_upload_folder())
    audio = {"path": path, "meta": {"_type": "gradio.FileData"}}
    return {**asdict(linked_view(found.waveform, found.emissions, found.hypothesis)), "audio": audio}
