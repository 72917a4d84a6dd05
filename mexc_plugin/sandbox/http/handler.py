"""Between aiohttp and the routes: reads the call, lets faults happen, records, answers."""

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import hdrs, web

from mexc_plugin.sandbox.faults import Ending, Fault, FaultKind
from mexc_plugin.sandbox.http.routes import NO_ROUTE, ROUTES, Route, answer
from mexc_plugin.sandbox.messages import Answer, Call
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.spot.order_json import order_id_json
from mexc_plugin.sandbox.vocabulary import IdStyle

REQUESTS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request leads to: `answer` None is a dropped connection."""

    answer: Answer | None
    effect: tuple[str, ...] = ()
    cut: bool = False

    @property
    def http_status(self) -> int | None:
        return None if self.answer is None or self.cut else self.answer.status

    @property
    def code(self) -> int | None:
        return None if self.answer is None or self.cut else self.answer.code


def outcome(venue: Venue, fault: Fault | None, route: Route, call: Call) -> Outcome:
    """Carries the request out, unless the fault prevents it, and says how it ends."""
    if fault is None:
        true = answer(venue, route, call)
        return Outcome(true, true.effect)
    true = answer(venue, route, call) if fault.takes_effect else Answer(None)
    return replace(_ENDINGS[fault.spec.ending](venue, fault, true), effect=true.effect)


def _truncate(_venue: Venue, _fault: Fault, true: Answer) -> Outcome:
    whole = true.encode()
    return Outcome(replace(true, body=whole[: len(whole) // 2]))


def _other_order(venue: Venue, fault: Fault, true: Answer) -> Outcome:
    with venue.lock:
        order_id = fault.order_id or venue.ids.next()
    numeric = venue.settings.id_style is IdStyle.NUMERIC and order_id.isdigit()
    other = order_id_json(order_id, IdStyle.NUMERIC) if numeric else order_id
    items = true.body if isinstance(true.body, list) else [true.body]
    changed = [
        {**item, "orderId": other} if isinstance(item, dict) and "orderId" in item else item
        for item in items
    ]
    body = changed if isinstance(true.body, list) else changed[0]
    return Outcome(replace(true, body=body))


_ENDINGS: Mapping[Ending, Callable[[Venue, Fault, Answer], Outcome]] = {
    Ending.TRUE_ANSWER: lambda _venue, _fault, true: Outcome(true),
    Ending.OWN_ANSWER: lambda _venue, fault, _true: Outcome(fault.answer()),
    Ending.DROP: lambda _venue, _fault, _true: Outcome(None),
    Ending.MID_ANSWER: lambda _venue, _fault, true: Outcome(true, cut=True),
    Ending.TRUNCATED: _truncate,
    Ending.OTHER_ORDER: _other_order,
}


class Front:
    """The aiohttp handlers of one running server; lives in that server's event loop."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._connections: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._stopping = asyncio.Event()
        self.requests: deque[tuple[str, str]] = deque(maxlen=REQUESTS_KEPT)

    def add_to(self, app: web.Application) -> None:
        """Adds every route of the venue, and a JSON 404 for anything else."""
        for (method, path), route in ROUTES.items():
            app.router.add_route(method, path, self._handler(route))
        app.router.add_route("*", "/{tail:.*}", self._handler(NO_ROUTE))

    def stop(self) -> None:
        """Ends every wait; requests that have taken no effect yet never will."""
        self._stopping.set()

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(route, request)

        return handle

    async def _handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        received_ns = time.time_ns()
        reused = self._is_reused(request)
        call = await read_call(request)
        self.requests.append((call.method, call.path))
        fault = self._venue.limiter.refuse(
            call.api_key, counts=route.limited
        ) or self._venue.faults.take(call.method, call.path, cancels=route.cancels, reused=reused)
        arrival = None
        if route.cancels:
            arrival = self._venue.arrivals.begin(call, received_ns, fault.kind if fault else None)
        result = Outcome(None)
        try:
            if fault is None or await self._wait(fault, FaultKind.DELAY_BEFORE):
                result = outcome(self._venue, fault, route, call)
        finally:
            if arrival is not None:
                self._venue.arrivals.finish(arrival, result.effect, result.http_status, result.code)
        if fault is not None and fault.kind is not FaultKind.DELAY_BEFORE:
            await self._wait(fault, fault.kind)
        return await send(request, result)

    def _is_reused(self, request: web.Request) -> bool:
        transport = request.transport
        if transport is None:
            return False
        reused = transport in self._connections
        self._connections.add(transport)
        return reused

    async def _wait(self, fault: Fault, kind: FaultKind) -> bool:
        """Waits as long as a fault of this kind says; False when the server stops meanwhile."""
        if fault.kind is not kind or fault.seconds <= 0:
            return True
        try:
            await asyncio.wait_for(self._stopping.wait(), fault.seconds)
        except TimeoutError:
            return True
        return False


async def read_call(request: web.Request) -> Call:
    """The request as a value; the path and the query stay as they were on the wire."""
    _, _, query = request.raw_path.partition("?")
    return Call(
        request.method,
        request.path,
        query,
        request.headers,
        await request.read(),
        dict(request.match_info),
    )


async def send(request: web.Request, result: Outcome) -> web.StreamResponse:
    """Sends an answer, half an answer, or nothing: then the connection is closed."""
    if result.answer is None:
        _hang_up(request)
        return web.Response()
    response = _response(result.answer)
    if not result.cut:
        return response
    whole = result.answer.encode()
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(whole)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    _hang_up(request)
    return half


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _response(answer: Answer) -> web.Response:
    response = web.Response(
        body=answer.encode(), status=answer.status, headers=dict(answer.headers)
    )
    if hdrs.CONTENT_TYPE not in response.headers:
        response.content_type = answer.content_type
    return response
