"""Servers and a world for the tests of faults."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.helpers.job_server import JobServer
from tests.helpers.worlds import World

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]  # processes with torch fork on Linux alone


@pytest.fixture(scope="session")
def server() -> Iterator[JobServer]:
    """A server of jobs."""
    with JobServer() as started:
        yield started


@pytest.fixture(scope="session")
def second_server() -> Iterator[JobServer]:
    """Another server, so that two jobs run at the same time."""
    with JobServer() as started:
        yield started


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, server: JobServer) -> World:
    """A folder in which every command has run. Copy from it; do not write into it."""
    return World(tmp_path_factory.mktemp("world"), server)
