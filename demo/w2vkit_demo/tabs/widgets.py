"""What the tabs share: inputs, choices, messages, tables and files to download."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from w2vkit.align import Alignment
from w2vkit.decode import Word
from w2vkit.evaluate.html import marked
from w2vkit.evaluate.scoring import Scored
from w2vkit.examples import examples
from w2vkit.formats import render
from w2vkit.pipeline.transcription import Transcription
from w2vkit_demo import strings
from w2vkit_demo.server.service import Service

AT_ONCE = 16  # requests that are processed at a time; the others wait in the queue, and the page shows their place in it
NAME_CHARACTERS = 60  # of a download's name
RUN: dict[str, Any] = {"concurrency_limit": AT_ONCE, "concurrency_id": "model"}  # of every event that needs the model


def sound_input(elem_id: str) -> gr.Audio:
    """Make the field for a file or a recording from the microphone."""
    return gr.Audio(label=strings.SOURCE, sources=["upload", "microphone"], type="filepath", elem_id=elem_id)


def clickable_examples(
    inputs: list[Any], outputs: list[Any] | None = None, run: Callable[..., Any] | None = None, more: Sequence[Any] = ()
) -> None:
    """Show the example clips; a click fills ``inputs`` (the sound and, if there is a second, the text) and runs ``run``.

    The values of ``inputs``, then those of ``more``, are passed to ``run``.
    """
    clips = examples()
    shown = gr.Examples(
        [[str(clip.path), clip.text.capitalize()][: len(inputs)] for clip in clips],
        inputs=inputs,
        cache_examples=False,
        label=strings.EXAMPLES,
        example_labels=[clip.about for clip in clips],
        api_visibility="private",
    )
    if run:
        shown.load_input_event.then(run, [*inputs, *more], outputs, api_visibility="private", **RUN)


def label_of(choices: Mapping[str, str], value: str) -> str:
    """Give the label of a value."""
    return next(label for label, one in choices.items() if one == value)


def decoder_choices(service: Service, model: str) -> list[tuple[str, str]]:
    """Give label and value of each decoder that a model can take."""
    return [(label_of(strings.DECODERS, name), name) for name in service.decoder_names(model)]


def decoder_update(service: Service, model: str, value: str = "") -> Any:
    """Update a field of decoders after a change of the model; keep its value if the model can take it."""
    choices = decoder_choices(service, model)
    keeps = value in [name for _, name in choices]
    return gr.update(choices=choices, value=value if keeps else service.default_decoder(model))


def message(text: str) -> str:
    """Give a sentence as HTML."""
    return f"<p>{escape(text)}</p>"


def notes(found: Transcription) -> str:
    """Give what is missing in a sound, or was chosen, as HTML."""
    return "".join(message(note) for note in found.notes)


def failure(error: Exception | str) -> str:
    """Give an error as HTML, to be shown in place of the result."""
    return f'<p class="failure" role="alert"><strong>{strings.FAILED}</strong> {escape(str(error))}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table as HTML; all cells are escaped."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def times_table(words: Iterable[Word]) -> str:
    """Give a table of words with their times and confidence."""
    return table(strings.TIMES_HEAD, ((w.text, f"{w.start:.2f}", f"{w.end:.2f}", f"{w.confidence:.0%}") for w in words))


def scored(found: Scored) -> str:
    """Give WER, CER and the aligned words with the errors marked."""
    summary = strings.SCORED.format(
        wer=found.wer,
        cer=found.cer,
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
        words=len(found.reference.split()),
    )
    return f'<p>{summary}</p><p class="marked">{marked(found.pairs)}</p><p class="legend">{strings.MARKS}</p>'


def download_buttons(formats: Sequence[str], elem_id: str) -> list[gr.DownloadButton]:
    """Make a row of buttons, one for each format, for `downloads` to fill."""
    with gr.Row(elem_classes="downloads"):
        return [
            gr.DownloadButton(
                strings.DOWNLOAD.format(format=name), interactive=False, size="sm", min_width=120, elem_id=f"{elem_id}-{name}"
            )
            for name in formats
        ]


def downloads(
    found: Transcription | None, formats: Sequence[str], *, source: str = "", alignment: Alignment | None = None
) -> list[Any]:
    """Write a result or its alignment in each format, and give the updates of `download_buttons`; without one disable them."""
    if found is None:
        return [gr.update(value=None, interactive=False) for _ in formats]
    stem = Path(source).stem[:NAME_CHARACTERS] or "audio"
    facts: dict[str, Any] = {"seconds": found.seconds, "name": Path(source).name, "notes": found.notes}
    texts = {name: render(alignment or found.hypothesis, name, **facts) for name in formats}
    files = {name: save_bytes_to_cache(t.encode(), f"{stem}.{name}", get_upload_folder()) for name, t in texts.items()}
    return [gr.update(value=files[name], interactive=True) for name in formats]
