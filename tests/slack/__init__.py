"""A Slack of our tests' own, on this machine, for the real client to talk to; `server.py` says how it is used."""

from tests.slack.delivery import Ack, Delivery
from tests.slack.people import Call, Channel, Clock, Installation, Json, Stream, Upload, User, Workspace
from tests.slack.reading import buttons, text_of
from tests.slack.server import SlackServer

__all__ = [
    "Ack",
    "Call",
    "Channel",
    "Clock",
    "Delivery",
    "Installation",
    "Json",
    "SlackServer",
    "Stream",
    "Upload",
    "User",
    "Workspace",
    "buttons",
    "text_of",
]
