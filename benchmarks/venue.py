"""A canned venue: one process, raw sockets, the page's answer with the order id that was asked for."""

import asyncio
import multiprocessing
import re
from collections.abc import Iterator
from contextlib import contextmanager

ORDER_ID = re.compile(rb"[?&]orderId=([^& ]+)")
BODY = (
    b'{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":"%b","clientOrderId":"c1",'
    b'"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000",'
    b'"cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC",'
    b'"type":"LIMIT","side":"BUY"}'
)


class _Canned(asyncio.Protocol):
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            found = ORDER_ID.search(head)
            body = BODY % (found[1] if found else b"0")
            answer = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._transport.write, answer)
            else:
                self._transport.write(answer)


def _serve(port: "multiprocessing.Queue[int]", delay: float) -> None:
    async def main() -> None:
        protocol = type("Canned", (_Canned,), {"delay": delay})
        server = await asyncio.get_running_loop().create_server(
            protocol, "127.0.0.1", 0, backlog=2048
        )
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def canned(delay: float = 0.0) -> Iterator[str]:
    """The address of a venue in a process of its own; delay: seconds before each answer."""
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_serve, args=(port, delay), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=30)}"
    finally:
        process.terminate()
        process.join()
