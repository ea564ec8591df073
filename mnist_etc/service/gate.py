"""What every request passes before the application: host, origin, key, rate; and what every response carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from mnist_etc.service.config import LOOPBACK, ServiceConfig
from mnist_etc.service.keys import HEADER, Keys
from mnist_etc.service.problems import MEDIA_TYPE, Problem
from mnist_etc.service.rates import Rates

__all__ = ["OPEN", "SECURITY_HEADERS", "Gate", "send_problem"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/healthz", "/readyz"})
"""Paths that a probe asks for, without a key and at any rate and host."""
PUBLIC = "/static/"
"""What begins so, and the page ``/`` that it belongs to, needs no key: the page asks for one."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSP = (
    b"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    b"connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"content-security-policy", CSP),
)
"""Of every response; a page that needs more sets its own ``content-security-policy``."""
_NAMES = frozenset(name for name, _ in SECURITY_HEADERS)


class Gate:
    """The outermost layer of the application.

    It sets ``scope["state"]["sender"]``: the name of the key, or the address.

    Args:
        app: What is behind it.
        config: The limits and names.
        keys: Of the file; where there are any, or the address is not loopback, each request needs one.
        rates: Counts requests.
    """

    def __init__(self, app: App, *, config: ServiceConfig, keys: Keys, rates: Rates) -> None:
        self._app, self._config, self._keys, self._rates = app, config, keys, rates
        self._local = config.address in LOOPBACK
        self._hosts = frozenset([*LOOPBACK, *config.hosts]) if self._local or config.hosts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                there = {name for name, _ in own} & _NAMES
                own += [pair for pair in SECURITY_HEADERS if pair[0] not in there] if there else SECURITY_HEADERS
                message["headers"] = own
            await send(message)

        try:
            if scope["path"] not in OPEN:
                await self._admit(scope)
        except Problem as problem:
            await send_problem(problem, secured)
            return
        await self._app(scope, receive, secured)

    async def _admit(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._hosts is not None and (name := _without_port(host)) not in self._hosts:
            raise Problem(
                "foreign-host", f"Expected Host as one of {', '.join(sorted(self._hosts))}; received {name[:128]!r}."
            )
        if scope["method"] not in SAFE:
            _refuse_foreign(headers, host)
        sender, rate = self._sender(scope, headers)
        scope.setdefault("state", {})["sender"] = sender
        await self._rates.spend(sender, rate)

    def _sender(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[str, str | None]:
        public = scope["method"] in SAFE and (scope["path"] == "/" or scope["path"].startswith(PUBLIC))
        if public or (self._local and not self._keys.required):
            client = scope.get("client")
            return f"address:{client[0] if client else 'unknown'}", None
        given = headers.get(HEADER) or _bearer(headers.get(b"authorization", b""))
        key = self._keys.find(given) if given else None
        if key is None:
            received = "one that is not known" if given else "none"
            raise Problem(
                "no-key",
                f"Expected an API key in X-API-Key, or as Authorization: Bearer; received {received}.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return f"key:{key.name}", key.rate


def _refuse_foreign(headers: Mapping[bytes, bytes], host: str) -> None:
    """Refuse what a browser sends for a page of another origin: such a page may send a form without being asked."""
    origin = headers.get(b"origin")
    site = headers.get(b"sec-fetch-site", b"same-origin")
    same = origin is None or origin.decode("latin-1").lower().partition("://")[2] == host
    if not same or site not in (b"same-origin", b"none"):
        shown = (origin or site).decode("latin-1")[:128]
        raise Problem("foreign-origin", f"Expected a request of this origin, or of no page; received {shown!r}.")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _bearer(value: bytes) -> bytes:
    word, _, token = value.partition(b" ")
    return token.strip() if word.lower() == b"bearer" else b""


async def send_problem(problem: Problem, send: Send) -> None:
    """Answer with a problem."""
    content = problem.content
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
