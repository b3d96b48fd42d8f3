"""Owns how a discord.py in a test's own process is turned to our tests' own Discord, and back."""

from collections.abc import Generator
from contextlib import contextmanager

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.discord.server import DiscordServer


@contextmanager
def turned_to(server: DiscordServer) -> Generator[None]:
    """Every client of this process talks to `server`: where discord.py's addresses are is the state of its classes."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    # A client asks `GET /gateway/bot` once; after a session is invalid it goes back to the default.
    Route.BASE = server.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.connections.url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
