"""The token, once for each browser: a form, and a cookie that scripts cannot read."""

import asyncio
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mexc_plugin.review.web import page_context
from mexc_plugin.review.web.access.gate import COOKIE, SESSION_S

MOST_BYTES = 8_192
# A wrong token is answered late. What keeps guessing hopeless is its length.
PENALTY_S = 0.5


async def form(request: Request) -> Response:
    """The form; where no token is needed, the first page."""
    if page_context.of(request).gate.token is None:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return _form(request, local(request.query_params.get("next", "/")))


async def enter(request: Request) -> Response:
    """Give a session for the token, and lead to where the browser was going."""
    given = await _fields(request)
    target = local(given.get("next", "/"))
    gate = page_context.of(request).gate
    if not gate.opens(given.get("token", "")):
        await asyncio.sleep(PENALTY_S)
        wrong = "That is not the token that the server was started with."
        return _form(request, target, HTTPStatus.UNAUTHORIZED, wrong)
    answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        gate.session(),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def leave(_request: Request) -> Response:
    """Forget the session in this browser."""
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def local(target: str) -> str:
    """The target if it is a page of ours, else the first page: nobody is led elsewhere by a link."""
    own = target.startswith("/") and not target.startswith(("//", "/\\", "/login", "/logout"))
    return target if own and target.isprintable() else "/"


def _form(
    request: Request, target: str, status: HTTPStatus = HTTPStatus.OK, wrong: str | None = None
) -> Response:
    return page_context.page(request, "login.html", status, target=target, wrong=wrong)


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return {}
    parsed = parse_qs(body.decode("ascii", "replace"))
    return {name: values[0] for name, values in parsed.items()}
