"""One cancel in a process of its own, for strace to break: says as JSON what the bot saw.

python -m tests.torture.one_cancel CONFIG_AS_JSON ORDER_ID
"""

import json
import logging
import sys
import uuid

WRITER = "00000000-0000-4000-8000-000000000001"


def main() -> None:
    config, order_id = json.loads(sys.argv[1]), sys.argv[2]
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(message)s")
    uuid.uuid4 = lambda: uuid.UUID(WRITER)  # so that the name of its spool is known beforehand
    import ccxt

    from mexc_plugin import mexc
    from mexc_plugin.store import recorders

    error = None
    try:
        exchange = mexc(config)
        exchange.cancel_order(order_id, "LTC/BTC")
    except ccxt.BaseError as raised:
        error = f"ccxt.{type(raised).__name__}"
    except BaseException as raised:
        error = f"{type(raised).__module__}.{type(raised).__name__}: {raised}"
    url = config["options"]["audit"]["url"]
    writer = recorders.recorder_for(url)
    recorders.close_all()
    print(json.dumps({"error": error, "sealed": writer._seq}))


if __name__ == "__main__":
    main()
