"""The bot owner's own sitecustomize, for the tests: nothing may leave this machine.

Each address that is not loopback is written to the file in LOOPBACK_ONLY_LOG, and refused.
"""

import os
import sys
from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)
ADDRESS_OF = {
    "socket.connect": lambda args: args[1][0] if isinstance(args[1], tuple) else None,
    "socket.getaddrinfo": lambda args: args[0],
    "socket.gethostbyname": lambda args: args[0],
    "socket.sendto": lambda args: args[1][0] if isinstance(args[1], tuple) else None,
}


def guard(event, args):
    address_of = ADDRESS_OF.get(event)
    if address_of is None:
        return
    address = address_of(args)
    if isinstance(address, bytes):
        address = address.decode()
    if address not in LOOPBACK:
        with Path(os.environ["LOOPBACK_ONLY_LOG"]).open("a") as log:
            log.write(f"{event} {address}\n")
        raise ConnectionRefusedError(f"{address} is not loopback")


sys.addaudithook(guard)
