import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import mexc_plugin.sandbox
from mexc_plugin.sandbox import (
    DEFAULT_KEY,
    DEFAULT_SECRET,
    Fault,
    FaultKind,
    Sandbox,
    configuration_lines,
)
from mexc_plugin.sandbox.configuration import ORDER

PROGRAM = """
import sys
from mexc_plugin.sandbox import run
run(port=0, log_path=sys.argv[1], id_style="hex", on_started=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def sandbox_threads():
    return [thread for thread in threading.enumerate() if thread.name == "mexc-sandbox"]


def test_the_public_names_are_these():
    assert {
        "AnswerStyle",
        "Arrival",
        "DEFAULT_KEY",
        "DEFAULT_SECRET",
        "Fault",
        "FaultKind",
        "IdStyle",
        "KeyInfo",
        "RateLimit",
        "Sandbox",
        "configuration_lines",
        "run",
    } == set(mexc_plugin.sandbox.__all__)


def test_importing_it_imports_neither_ccxt_nor_the_rest_of_the_package():
    code = (
        "import sys, mexc_plugin; before = set(sys.modules)\n"
        "import mexc_plugin.sandbox\n"
        "print([n for n in set(sys.modules) - before"
        " if n.split('.')[0] in ('ccxt', 'click', 'sqlalchemy')"
        " or n.startswith('mexc_plugin.') and not n.startswith('mexc_plugin.sandbox')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_it_starts_and_stops_many_times_and_leaves_nothing_behind(connect):
    sandbox = Sandbox()
    for _ in range(5):
        with sandbox.serve():
            client = connect(sandbox.url)
            client.keep_alive()
            client.cancel("1")
            address = client.address
            assert len(sandbox_threads()) == 1
        client.close()
        host, port = address.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))

    assert sandbox_threads() == []
    assert len(sandbox.arrivals) == 5
    gc.collect()  # a forgotten socket or loop would warn here, and warnings are errors


def test_two_sandboxes_have_ports_and_states_of_their_own(connect):
    with Sandbox().serve() as one, Sandbox().serve() as two:
        connect(one.url).cancel("1")

        assert one.url != two.url
        assert (len(one.arrivals), len(two.arrivals)) == (1, 0)


def test_there_is_no_url_before_and_after():
    sandbox = Sandbox()
    with sandbox.serve():
        assert sandbox.url.startswith("http://127.0.0.1:")

    with pytest.raises(RuntimeError):
        _ = sandbox.url


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])
def test_only_loopback_is_served(host):
    with pytest.raises(ValueError, match="loopback"), Sandbox().serve(host=host):
        pass

    assert sandbox_threads() == []


def test_a_port_that_is_taken_is_an_error_at_once(sandbox):
    port = int(sandbox.url.rsplit(":", 1)[1])

    with pytest.raises(OSError), Sandbox().serve(port=port):
        pass


def test_an_error_in_the_block_stops_it_too():
    with pytest.raises(ZeroDivisionError), Sandbox().serve():
        raise ZeroDivisionError

    assert sandbox_threads() == []


def test_many_threads_may_use_it_at_once(sandbox, connect):
    ids = [sandbox.place("LTCBTC", "BUY", 1, 2) for _ in range(40)]

    def cancel(mine):
        client = connect(sandbox.url)
        for order_id in mine:
            client.cancel(order_id)
            sandbox.place("LTCBTC", "BUY", 1, 2)
            assert sandbox.balance("BTC").locked > 0

    threads = [threading.Thread(target=cancel, args=(ids[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(range(1, 41)) == [arrival.n for arrival in sandbox.arrivals]
    assert set(ids) == {each for arrival in sandbox.arrivals for each in arrival.effect}
    assert (sandbox.balance("BTC").free, sandbox.balance("BTC").locked) == (920, 80)


def test_an_unknown_path_is_answered_in_json(client):
    reply = client.raw("GET", "/api/v3/nothing")

    assert (reply.status, reply.code) == (404, 404)


# The control endpoints


def post(client, path, data):
    return client.raw("POST", path, json.dumps(data).encode())


def test_it_says_what_it_is(client):
    assert "sandbox" in client.raw("GET", "/sandbox/").json["what"]


def test_faults_are_injected_and_cleared_over_http(client):
    assert post(client, "/sandbox/faults", {"kind": "server_error"}).json == {"injected": 1}
    assert client.cancel("1").status == 500

    client.raw("DELETE", "/sandbox/faults")

    assert client.cancel("1").status == 400


def test_several_faults_are_injected_at_once(client):
    faults = [{"kind": "html", "times": 1}, {"kind": "banned", "times": 1, "code": 1}]

    assert post(client, "/sandbox/faults", faults).json == {"injected": 2}
    assert [client.cancel("1").status for _ in range(2)] == [200, 418]


@pytest.mark.parametrize("data", [None, {"kind": "nothing"}, [{"kind": "html"}, {}]])
def test_what_is_no_fault_is_refused_and_nothing_is_injected(client, data):
    reply = post(client, "/sandbox/faults", data)

    assert (reply.status, list(reply.json)) == (400, ["error"])
    assert client.cancel("1").status == 400


def test_control_endpoints_meet_no_faults(sandbox, client):
    sandbox.inject(Fault(FaultKind.SERVER_ERROR, path="*"))

    assert client.raw("GET", "/sandbox/").status == 200


def test_arrivals_are_shown_over_http(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)
    client.cancel(order_id)

    (arrival,) = client.raw("GET", "/sandbox/arrivals").json

    assert ([order_id], 200) == (arrival["effect"], arrival["http_status"])


def test_a_quantity_may_be_a_json_number(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    reply = post(client, "/sandbox/fill", {"orderId": order_id, "quantity": 0.25})

    assert reply.json["executedQty"] == "0.25"


def test_orders_are_filled_over_http(sandbox, client):
    order_id = sandbox.place("LTCBTC", "BUY", 1, 2)

    reply = post(client, "/sandbox/fill", {"orderId": order_id, "quantity": "0.25"})

    assert {"orderId": order_id, "status": "PARTIALLY_FILLED", "executedQty": "0.25"} == reply.json
    assert post(client, "/sandbox/fill", {"orderId": order_id}).json["status"] == "FILLED"


@pytest.mark.parametrize(
    "data", [None, {}, {"orderId": "1"}, {"orderId": "1", "quantity": "x"}, {"quantity": "1"}]
)
def test_what_cannot_be_filled_is_refused(client, data):
    assert post(client, "/sandbox/fill", data).status == 400


# In the shell


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_in_the_foreground_until_a_signal(tmp_path, connect, number):
    log = tmp_path / "arrivals.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert connect(url).cancel("1").code == -2011
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()

    assert (out, err, process.returncode) == ("stopped\n", "", 0)
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_what_arrived_survives_a_kill(tmp_path, connect):
    log = tmp_path / "arrivals.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(log)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        client = connect(process.stdout.readline().strip())
        client.cancel("1")
        process.kill()

    assert [json.loads(line)["params"]["orderId"] for line in log.read_text().splitlines()] == ["1"]


def test_the_configuration_lines_are_python_and_json():
    text = configuration_lines("http://127.0.0.1:8080", DEFAULT_KEY, DEFAULT_SECRET)

    python, freqtrade = text.split("# freqtrade: in config.json\n")
    compile(python.partition("# The shell")[0], "configuration", "exec")
    exchange = json.loads(freqtrade)["exchange"]
    assert (
        exchange["name"],
        exchange["key"],
        exchange["secret"],
        exchange["enable_ws"],
    ) == ("mexc", DEFAULT_KEY, DEFAULT_SECRET, False)
    assert "mexc.com" not in text


def test_an_order_is_placed_without_a_signature_and_belongs_to_the_first_key(connect):
    with Sandbox().serve() as sandbox:
        client = connect(sandbox.url)
        order = ORDER | {"quantity": 2}
        reply = post(client, "/sandbox/place", order)
        assert (reply.status, reply.json["status"]) == (200, "NEW")
        placed = sandbox.order(reply.json["orderId"])
        assert (placed.client_order_id, placed.symbol) == ("mine", "LTCBTC")
        for wrong in ({}, order | {"symbol": "NOSUCH"}, order | {"side": "UP"}):
            assert post(client, "/sandbox/place", wrong).status == 400


def test_stopping_does_not_wait_for_a_slow_request(connect):
    began = time.monotonic()
    with Sandbox().serve() as sandbox:
        sandbox.inject(Fault(FaultKind.DELAY_AFTER, seconds=60))
        client = connect(sandbox.url)
        thread = threading.Thread(target=client.cancel, args=("1",))
        thread.start()
        while not (sandbox.arrivals and sandbox.arrivals[0].done):
            time.sleep(0.005)
    thread.join()

    assert time.monotonic() - began < 5
