"""What a visitor may send: sums of uploads, sizes of requests, wrong passwords."""

import asyncio
from typing import Any

import pytest

from w2vkit_demo.server import guard as module
from w2vkit_demo.server.guard import IN_ALL, PER_ADDRESS, WRONG_PASSWORDS, Guard, Recent

LARGEST = 100_000  # bytes; the largest file


class App:
    """Reads a request to its end and answers with a status."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.read = status, 0

    async def __call__(self, scope, receive, send) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RuntimeError("the client has gone")
            self.read += len(message["body"])
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def post(guard: Guard, path: str, size: int, *, address: str = "1.2.3.4", stated: int | None = None) -> tuple[int, bytes]:
    """Send a body in parts of 10,000 bytes, and give status and body of the answer."""
    parts = [b"x" * min(10_000, size - at) for at in range(0, size, 10_000)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": i < len(parts) - 1} for i, part in enumerate(parts)]
    sent: list[dict[str, Any]] = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    headers = [] if stated is None else [(b"content-length", str(stated).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "client": (address, 5), "headers": headers}
    asyncio.run(guard(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"]


def test_one_address_uploads_a_sum_and_others_go_on():
    guard = Guard(app := App(), LARGEST)
    statuses = [post(guard, "/gradio_api/upload", LARGEST)[0] for _ in range(PER_ADDRESS + 2)]
    assert statuses[0] == 200 and statuses[-1] == 429
    assert app.read <= PER_ADDRESS * LARGEST
    assert b"wait" in post(guard, "/gradio_api/upload", 5)[1]
    assert post(guard, "/gradio_api/upload", LARGEST, address="::1")[0] == 200
    assert post(guard, "/gradio_api/queue/join", 1_000)[0] == 200


def test_all_addresses_together_upload_a_sum():
    guard = Guard(app := App(), LARGEST)
    statuses = [post(guard, "/upload", LARGEST, address=str(number))[0] for number in range(IN_ALL + 2)]
    assert statuses[0] == 200 and statuses[-1] == 503 and app.read <= IN_ALL * LARGEST


def test_many_empty_uploads_count_too():
    guard = Guard(App(), LARGEST)
    assert 429 in [post(guard, "/upload", 1)[0] for _ in range(PER_ADDRESS * LARGEST // module.LEAST_BYTES + 1)]


@pytest.mark.parametrize("stated", [None, 10**7, 5])
def test_a_request_larger_than_any_file_is_not_read(stated):
    guard = Guard(app := App(), LARGEST)
    assert post(guard, "/gradio_api/queue/join", 10**6, stated=stated) == (413, post(guard, "/x", 10**6)[1])
    assert app.read <= 6 * LARGEST


def test_old_uploads_no_longer_count(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    recent = Recent(60.0)
    recent.add("a", 5)
    now[0] = 30.0
    recent.add("b", 7)
    assert (recent.of("a"), recent.of("b"), recent.total) == (5, 7, 12)
    now[0] = 61.0
    assert (recent.of("a"), recent.of("b"), recent.total) == (0, 7, 7)


def test_wrong_passwords_make_an_address_wait():
    guard = Guard(app := App(400), LARGEST)
    assert [post(guard, "/login", 9)[0] for _ in range(WRONG_PASSWORDS + 1)] == [400] * WRONG_PASSWORDS + [429]
    app.status = 200
    assert post(guard, "/login/", 9)[0] == 429 and post(guard, "/login", 9, address="5.6.7.8")[0] == 200
