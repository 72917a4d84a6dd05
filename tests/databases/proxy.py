"""A network that can fail: TCP on loopback in front of a server."""

import contextlib
import socket
import threading

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
            self._start(self._pump, near, far, ends)
            self._start(self._pump, far, near, ends)

    def _connect(self) -> socket.socket:
        if not isinstance(self._address, str):
            return socket.create_connection(self._address)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self._address)
        return sock

    def _pump(self, source: socket.socket, sink: socket.socket, ends: threading.Barrier) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        ends.wait()

    def _close(self, *sockets: socket.socket) -> None:
        for sock in sockets:
            self._sockets.discard(sock)
            sock.close()
