"""A network that can fail: TCP on loopback in front of a server."""

import contextlib
import socket
import threading
import time

Address = tuple[str, int] | str


class Proxy:
    """Forwards bytes both ways. address: host and port, or the path of a Unix socket."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._late_s = 0.0
        self.port = 0
        self.open()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self.shut()
        for thread in self._threads:
            thread.join(5)

    def open(self) -> None:
        """Accept connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def shut(self) -> None:
        """Refuse connections, and cut those that there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Nothing passes any more, and nobody is told: as when the server's machine hangs."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def delay_answers(self, seconds: float) -> None:
        """Each piece of what the server says is on its way for so long from now on."""
        self._late_s = seconds

    def ignore(self) -> list[socket.socket]:
        """Cut what there is, and answer no connection any more, not even by refusing it.

        As a network does that loses packets. Returns what keeps it so; after its end `open` answers again.
        """
        self.shut()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)  # the kernel drops what comes when as many wait as may
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
        return [listener, *fillers]

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = self._connect()
            self._sockets |= {near, far}
            ends = threading.Barrier(2, action=lambda near=near, far=far: self._close(near, far))
            self._start(self._pump, near, far, ends, False)
            self._start(self._pump, far, near, ends, True)

    def _connect(self) -> socket.socket:
        if not isinstance(self._address, str):
            return socket.create_connection(self._address)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self._address)
        return sock

    def _pump(
        self, source: socket.socket, sink: socket.socket, ends: threading.Barrier, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if answers:
                    time.sleep(self._late_s)
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        ends.wait()

    def _close(self, *sockets: socket.socket) -> None:
        for sock in sockets:
            self._sockets.discard(sock)
            sock.close()
