"""A page that shows every error as a readable message, and logs neither names of files nor texts."""

import logging
import math
import time
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from w2vkit.errors import W2VKitError, printable
from w2vkit_demo import strings
from w2vkit_demo.server.limits import MAX_CHARACTERS

MOST_TEXT = 20 * MAX_CHARACTERS  # characters, of subtitles with their times; whatever reads more holds the page
log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """Gradio's Blocks, with a message instead of a traceback for each error."""

    async def process_api(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        """Answer one event of the page, or one call of a program.

        Gradio would print the traceback of an unexpected error, with the paths of uploads, and answer without a message.
        """
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        started = time.perf_counter()
        try:
            if not options.get("iterator"):
                _check_types(function, inputs)
            return await super().process_api(block_fn, inputs, *arguments, **options)
        except Exception as error:
            name, elapsed = function.api_name or function.name, time.perf_counter() - started
            log.info("%s failed after %.2f s: %s", name, elapsed, type(error.__cause__ or error).__name__)
            if isinstance(error, gr.Error):
                error.print_exception = False
                raise
            message = str(error) if isinstance(error, W2VKitError) else strings.UNEXPECTED.format(kind=type(error).__name__)
            raise gr.Error(printable(message), print_exception=False) from error

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> list[Any]:
        """Read the arguments; only a file that is not on this machine cannot be read here."""
        try:
            return await super().preprocess_data(block_fn, inputs, *arguments, **options)
        except gr.Error:
            raise
        except Exception as error:
            names = [str(component.label) for component in block_fn.inputs if isinstance(component, gr.File | gr.Audio)]
            if not names:
                raise
            raise gr.Error(strings.API_NOT_TAKEN.format(names=", ".join(names)), print_exception=False) from error


def _check_types(function: Any, inputs: list[Any]) -> None:
    """Refuse arguments whose type a component would fail on; the message names the argument."""
    if len(inputs) < len(function.inputs):
        names = ", ".join(str(getattr(component, "label", None)) for component in function.inputs)
        message = strings.TOO_FEW_ARGUMENTS.format(given=len(inputs), needed=len(function.inputs), names=names)
        raise gr.Error(message, print_exception=False)
    for component, value in zip(function.inputs, inputs, strict=False):
        if wanted := _wanted(component, value):
            message = strings.WRONG_TYPE.format(name=component.label, wanted=wanted, given=type(value).__name__)
            raise gr.Error(message, print_exception=False)


def _wanted(component: Any, value: Any) -> str | None:
    """Say what a component takes, if the value is something else."""
    if isinstance(component, gr.Number | gr.Slider):
        fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)
        return None if fits else "a number"
    if isinstance(component, gr.File | gr.Audio):
        files = value if isinstance(value, list) and getattr(component, "file_count", "") == "multiple" else [value]
        fits = value is None or all(isinstance(file, dict) and isinstance(file.get("path"), str) for file in files)
        return None if fits else "an uploaded file"
    if isinstance(component, gr.Textbox | gr.Radio | gr.Dropdown):
        if isinstance(value, str) and len(value) > MOST_TEXT:
            return f"a text of at most {MOST_TEXT} characters"
        return None if value is None or isinstance(value, str) else "a text"
    return None


async def nothing_to_cancel(request: Request, error: Exception) -> Response:
    """Answer a request to cancel an event that does not run; what is no request to cancel names nothing that there is.

    Stop and the choice of another sound cancel the same event. Gradio's route looks the event up, waits for its generator to
    close, and then raises a KeyError if the other request has removed it.
    """
    if request.url.path.endswith("/cancel"):
        return JSONResponse({"success": True})
    return await nothing_to_call(request, error)


async def nothing_to_call(request: Request, error: Exception) -> Response:
    """Answer a call of an unknown name or number, which Gradio would print, controls included, to the terminal."""
    log.info("An unknown call was refused: %s", type(error).__name__)
    return JSONResponse({"detail": strings.UNKNOWN_CALL}, 404)
