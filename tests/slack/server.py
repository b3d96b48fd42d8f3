"""The server itself: Slack's Web API over HTTP, its files and response URLs, and what a test asks of and does to it all.

async with SlackServer() as slack:
    ana = slack.adds_user("ana")
    ...start the app with slack.environment()...
    delivery = await slack.types(ana, None, "start")
    await delivery.acked
    await slack.until(lambda: slack.messages(slack.dm(ana), delivery.thread)[1:])
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.slack.delivery import Delivery, PostOffice
from tests.slack.driver import People
from tests.slack.people import (
    EVENTS,
    SCOPES,
    Call,
    Channel,
    Clock,
    Failure,
    Installation,
    Json,
    ResponseUrl,
    StoredFile,
    Stream,
    User,
    Workspace,
)
from tests.slack.web_api import WebApi
from tests.slack.world import PATIENCE, World

Seen = TypeVar("Seen")
MEGABYTES = 1024 * 1024


class SlackServer:
    """One Slack. `request_url`: deliver over HTTP to there (else over Socket Mode); `clock`: a standing one makes a test exact;
    `echoes`: tell the app of its own messages, as Slack does; `port` 0 takes a free one; `routes`: served as well."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        request_url: str = "",
        echoes: bool = True,
        events: Iterable[str] = EVENTS,
        port: int = 0,
        routes: Iterable[web.RouteDef] = (),
    ) -> None:
        self.clock = clock or Clock()
        self._world = world = World(self.clock, echoes, frozenset(events))
        self._office = office = PostOffice(world)
        office.request_url = request_url
        self._people = people = People(world, office)
        world.echo = self._echo
        self._port = port
        self._routes = tuple(routes)
        self._runner: web.AppRunner | None = None
        self.types, self.uploads, self.edits, self.deletes = people.types, people.uploads, people.edits, people.deletes
        self.slash, self.presses, self.submits = people.slash, people.presses, people.submits
        self.presses_in_home, self.presses_in_modal = people.presses_in_home, people.presses_in_modal
        self.closes_modal, self.suggests, self.opens_home = people.closes_modal, people.suggests, people.opens_home
        self.stops, self.uninstalls = people.stops, people.uninstalls
        self.redeliver, self.disconnects = office.redeliver, office.disconnect
        self.workspace = self.adds_workspace("Acme")
        self.bot = self.installs(self.workspace.id)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=64 * MEGABYTES)
        application.add_routes([*WebApi(self._world, self._office, self._people).routes(), *self._routes])
        # What a test leaves open is cut when the server ends, not waited for.
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        self._world.base = f"http://127.0.0.1:{self._port}"
        await self._office.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._office.close()
        assert self._runner
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """The settings that point an app here."""
        return {
            "SLACK_API_URL": f"{self._world.base}/api/",
            "SLACK_BOT_TOKEN": self.bot.token,
            "SLACK_APP_TOKEN": self._world.app_token,
            "SLACK_SIGNING_SECRET": self._world.signing_secret,
            "SLACK_CLIENT_ID": self._world.client_id,
            "SLACK_CLIENT_SECRET": self._world.client_secret,
        }

    # --- setting the scene

    def adds_workspace(self, name: str) -> Workspace:
        """A workspace without the app."""
        team = Workspace(self._world.id("T"), name, name.lower().replace(" ", "-"))
        self._world.workspaces[team.id] = team
        return team

    def joins(self, enterprise: str) -> None:
        """The workspace belongs to this organisation from now on."""
        self._world.workspaces[self.workspace.id] = self.workspace = replace(self.workspace, enterprise=enterprise)

    def installs(self, team: str, scopes: Iterable[str] = SCOPES) -> Installation:
        """Install the app in a workspace; its token is in what is returned."""
        return self._world.install(team, frozenset(scopes))

    def authorizes(self, team: str, user: User, scopes: Iterable[str] = SCOPES) -> str:
        """The code an administrator brings back from Slack's consent page, for `oauth.v2.access`."""
        code = self._world.id("code")
        self._world.codes[code] = (team, user.id, frozenset(scopes))
        return code

    def adds_user(self, name: str, *, team: str = "", **more: Any) -> User:
        """A person. `more`: fields of `User`, such as tz, locale, is_bot, is_restricted, is_stranger, deleted."""
        fields: dict[str, Any] = {"real_name": name.title()} | more
        user = User(self._world.id("U"), name, team=team or self.workspace.id, **fields)
        self._world.users[user.id] = user
        return user

    def adds_channel(
        self, name: str, *members: User, private: bool = False, with_bot: bool = True, team: str = ""
    ) -> Channel:
        """A channel, with the app in it or without."""
        team = team or self.workspace.id
        channel = Channel(self._world.id("C"), name, team, private, members={user.id for user in members})
        if with_bot:
            channel.members.add(self._world.bot(team).user_id)
        self._world.channels[channel.id] = channel
        return channel

    def dm(self, user: User) -> Channel:
        """The direct message between a person and the app."""
        return self._world.dm(user)

    def closes_dm(self, user: User) -> None:
        """From now on the app can neither open this direct message nor post to it."""
        self._world.dm(user).closed = True

    def archive(self, channel: Channel) -> None:
        channel.archived = True

    def removes_bot(self, channel: Channel) -> None:
        """Take the app out of a channel."""
        channel.members.discard(self._world.bot(channel.team).user_id)

    def revoke_scope(self, scope: str, team: str = "") -> None:
        self._world.bot(team or self.workspace.id).scopes.discard(scope)

    def revoke_token(self, team: str = "", error: str = "token_revoked") -> None:
        """The token is dead, and nobody told the app."""
        self._world.bot(team or self.workspace.id).dead = error

    def fail(
        self,
        method: str,
        error: str = "",
        *,
        status: int = 0,
        times: int = 1,
        retry_after: int = 1,
        applied: bool = False,
    ) -> None:
        """The next `times` calls of a method fail: with Slack's `error`, or with an HTTP status (429 says when to come again).
        `applied`: they do their work, and only the answer is lost."""
        assert error or status, "say how it fails"
        self._world.failures.setdefault(method, []).append(Failure(error, status, times, retry_after, applied))

    def shows_at_most(self, messages: int) -> None:
        """From now on this many messages of a channel or thread are shown at once, as to some apps."""
        self._world.page = messages

    def expire_stream(self, channel: Channel | str, ts: str) -> None:
        """Let a stream run out, as a slow one does."""
        key = (channel if isinstance(channel, str) else channel.id, ts)
        self._world.streams[key].ended = "message_not_in_streaming_state"
        self._world.changed()

    def delivers_to(self, request_url: str) -> None:
        """Deliver over HTTP from now on; "" is Socket Mode."""
        self._office.request_url = request_url

    def is_down(self, down: bool) -> None:
        """While the app can't be reached, what happens is told to nobody; `redeliver` tells it later."""
        self._office.down = down

    # --- what there is to see

    @property
    def mention(self) -> str:
        """What to type to mention the app."""
        return f"<@{self.bot.user_id}>"

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything the app was told, echoes of its own messages included."""
        return self._office.deliveries

    @property
    def connections(self) -> int:
        """Socket Mode connections that are open."""
        return len(self._office.sockets)

    @property
    def files(self) -> list[StoredFile]:
        return list(self._world.files.values())

    @property
    def open_streams(self) -> list[Stream]:
        """Streams that nobody stopped: to a person they spin for ever."""
        return [stream for stream in self._world.streams.values() if not stream.ended]

    def calls(self, method: str | None = None) -> list[Call]:
        return [call for call in self._world.calls if method in {None, call.method}]

    def messages(self, channel: Channel | str, thread: str | None = None) -> list[Json]:
        """What stands in a channel, or in a thread of it (the root first), oldest first."""
        name = channel if isinstance(channel, str) else channel.id
        return self._world.thread(name, thread) if thread else list(self._world.messages.get(name, []))

    def said(self, channel: Channel | str, thread: str | None = None) -> list[Json]:
        """Of the messages, those the app wrote."""
        return [message for message in self.messages(channel, thread) if "bot_id" in message]

    def ephemerals(self, user: User | str) -> list[Json]:
        """What only this person sees."""
        name = user if isinstance(user, str) else user.id
        return [message for message in self._world.ephemerals if message["user"] == name]

    def home(self, user: User | str) -> Json | None:
        return self._world.homes.get(user if isinstance(user, str) else user.id)

    def modals(self, user: User | str) -> list[Json]:
        """The person's open modal, view upon view."""
        return self._world.modals.get(user if isinstance(user, str) else user.id, [])

    def modal(self, user: User | str) -> Json | None:
        """The view on top of the person's open modal."""
        return (self.modals(user) or [None])[-1]

    def modal_errors(self, user: User | str) -> dict[str, str]:
        """What the modal says is wrong, by block_id."""
        return self._world.modal_errors.get(user if isinstance(user, str) else user.id, {})

    def statuses(self, channel: Channel | str, thread: str) -> list[str]:
        """The statuses a thread has had in turn; "" is none, also when a message of the app's ended it."""
        name = channel if isinstance(channel, str) else channel.id
        return list(self._world.statuses.get((name, thread), []))

    def loading_messages(self, channel: Channel | str, thread: str) -> list[str]:
        """What went round with the last status the app set."""
        return self._world.loading.get((channel if isinstance(channel, str) else channel.id, thread), [])

    def prompts(self, channel: Channel | str) -> list[Json]:
        """The suggested prompts set in a channel, the latest last."""
        name = channel if isinstance(channel, str) else channel.id
        return [each for each in self._world.prompts if each["channel_id"] == name]

    def session(self, channel: Channel | str, thread: str) -> str:
        """The state of a thread's agent session; "" for none."""
        return self._world.sessions.get((channel if isinstance(channel, str) else channel.id, thread), "")

    def titles(self, channel: Channel | str, thread: str) -> str:
        """The title of a thread, "" if it has none."""
        return self._world.titles.get((channel if isinstance(channel, str) else channel.id, thread), "")

    def responses(self, delivery: Delivery) -> list[Json]:
        """What was posted to the `response_url` of a command or an action, its answer in the acknowledgement included."""
        target: ResponseUrl = self._world.response_urls[delivery.payload["response_url"].rpartition("/")[2]]
        return target.posted

    async def until(self, condition: Callable[[], Seen | None], within: float = PATIENCE) -> Seen:
        """What `condition` gives once it is true. Raises AssertionError, with all that was said and called, after `within`
        seconds. It is looked at after every change here, and only then."""
        return await self._world.until(condition, within)

    def picture(self) -> str:
        """What was said and called lately."""
        return self._world.picture()

    def _echo(self, channel: Channel, event: Json) -> None:
        if not self._people.untold(channel, event["type"]):
            self._office.tell("events_api", self._people.event_payload(channel.team, event))
