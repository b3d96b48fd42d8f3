"""Owns the server itself: Discord's REST API and gateway on 127.0.0.1, and what a test asks of and does to it all.

async with DiscordServer.running() as discord:
    ana = discord.adds_user("ana")
    ...start the bot with discord.environment()...
    await discord.connected()
    await discord.writes(ana, "start")
    await discord.until(lambda: discord.said(discord.dm(ana)))
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Literal, Self, TypeVar

from aiohttp import web
from simcord.builders import ChannelHandle, GuildHandle, UserHandle

from tests.discord.faults import Faults
from tests.discord.gateway import Gateway
from tests.discord.people import GROUP_DM, People, Which
from tests.discord.reading import Call, Json, Message
from tests.discord.rest import Rest
from tests.discord.world import Scene, World

Seen = TypeVar("Seen")
MEGABYTES = 1024 * 1024
Privileged = Literal["members", "presences", "message_content"]


class DiscordServer:
    """One Discord, with one app in it. `approved`: the privileged intents that its portal allows; `shards`: how many the
    app is told to open; `patience`: seconds until an interaction is answered too late; `port` 0 takes a free one."""

    def __init__(
        self, *, approved: Iterable[Privileged] = (), shards: int = 1, patience: float = 3, port: int = 0
    ) -> None:
        self.env = Scene(shards)
        self._world = world = World(self.env, frozenset(approved), shards, patience)
        self._people = people = People(world)
        self.faults = Faults()
        self.connections = Gateway(world)
        self._port = port
        self._runner: web.AppRunner | None = None
        self.writes, self.speaks, self.edits, self.deletes = people.writes, people.speaks, people.edits, people.deletes
        self.types_command, self.completes = people.types_command, people.completes
        self.presses, self.selects, self.submits = people.presses, people.selects, people.submits

    @classmethod
    @asynccontextmanager
    async def running(
        cls, *, approved: Iterable[Privileged] = (), shards: int = 1, patience: float = 3, port: int = 0
    ) -> AsyncGenerator[Self]:
        """Serve until left. Raises AssertionError on leaving when the app asked for what is not built."""
        server = cls(approved=approved, shards=shards, patience=patience, port=port)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()
        assert not server.gaps, f"the app asked for what this Discord has not: {server.gaps}"

    async def start(self) -> None:
        application = web.Application(client_max_size=64 * MEGABYTES)
        application.add_routes(Rest(self._world, self.connections, self.faults).routes())
        # What a test leaves open is cut when the server ends, not waited for.
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        self._world.base = self._world.cdn.base = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        assert self._runner
        await self.connections.drop(1001)
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """The settings that point an app here."""
        return {"DISCORD_TOKEN": self.token, "DISCORD_API_URL": self.api_url}

    @property
    def token(self) -> str:
        return self._world.token

    @property
    def api_url(self) -> str:
        """What `discord.http.Route.BASE` has to be."""
        return f"{self._world.base}/api/v10"

    # --- setting the scene

    def adds_user(self, name: str, *, dms: Literal["open", "closed"] = "open", installs: bool = False) -> UserHandle:
        """A person. `dms`: whether the app's direct messages reach them; `installs`: they have the app for themselves."""
        user = self.env.create_user(name)
        if dms == "closed":
            self.closes_dms(user)
        if installs:
            self._world.installers.add(user.id)
        return user

    def adds_guild(
        self, name: str, *members: UserHandle, with_bot: bool = True, shard: int | None = None
    ) -> GuildHandle:
        """A guild; `create_text_channel`, `create_role` and so on of what is returned furnish it."""
        guild = self.env.create_guild(name, shard_id=shard)
        if not with_bot:
            self.removes_bot(guild)
        for member in members:
            guild.add_member(member)
        return guild

    def adds_group(self, *members: UserHandle) -> int:
        """A group direct message, where the app can't be; its id."""
        channel = self.env.backend.create_channel(None, "group", type=GROUP_DM)
        channel.recipient_ids = [member.id for member in members]
        self._world.elsewhere.add(channel.id)
        return channel.id

    def removes_bot(self, guild: GuildHandle) -> None:
        """Take the app out of a guild."""
        del self.env.backend.get_guild(guild.id).members[self._world.bot]
        self.env.backend.emit("GUILD_DELETE", {"id": str(guild.id)})

    def closes_dms(self, user: UserHandle, *, code: int = 50007) -> None:
        """From now on the app's direct messages don't reach this person: they are closed or the app is blocked (50007), or
        no server is shared (50278)."""
        self._world.closed[user.id] = code

    def opens_dms(self, user: UserHandle) -> None:
        self._world.closed.pop(user.id, None)

    def registers(self, *commands: Json) -> None:
        """Register global commands, as `command.to_dict(tree)` gives them, without the app."""
        self.env.backend.register_commands(None, [{k: v for k, v in each.items() if k != "nsfw"} for each in commands])

    def archives(self, thread: ChannelHandle | int, *, locked: bool = False) -> None:
        """Archive a thread, as Discord does when nobody writes in it."""
        name = thread if isinstance(thread, int) else thread.id
        self.env.backend.edit_channel(name, {}, thread_metadata={"archived": True, "locked": locked})

    def locks(self, thread: ChannelHandle | int) -> None:
        """Lock a thread, as a moderator does: only who manages threads may write in it."""
        name = thread if isinstance(thread, int) else thread.id
        self.env.backend.edit_channel(name, {}, thread_metadata={"locked": True})

    def advances(self, seconds: float) -> None:
        """Put Discord's clock forward."""
        self.env.backend.advance_clock(seconds)
        self._world.changed()

    # --- what there is to see

    @property
    def bot(self) -> int:
        """The id of the app, and of its bot."""
        return self._world.bot

    @property
    def mention(self) -> str:
        """What to type to mention the bot."""
        return f"<@{self.bot}>"

    @property
    def gaps(self) -> list[str]:
        """What the app asked for that is built neither here nor in simcord; it got a 501."""
        return self._world.gaps

    def dm(self, user: UserHandle) -> int:
        """The id of the direct message between a person and the app."""
        return user.dm_channel.id

    def messages(self, channel: ChannelHandle | int) -> list[Message]:
        """What all see in a channel, oldest first, "thinking…" included."""
        name = channel if isinstance(channel, int) else channel.id
        return [message for message in self._world.messages(name) if not message.ephemeral]

    def said(self, channel: ChannelHandle | int) -> list[Message]:
        """Of the messages, those the bot wrote (types 0, 19 and 20); without "thinking…"."""
        return [
            message
            for message in self.messages(channel)
            if message.author == self.bot and not message.loading and message.type in {0, 19, 20}
        ]

    def message(self, message: Which) -> Message:
        """A message as it stands now. Raises AssertionError when it is gone."""
        return self._world.message(self._world.stored(message if isinstance(message, int) else message.id))

    def ephemerals(self, user: UserHandle) -> list[Message]:
        """What only this person sees, oldest first."""
        backend = self.env.backend
        found = [each for messages in backend.messages.values() for each in messages.values() if each.is_ephemeral]
        seen = [self._world.message(each) for each in found if each.visible_to(user.id)]
        return sorted((each for each in seen if not each.loading), key=lambda each: each.id)

    def threads(self, channel: ChannelHandle | int) -> list[int]:
        """The ids of a channel's threads, oldest first."""
        name = channel if isinstance(channel, int) else channel.id
        return [each.id for each in self.env.backend.channels.values() if each.is_thread and each.parent_id == name]

    def members(self, thread: ChannelHandle | int) -> set[int]:
        """Who is in a thread."""
        return set(self.env.backend.get_thread(thread if isinstance(thread, int) else thread.id).thread_members)

    def is_archived(self, thread: ChannelHandle | int) -> bool:
        metadata = self.env.backend.get_thread(thread if isinstance(thread, int) else thread.id).thread_metadata
        return bool(metadata and metadata.archived)

    def calls(self, method: str = "*", path: str = "*") -> list[Call]:
        """The REST calls so far, by method and path; "*" stands for anything."""
        return self._world.calls_of(method, path)

    def typing(self, channel: ChannelHandle | int) -> list[float]:
        """When the bot typed in a channel, in seconds of the monotonic clock."""
        name = channel if isinstance(channel, int) else channel.id
        return [call.at for call in self.calls("POST", f"/channels/{name}/typing") if call.status < 300]

    def commands(self) -> dict[str, Json]:
        """The global commands the app has registered, by name."""
        return {str(each["name"]): dict(each) for each in self.env.backend.commands.get(None, {}).values()}

    async def connected(self, shards: int = 1, within: float = 10) -> None:
        """Wait until the app has so many live connections that have identified or resumed."""
        await self.until(lambda: sum(bool(each.session) for each in self.connections) >= shards, within)

    async def until(self, condition: Callable[[], Seen | None], within: float = 10) -> Seen:
        """What `condition` gives once it is true. Raises AssertionError, with all that was said and called, after `within`
        seconds. It is looked at after every change here, and only then."""
        return await self._world.until(condition, within)

    def picture(self) -> str:
        """What was said and called lately."""
        return self._world.picture()
