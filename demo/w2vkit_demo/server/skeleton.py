"""Shows the outline of the page at once: Gradio's page is white until all its scripts are loaded."""

import gzip
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from w2vkit_demo import strings

Message = MutableMapping[str, Any]
MARK = b"<script>window.gradio_config"  # the first thing in Gradio's page that takes long to load
OUTLINE = (
    (Path(__file__).parents[1] / "static" / "skeleton.html").read_text(encoding="utf-8").replace("{loading}", strings.LOADING)
)
STYLE = re.compile(rb'<link rel="stylesheet"([^>]*)>')  # Gradio's style sheet


class Skeleton:
    """An ASGI middleware that puts the outline before Gradio's configuration and scripts, where it is painted first.

    HTML allows this: an element that is not allowed in the head ends it, and scripts and styles may follow in the body.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        """Pass a request on, and the answer back; an HTML page gets the outline."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        start: Message | None = None
        parts: list[bytes] = []

        async def outlined(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if not dict(message["headers"]).get(b"content-type", b"").startswith(b"text/html"):
                    return await send(message)
                start = message
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                page = _with_outline(b"".join(parts))
                headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b""):  # 350 kB become 60
                    page = gzip.compress(page, 6)
                    headers.append((b"content-encoding", b"gzip"))
                await send({**start, "headers": [*headers, (b"content-length", str(len(page)).encode())]})
                await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, outlined)


def _with_outline(page: bytes) -> bytes:
    """Put the outline into a page; Gradio's style sheet stays before all others, but painting does not wait for it."""
    style = STYLE.search(page)
    early = b'<link rel="stylesheet" media="print" onload="this.media=\'all\'"' + style[1] + b">" if style else b""
    return STYLE.sub(b"", page, count=1).replace(MARK, early + OUTLINE.encode() + MARK, 1)
