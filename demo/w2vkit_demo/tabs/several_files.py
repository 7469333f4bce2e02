"""Several files one after the other: a table of their progress, and one zip of their texts."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from w2vkit.decode import Hypothesis
from w2vkit.formats import FORMATS, render
from w2vkit_demo import strings
from w2vkit_demo.server.limits import KEEP_SECONDS
from w2vkit_demo.server.service import Service, Setup
from w2vkit_demo.tabs import widgets


@dataclass(frozen=True)
class Text:
    """The text of a file, and what its formats need."""

    name: str
    hypothesis: Hypothesis
    seconds: float
    notes: tuple[str, ...]


def build(service: Service, chosen_model: gr.State, decoder: gr.Radio) -> None:
    """Lay out the folded part and connect its events."""
    with gr.Accordion(strings.SEVERAL, open=False, elem_id="several"):
        gr.HTML(widgets.message(strings.SEVERAL_ABOUT), elem_classes="facts")
        files = gr.File(file_count="multiple", show_label=False, elem_id="several-files", height=120)
        formats = gr.CheckboxGroup(
            list(FORMATS), value=["txt", "srt"], label=strings.SEVERAL_FORMATS, elem_id="several-formats"
        )
        table = gr.HTML(elem_id="several-table", elem_classes="facts")
        place_of_stop = gr.Column(elem_classes="stop-place")
        archive = gr.DownloadButton(strings.SEVERAL_ZIP, size="sm", visible=False, elem_id="several-zip")
    texts = gr.State([], time_to_live=KEEP_SECONDS)

    def run(paths: list[str] | None, chosen: list[str], model: str, how: str) -> Iterator[list[Any]]:
        names = [Path(path).name for path in paths or []]
        states = [strings.SEVERAL_WAITS] * len(names)
        found = list[Text]()
        setup = Setup(model=model, decoder=how)

        def show(state: str) -> list[Any]:
            states[len(found) + failed] = state or strings.SEVERAL_READS
            return [_table(names, states, reading=True), gr.skip(), gr.skip()]

        failed = 0
        yield [_table(names, states), [], zipped([], chosen)]
        for path, name in zip(paths or [], names, strict=True):
            try:
                yield show("")
                done = yield from widgets.reading(partial(service.transcribe, path, setup), show)
                show(_said(done.hypothesis))
                found.append(Text(name, done.hypothesis, done.seconds, done.notes))
            except Exception as error:  # of this file only: the others go on
                show(f"{strings.FAILED} {widgets.reason(error)}")
                failed += 1
            yield [_table(names, states, reading=len(found) + failed < len(names)), list(found), zipped(found, chosen)]

    event = files.change(run, [files, formats, chosen_model, decoder], [table, texts, archive], **widgets.QUIET, **widgets.RUN)
    formats.input(zipped, [texts, formats], archive, **widgets.QUIET)
    with place_of_stop:
        stopped = widgets.message(strings.STOPPED_SEVERAL)
        widgets.stop_button("several-stop", lambda: [stopped], [table], event)


def _said(hypothesis: Hypothesis) -> str:
    if not hypothesis.words:
        return strings.SEVERAL_SILENT
    return strings.SEVERAL_DONE.format(words=len(hypothesis.words), confidence=widgets.percent(hypothesis.confidence))


def _table(names: list[str], states: list[str], *, reading: bool = False) -> str:
    if not names:
        return ""
    shown = widgets.table(strings.SEVERAL_HEAD, zip(names, states, strict=True))
    return f'<div class="{"reading" if reading else "says"}">{shown}</div>'


def zipped(found: list[Text], formats: list[str]) -> Any:
    """Give the update of the button that downloads the texts in these formats; it is hidden where there is nothing."""
    if not (found and formats):
        return gr.update(visible=False, value=None)
    path = save_bytes_to_cache(archive_of(found, formats), strings.ZIP, get_upload_folder())
    return gr.update(visible=True, value=path)


def archive_of(found: list[Text], formats: list[str]) -> bytes:
    """Pack each text in each format into a zip; files with the same name get numbers."""
    buffer, taken = io.BytesIO(), set[str]()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for text in found:
            stem = plain = Path(text.name).stem or "audio"
            number = 1
            while stem.casefold() in taken:
                number += 1
                stem = f"{plain}-{number}"
            taken.add(stem.casefold())
            for name in formats:
                written = render(text.hypothesis, name, seconds=text.seconds, name=text.name, notes=text.notes)
                archive.writestr(f"{stem}.{name}", written)
    return buffer.getvalue()
