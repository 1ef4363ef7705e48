"""Fixtures around real server processes. Needs a build: RESTANTE_BUILD, or build/."""

import pytest
from restanted import BUILD, REPOSITORY, Restanted


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture(scope="session")
def build():
    return BUILD


def serve(keep):
    """A function that makes a server, not yet started; all of them are ended afterwards."""

    def make(**options):
        server = Restanted(**options)
        keep.append(server)
        return server

    return make


def finish(servers):
    faults = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as fault:
            faults.append(str(fault))
        server.remove()
    assert not faults, "\n".join(faults)


@pytest.fixture
def make_server():
    servers = []
    yield serve(servers)
    finish(servers)


@pytest.fixture
def server(make_server):
    """A server of the test's own, started, with an empty maildrop for ann."""
    made = make_server()
    made.maildir("ann")
    return made.start()


@pytest.fixture(scope="module")
def make_shared_server():
    """As make_server, for a server that the tests of one module only read from."""
    servers = []
    yield serve(servers)
    finish(servers)
