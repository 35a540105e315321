"""A real redis-server on a free loopback port, which tests may kill, stop and start again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time

import pytest
from redis import Redis
from redis.exceptions import RedisError


class RedisServer:
    """One server; it keeps its port over a restart, and nothing else."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([self._program, *options], stdout=subprocess.DEVNULL)
        with self.client() as client:
            for _ in range(500):
                try:
                    client.ping()
                except RedisError:
                    time.sleep(0.01)
                else:
                    return
        raise AssertionError("redis-server does not start")

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Turn it into a black hole: connections open, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it read what it was sent meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process.poll() is None:
            self.resume()
            self.kill()

    def client(self) -> Redis:
        """A plain client."""
        return Redis(port=self.port, protocol=2, socket_timeout=5)
