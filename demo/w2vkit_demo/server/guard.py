"""What a visitor may send: the sum of uploads, the size of a request, and the number of wrong passwords."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from w2vkit_demo import strings
from w2vkit_demo.server.limits import KEEP_SECONDS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PER_ADDRESS, IN_ALL = 20, 80  # largest files that one address, and all together, may upload within `KEEP_SECONDS`
LEAST_BYTES = 65_536  # that an upload counts for, since a small file costs more than its bytes
WRONG_PASSWORDS, WAIT_SECONDS = 10, 60.0  # an address with so many wrong passwords within this time (s) has to wait


class Recent:
    """Sums up amounts per key, and in all, within the last seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries = deque[tuple[float, str, int]]()
        self._sums = defaultdict[str, int](int)
        self.total = 0

    def add(self, key: str, amount: int) -> None:
        """Count an amount."""
        self._entries.append((time.monotonic(), key, amount))
        self._sums[key] += amount
        self.total += amount

    def of(self, key: str) -> int:
        """Give the sum of a key, after dropping what is too old; `total` is then up to date, too."""
        while self._entries and self._entries[0][0] < time.monotonic() - self._seconds:
            _, old, amount = self._entries.popleft()
            self.total -= amount
            self._sums[old] -= amount
            if not self._sums[old]:
                del self._sums[old]
        return self._sums.get(key, 0)


@dataclass
class _Refusal:
    status: int
    message: str


class Guard:
    """An ASGI middleware, https://asgi.readthedocs.io/en/latest/specs/www.html.

    Parameters
    ----------
    app
        The application behind it.
    max_bytes : int
        The largest file; the other limits are multiples of it.
    """

    def __init__(self, app: Any, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes
        self._uploads, self._failures = Recent(KEEP_SECONDS), Recent(WAIT_SECONDS)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        address = (scope.get("client") or ("unknown", 0))[0]
        path = scope["path"].rstrip("/")
        if path.endswith("/login"):
            return await self._login(address, scope, receive, send)
        return await self._bounded(address, path.endswith("/upload"), scope, receive, send)

    async def _login(self, address: str, scope: Message, receive: Receive, send: Send) -> None:
        if self._failures.of(address) >= WRONG_PASSWORDS:
            return await _refuse(_Refusal(429, strings.WAIT.format(seconds=WAIT_SECONDS)), send)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 400:
                self._failures.add(address, 1)
            await send(message)

        await self._app(scope, receive, watched)

    async def _bounded(self, address: str, upload: bool, scope: Message, receive: Receive, send: Send) -> None:
        """Read no more of a body than is allowed. Of an upload all is counted, of other requests what exceeds a few KB."""
        read, refusal, begun = 0, None, False
        if upload:
            refusal = self._count(address, LEAST_BYTES)
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if refusal is None and stated.isdigit() and len(stated) < 20:
            refusal = self._check(address, int(stated), upload)
        if refusal:
            return await _refuse(refusal, send)

        async def counted() -> Message:
            nonlocal read, refusal
            message = await receive()
            size = len(message.get("body", b""))
            read += size
            refusal = refusal or (self._count(address, size) if upload else None) or self._check(address, read, False)
            return {"type": "http.disconnect"} if refusal else message

        async def watched(message: Message) -> None:
            nonlocal begun
            if refusal is None or begun:
                begun = True
                await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception:
            if refusal is None:
                raise
        if refusal and not begun:
            await _refuse(refusal, send)

    def _check(self, address: str, size: int, upload: bool) -> _Refusal | None:
        """Refuse a body of this size; of an upload also where its address or all together have no room for it."""
        if size > 2 * self._max_bytes + LEAST_BYTES:  # in base64, and several short files at once
            return _Refusal(413, strings.TOO_LARGE.format(mb=self._max_bytes / 2**20))
        return self._room(address, size) if upload else None

    def _count(self, address: str, size: int) -> _Refusal | None:
        if refusal := self._room(address, size):
            return refusal
        self._uploads.add(address, size)
        return None

    def _room(self, address: str, size: int) -> _Refusal | None:
        if self._uploads.of(address) + size > PER_ADDRESS * self._max_bytes:
            return _Refusal(429, strings.TOO_MANY_UPLOADS)
        return _Refusal(503, strings.SERVER_FULL) if self._uploads.total + size > IN_ALL * self._max_bytes else None


async def _refuse(refusal: _Refusal, send: Send) -> None:
    body = json.dumps({"detail": refusal.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close"), (b"retry-after", str(int(WAIT_SECONDS)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
