"""Pages served to the browsers of this machine alone, read only."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from lrscope.errors import ConfigError, LrscopeError
from lrscope.workflows.live_pages import LivePages

LOCAL = "127.0.0.1"
STAMP = "/stamp"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


def make_server(pages: LivePages, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of these pages on a port of 127.0.0.1, a free one where it is 0; `serve_forever` runs it.

    Raises:
        ConfigError: the port cannot be had.
    """
    try:
        return ThreadingHTTPServer((LOCAL, port), _handler(pages))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--port is a free port of this machine: got {port} ({reason}); leave it out") from error


def address_of(server: ThreadingHTTPServer) -> str:
    """Return where a browser finds the pages."""
    return f"http://{LOCAL}:{server.server_port}/"


def _handler(pages: LivePages) -> type[BaseHTTPRequestHandler]:
    lock = Lock()  # one page is made at a time: what trains beside has the processor

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            # A page from elsewhere whose name was made to mean this machine asks with its own name.
            if self.headers.get("Host", "").rpartition(":")[0] not in (LOCAL, "localhost"):
                self._answer(403, "text/plain", "this server answers to 127.0.0.1 and localhost alone")
            elif path.startswith(STAMP + "/"):
                self._found(pages.stamp, path.removeprefix(STAMP), "text/plain")
            else:
                self._found(pages.page, path, "text/html")

        def _found(self, make: Callable[[str], str | None], path: str, kind: str) -> None:
            try:
                with lock:
                    text = make(path)
            except LrscopeError as error:
                self._answer(503, "text/plain", str(error))
                return
            if text is None:
                self._answer(404, "text/plain", "there is no such study here; go to /")
            else:
                self._answer(200, kind, text)

        def _answer(self, code: int, kind: str, text: str) -> None:
            body = text.encode("utf-8", "replace")
            self.send_response(code)
            for name, value in (
                ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body))),
                ("Content-Security-Policy", POLICY), ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "no-store"),
            ):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: a page asks every few seconds."""

    return Handler
