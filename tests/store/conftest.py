"""Every test here runs on every database, unless it says which."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

from tests.command_line import invoke
from tests.conftest import BACKENDS
from tests.store.audits import Audit, ServerAudit
from tests.store.proxy import Proxy
from tests.store.servers import Server, Servers

SERVERS = BACKENDS[1:]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(backend: str, servers: Servers) -> Server:
    return servers.of(backend)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A network between the test and its server, that can fail."""
    with Proxy(server.address) as running:
        yield running


@pytest.fixture
def behind_proxy(audit: Audit, server: Server, proxy: Proxy) -> ServerAudit:
    """The test's database as a bot reaches it. Its `query` goes there directly."""
    assert isinstance(audit, ServerAudit)
    far = server.audit(audit.name)
    far.url = server.url_of(audit.name, proxy.port)
    return far


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the program in this process; a bug fails the test."""

    def run(*arguments: Any) -> Result:
        result = invoke([str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
