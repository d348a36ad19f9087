"""Servers for the tests: the built binary as a process, on ports of its own, ended by its process id."""

import contextlib
import os
import pathlib
import subprocess
import threading
import time

import grpc
import pytest

BINARY = os.environ["CAIRN_BINARY"]


class Server:
    """`cairn serve`, and the address that it printed."""

    def __init__(self, directory: pathlib.Path, *options: str):
        self.log = open(directory / "server.log", "wb")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE, stderr=self.log, cwd=directory, text=True)
        # A server that never says where it listens is ended, and so is the wait for its line.
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        prefix = "listening on "
        if not line.startswith(prefix):
            self.stop()
            raise RuntimeError("the server did not start: " + (directory / "server.log").read_text())
        self.address = line[len(prefix):].strip()

    def stop(self) -> int:
        """Asks the server to end; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.log.close()


@contextlib.contextmanager
def serving(directory: pathlib.Path, *options: str):
    """A server for the length of a `with`."""
    server = Server(directory, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def until(condition, seconds=60):
    """Waits until it holds; fails after a time that nothing takes."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


@pytest.fixture(scope="session", params=["memory:", "sqlite:cairn.db"])
def server(request, tmp_path_factory):
    """One server a home, for every test: tests keep to keys of their own."""
    with serving(tmp_path_factory.mktemp("server"), "--store", request.param) as server:
        server.is_durable = request.param.startswith("sqlite")
        yield server
        assert server.stop() == 0, "SIGTERM ends the server with 0"


@pytest.fixture
def channel(server):
    """A channel that takes messages as large as the server sends."""
    options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
    with grpc.insecure_channel(server.address, options) as channel:
        yield channel
