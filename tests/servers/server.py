"""A server that answers what it was told, byte by byte, and logs what it was asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from makers.archives import COMMIT


@dataclass
class Answer:
    """What a path answers; `cut` ends the connection after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    has_length: bool = True  # else chunked, as codeload answers
    cut: int | None = None


@dataclass
class Server:
    """A loopback server; `routes` maps a path to its answers, the last of which stays."""

    url: str
    routes: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(self, path: str, *answers: Answer) -> None:
        """Answer `path` with these, one after the other."""
        self.routes[path] = list(answers)

    def serve_repository(self, body: bytes, repository: str = "test/set") -> None:
        """Serve codeload's answer: chunked, no length, no ranges, a weak ETag."""
        headers = {"Content-Type": "application/zip", "ETag": 'W/"made-up"'}
        path = f"/codeload.github.com/{repository}/zip/{COMMIT}"
        self.serve(path, Answer(body, headers=headers, has_length=False))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for word that its head has come
    imitation: Server

    def do_GET(self) -> None:
        self.imitation.requests.append((self.path, dict(self.headers)))
        answers = self.imitation.routes.get(self.path, [Answer(b"no", 404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.has_length:
            self.send_header("Content-Length", str(len(answer.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        try:
            if answer.has_length:
                self.wfile.write(body)
            else:
                for start in range(0, len(body), 65536):
                    piece = body[start : start + 65536]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if answer.cut is None:
                    self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        if answer.cut is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass
