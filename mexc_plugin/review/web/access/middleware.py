"""The gate in front of the application, and the headers of every answer. Plain ASGI."""

from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mexc_plugin.review.web.access.gate import Asked, Gate, Refusal

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Answers what the gate refuses itself; the rest gets through."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        # The path as the router sees it: what follows an escaped ? or # belongs to it.
        asked = Asked(request.method, scope["path"], request.headers, request.cookies)
        refusal = self._gate.refusal(asked)
        answer = self._app if refusal is None else _answer(request, refusal)
        await answer(scope, receive, sending)


def _answer(request: Request, refusal: Refusal) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "")
    if refusal.status is HTTPStatus.UNAUTHORIZED and wants_page:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='')}", HTTPStatus.SEE_OTHER)
    headers = {
        HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
        HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "GET, HEAD"},
    }.get(refusal.status)
    return JSONResponse({"error": refusal.reason}, refusal.status, headers)
