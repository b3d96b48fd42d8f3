"""A Discord of our tests' own, on this machine, for the real client to talk to; `server.py` says how it is used."""

from tests.discord.faults import Fault, Faults
from tests.discord.gateway import Connection, Gateway
from tests.discord.people import People, Pressed
from tests.discord.reading import Call, Json, Message, modal_fields
from tests.discord.server import DiscordServer

__all__ = [
    "Call",
    "Connection",
    "DiscordServer",
    "Fault",
    "Faults",
    "Gateway",
    "Json",
    "Message",
    "People",
    "Pressed",
    "modal_fields",
]
