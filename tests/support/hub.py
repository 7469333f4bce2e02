"""An imitation of the Hugging Face Hub on this machine, for the real client of the Hub."""

import hashlib
import importlib
import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from w2vkit.model.hub import BOT, BOT_TITLE

PULL = "refs/pr/7"


@contextmanager
def client_of(url: str, cache: Path, **variables: str) -> Iterator[None]:
    """Let the Hub's client of this process ask another address, with its own cache and other variables of the environment.

    The client reads its settings when it is imported.
    """
    settings = {"HF_ENDPOINT": url, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", **variables}
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            importlib.reload(constants)
            yield
    finally:
        importlib.reload(constants)


class StandIn(ThreadingHTTPServer):
    """The endpoints that the client calls, for folders: {repository: {revision: folder}}."""

    def __init__(self, repositories: dict[str, dict[str, Path]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = repositories
        self.asked: list[str] = []
        self.bytes_per_second = math.inf
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request of the client."""

    server: StandIn  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.replace("%2F", "/")
        self.server.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        if found := re.match(r"/api/models/([^/]+/[^/]+)/discussions", path):
            return self._json(self._discussions(found[1]))
        if found := re.match(r"/api/models/([^/]+/[^/]+)/tree/([^?/]+)", path):
            folder = self._folder(found[1], found[2])
            return self._json(self._tree(folder)) if folder else self._missing(found[1])
        if found := re.match(r"/api/models/([^/]+/[^/]+?)(?:/revision/([^?]+))?(?:\?.*)?$", path):
            folder = self._folder(found[1], found[2] or "main")
            return self._json(self._info(found[1], folder)) if folder else self._missing(found[1])
        if found := re.match(r"/([^/]+/[^/]+)/resolve/(refs/pr/\d+|[^/]+)/(.+)$", path):
            folder = self._folder(found[1], found[2])
            if folder and (folder / found[3]).is_file():
                return self._file(folder / found[3], commit_of(folder))
        return self._missing("")

    def _folder(self, name: str, revision: str) -> Path | None:
        revisions = self.server.repositories.get(name, {})
        return revisions.get(revision) or next((f for f in revisions.values() if commit_of(f) == revision), None)

    def _tree(self, folder: Path) -> list[dict]:
        return [
            {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": commit_of(file)}
            for file in sorted(folder.iterdir())
        ]

    def _info(self, name: str, folder: Path) -> dict:
        files = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(folder.iterdir())]
        return {"id": name, "modelId": name, "sha": commit_of(folder), "private": False, "siblings": files, "tags": []}

    def _discussions(self, name: str) -> dict:
        offered = PULL in self.server.repositories.get(name, {})
        one = {"num": 7, "title": BOT_TITLE, "author": {"name": BOT}, "isPullRequest": True, "status": "open"}
        one |= {"createdAt": "2023-01-01T00:00:00.000Z", "repo": {"name": name, "type": "model"}}
        return {"discussions": [one] if offered else [], "count": int(offered), "start": 0}

    def _json(self, content: dict | list) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _file(self, file: Path, commit: str) -> None:
        data = file.read_bytes()
        tag = hashlib.sha256(data).hexdigest()
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if wanted := re.match(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(wanted[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self._send(206, data[start:], headers)
        return self._send(200, data, headers)

    def _missing(self, name: str) -> None:
        code = "EntryNotFound" if name in self.server.repositories else "RepoNotFound"
        self._send(404, b"{}", {"X-Error-Code": code})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            step = len(data) if math.isinf(self.server.bytes_per_second) else max(1, int(self.server.bytes_per_second / 20))
            for start in range(0, len(data), max(1, step)):
                try:
                    self.wfile.write(data[start : start + step])
                except ConnectionError:  # the client was stopped
                    return
                if step < len(data):
                    time.sleep(0.05)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def commit_of(folder: Path) -> str:
    return hashlib.sha1(str(folder).encode()).hexdigest()
