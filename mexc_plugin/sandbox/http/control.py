"""The sandbox's own endpoints under /sandbox/, for users of a sandbox in another process."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from aiohttp import web

from mexc_plugin.sandbox.faults import ELSEWHERE, FaultKind, fault_from_json
from mexc_plugin.sandbox.handlers.spot_trading import new_order
from mexc_plugin.sandbox.http.handler import read_call
from mexc_plugin.sandbox.keys import key_info_from_json
from mexc_plugin.sandbox.limits import rate_limit_from_json
from mexc_plugin.sandbox.messages import Answer, Call, decimal_of
from mexc_plugin.sandbox.simulated_venue import Venue
from mexc_plugin.sandbox.venue_errors import RefusedError
from mexc_plugin.sandbox.vocabulary import plain

PREFIX = "/sandbox/"


class Control:
    """Injects faults, shows arrivals, places and fills orders over HTTP. Nothing here is signed."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, app: web.Application) -> None:
        handlers: Mapping[tuple[str, str], Callable[[Call], Answer]] = {
            ("GET", PREFIX): self.about,
            ("POST", PREFIX + "faults"): self.inject,
            ("DELETE", PREFIX + "faults"): self.clear,
            ("GET", PREFIX + "arrivals"): self.arrivals,
            ("POST", PREFIX + "place"): self.place,
            ("POST", PREFIX + "fill"): self.fill,
            ("POST", PREFIX + "stp"): self.cancel_by_stp,
            ("POST", PREFIX + "rate-limit"): self.limit,
            ("DELETE", PREFIX + "rate-limit"): self.unlimit,
            ("POST", PREFIX + "key"): self.describe_key,
            ("*", ELSEWHERE): lambda _: Answer({}),
        }
        for (method, path), handler in handlers.items():
            app.router.add_route(method, path, _adapt(handler))

    def about(self, _call: Call) -> Answer:
        settings, limit = self._venue.settings, self._venue.limiter.limit
        return Answer(
            {
                "what": "A MEXC sandbox on loopback. Nothing here is worth anything.",
                "answerStyle": settings.answer_style,
                "idStyle": settings.id_style,
                "rateLimit": None if limit is None else asdict(limit),
                "arrivals": len(self._venue.arrivals()),
                "faultKinds": list(FaultKind),
            }
        )

    def inject(self, call: Call) -> Answer:
        """One fault, or a list of them, as JSON objects with the names of Fault's fields."""
        data = call.json if isinstance(call.json, list) else [call.json]
        faults = [fault_from_json(each) for each in data]
        self._venue.faults.inject(*faults)
        return Answer({"injected": len(faults)})

    def clear(self, _call: Call) -> Answer:
        self._venue.faults.clear()
        return Answer({})

    def arrivals(self, _call: Call) -> Answer:
        return Answer([asdict(arrival) for arrival in self._venue.arrivals()])

    def place(self, call: Call) -> Answer:
        """The venue's parameters of a new order, unsigned: it belongs to the sandbox's first key."""
        with self._venue.lock:
            order = self._venue.spot.place(
                next(iter(self._venue.settings.credentials)), new_order(call)
            )
        return Answer({"orderId": order.order_id, "status": order.status})

    def fill(self, call: Call) -> Answer:
        """``{"orderId": …, "quantity": …}``; without a quantity, all that remains."""
        quantity = call.text("quantity")
        amount = None if quantity is None else decimal_of(quantity, "quantity")
        with self._venue.lock:
            order = self._venue.spot.fill(_order_id(call), amount)
        return Answer(
            {
                "orderId": order.order_id,
                "status": order.status,
                "executedQty": plain(order.executed),
            }
        )

    def cancel_by_stp(self, call: Call) -> Answer:
        """``{"orderId": …}``: self-trade prevention cancels it."""
        with self._venue.lock:
            order = self._venue.spot.cancel_by_stp(_order_id(call))
        return Answer({"orderId": order.order_id, "status": order.status})

    def limit(self, call: Call) -> Answer:
        """RateLimit's fields as a JSON object; those that are not named are the venue's own."""
        self._venue.limiter.set_limit(rate_limit_from_json(call.json))
        return Answer({})

    def unlimit(self, _call: Call) -> Answer:
        self._venue.limiter.set_limit(None)
        return Answer({})

    def describe_key(self, call: Call) -> Answer:
        """KeyInfo's fields as a JSON object: what the sandbox's first key may do from now on."""
        info = key_info_from_json(call.json)
        with self._venue.lock:
            self._venue.keys[next(iter(self._venue.settings.credentials))] = info
        return Answer({})


def _order_id(call: Call) -> str:
    order_id = call.text("orderId")
    if order_id is None:
        raise ValueError("orderId is missing")
    return order_id


def _adapt(handler: Callable[[Call], Answer]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        call = await read_call(request)
        try:
            answer = handler(call)
        except KeyError as error:
            answer = Answer({"error": f"there is no order {error}"}, status=400)
        except (ValueError, RefusedError) as error:
            answer = Answer({"error": str(error)}, status=400)
        # A line of its own: these are read in a shell.
        return web.Response(
            body=answer.encode() + b"\n", status=answer.status, content_type=answer.content_type
        )

    return handle
