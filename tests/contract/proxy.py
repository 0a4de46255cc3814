"""A loopback HTTP proxy in front of an AWS endpoint: counts and names every call, and injects faults.

orgbase keeps the real AWS host in the `Host` header, so the proxy passes requests on untouched.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

import operations

MANAGEMENT = "management"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Call:
    """One request, as the proxy understood it."""

    service: str
    operation: str
    account: str
    region: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def is_write(self) -> bool:
        return operations.is_write(self.operation)


@dataclass(frozen=True)
class Answer:
    """What the proxy answers in the server's place."""

    status: int
    body: bytes
    content_type: str = "text/xml"


Fault = Callable[[Call], Answer | None]


class Proxy:
    """Runs until `close`. `calls` grows as requests are answered."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.after_write: Callable[[int], None] | None = None
        self._accounts: dict[str, str] = {}
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]

    def kinds(self) -> Counter[str]:
        return Counter(call.kind for call in self.calls)

    def clear(self) -> None:
        """Forgets calls and faults, not the sessions."""
        self.calls, self.faults, self.after_write = [], [], None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def account_of(self, access_key: str) -> str:
        return self._accounts.get(access_key, MANAGEMENT)

    def record(self, call: Call, answer: bytes) -> None:
        with self._lock:
            if call.operation == "AssumeRole" and call.status == 200:
                key = re.search(rb"<AccessKeyId>([^<]+)</AccessKeyId>", answer)
                if key:
                    self._accounts[key.group(1).decode()] = role_account(call)
            self.calls.append(call)
            writes = len(self.writes)
        if call.is_write and self.after_write:
            self.after_write(writes)


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = self.understand(body)
        answer = next((a for a in (fault(call) for fault in self.proxy.faults) if a), None)
        if answer:
            status, headers, reply = answer.status, [("content-type", answer.content_type)], answer.body
        else:
            status, headers, reply = self.forward(body)
        # Recorded before the client hears of it: a client that is killed here never learns that the write happened.
        self.proxy.record(Call(**{**call.__dict__, "status": status}), reply)
        try:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if self.command != "HEAD" or "content-length" not in {name.lower() for name, _ in headers}:
                self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = handle_any

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.proxy.upstream.removeprefix("http://"), timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            reply = answer.read()
            # The length of a HEAD answer is information; of any other it is written anew.
            drop = HOP_BY_HOP - {"content-length"} if self.command == "HEAD" else HOP_BY_HOP
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in drop]
            return answer.status, headers, reply
        finally:
            connection.close()

    def understand(self, body: bytes) -> Call:
        headers = {name.lower(): value for name, value in self.headers.items()}
        scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", headers.get("authorization", ""))
        key, region, signing_name = scope.groups() if scope else ("", "", "")
        service, operation = operations.name_of(signing_name, self.command, self.path, headers, body)
        return Call(service, operation, self.proxy.account_of(key), region, 0, headers, body)

    def log_message(self, *_: object) -> None:
        """The test says what it wants to know."""


def role_account(call: Call) -> str:
    """The account whose role an AssumeRole asks for."""
    arn = parse_qs(call.body.decode()).get("RoleArn", [""])[0]
    return unquote(arn).split(":")[4] if arn.count(":") >= 5 else ""


def deny_assume_role(account: str) -> Fault:
    """403 for every AssumeRole into `account`, as STS answers for a role that is not there or does not trust."""

    def fault(call: Call) -> Answer | None:
        if call.operation != "AssumeRole" or role_account(call) != account:
            return None
        message = f"User is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::{account}:role/X"
        return Answer(403, sts_error("AccessDenied", message))

    return fault


def refuse(operation: str, status: int, code: str, message: str) -> Fault:
    """An STS-style error for one operation."""
    return lambda call: Answer(status, sts_error(code, message)) if call.operation == operation else None


def sts_error(code: str, message: str) -> bytes:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    ).encode()


def throttle(every: int) -> Fault:
    """Every so many calls one is refused for its rate, in the words of its protocol."""
    counter = itertools.count(1)

    def fault(call: Call) -> Answer | None:
        if next(counter) % every:
            return None
        if call.service == "s3":
            return Answer(503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
        if call.service == "ec2":
            return Answer(503, b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Slow down.</Message>"
                               b"</Error></Errors><RequestID>0</RequestID></Response>")
        if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return Answer(400, sts_error("Throttling", "Rate exceeded"))
        body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
        return Answer(400, body, "application/x-amz-json-1.1")

    return fault
