"""The Discord of our tests, met over the wire by a plain discord.py bot."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TypeAlias

import aiohttp
import discord
import pytest
from discord import app_commands, ui
from discord.ext import commands
from discord.http import Route
from simcord.backend.errors import BackendError

from tests.discord import DiscordServer
from tests.discord.client import turned_to

LISTENING = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
READING = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=True)
LAYOUT = 1 << 15
PUBLIC, PRIVATE = discord.ChannelType.public_thread, discord.ChannelType.private_thread


class Bot(commands.AutoShardedBot):
    """Keeps what it hears, and answers if it is to."""

    def __init__(self, intents: discord.Intents = LISTENING, *, answers: bool = False) -> None:
        # Only mentions call its commands, so discord.py has nothing to warn of without the content of messages.
        super().__init__(commands.when_mentioned, intents=intents, guild_ready_timeout=0.0)
        self.answers = answers
        self.heard: list[discord.Message] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the five seconds that Discord wants between two shards."""

    async def on_message(self, message: discord.Message, /) -> None:
        if message.author == self.user:
            return
        self.heard.append(message)
        if self.answers:
            await message.channel.send(f"You said: {message.content}")

    @property
    def words(self) -> list[str]:
        return [message.content for message in self.heard]

    def posts_to(self, channel: int) -> discord.PartialMessageable:
        return self.get_partial_messageable(channel)


Interaction: TypeAlias = discord.Interaction[Bot]


@asynccontextmanager
async def connected(server: DiscordServer, bot: Bot, shards: int = 1) -> AsyncGenerator[None]:
    """While this lasts the bot is connected, with all its shards."""
    with turned_to(server):
        async with bot:
            running = asyncio.create_task(bot.start(server.token))
            try:
                await server.connected(shards)
                await bot.wait_until_ready()
                yield
            finally:
                await bot.close()
                await running


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer.running() as running:
        yield running


# --- messages


async def test_a_direct_message_is_heard_and_answered(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, Bot(answers=True)):
        await server.writes(ana, "hello")
        (answer,) = await server.until(lambda: server.said(server.dm(ana)))
    assert answer.content == "You said: hello"
    assert [call.status for call in server.calls("POST", "/channels/*/messages")] == [200]


async def test_without_the_intent_only_guild_messages_are_empty(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    hall = server.adds_guild("Acme", ana).create_text_channel("hall")
    async with connected(server, bot := Bot(answers=True)):
        await server.writes(ana, "to all", channel=hall)
        await server.writes(ana, f"{server.mention} to you", channel=hall)
        await server.writes(ana, "to you alone")
        await server.until(lambda: len(server.said(hall)) == 2 and server.said(server.dm(ana)))
        written = [message async for message in bot.posts_to(hall.id).history(oldest_first=True)]
    assert bot.words == ["", f"<@{server.bot}> to you", "to you alone"]
    assert written[0].content == ""


async def test_with_the_intent_guild_messages_are_read() -> None:
    async with DiscordServer.running(approved=["message_content"]) as server:
        ana = server.adds_user("ana")
        hall = server.adds_guild("Acme", ana).create_text_channel("hall")
        async with connected(server, bot := Bot(READING, answers=True)):
            await server.writes(ana, "to all", channel=hall)
            await server.until(lambda: server.said(hall))
    assert bot.words == ["to all"]


async def test_an_intent_that_is_not_approved_closes_the_gateway(server: DiscordServer) -> None:
    with turned_to(server):
        async with Bot(READING) as bot:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await bot.start(server.token)


async def test_a_wrong_token_is_refused(server: DiscordServer) -> None:
    with turned_to(server):
        async with Bot() as bot:
            with pytest.raises(discord.LoginFailure):
                await bot.login("wrong")


async def test_edits_and_deletions_are_told(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        edited = asyncio.ensure_future(bot.wait_for("raw_message_edit"))
        deleted = asyncio.ensure_future(bot.wait_for("raw_message_delete"))
        await asyncio.sleep(0)
        written = await server.writes(ana, "helo")
        await server.edits(written, "hello")
        await server.deletes(written)
        assert (await edited).message.content == "hello"
        assert (await deleted).message_id == written


async def test_who_posts_without_a_gateway_is_heard_too(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    with turned_to(server):
        async with Bot() as bot:
            await bot.login(server.token)
            async with bot.posts_to(server.dm(ana)).typing():
                await (await bot.fetch_user(ana.id)).send("hello")
    assert [message.content for message in server.said(server.dm(ana))] == ["hello"]
    assert len(server.typing(server.dm(ana))) == 1


async def test_files_go_both_ways(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot(answers=True)):
        await server.writes(ana, attachments=[("notes.txt", b"caches")])
        await server.speaks(ana, b"OggS", seconds=3)
        await server.until(lambda: len(server.said(server.dm(ana))) == 2)
        notes, voice = bot.heard[0].attachments[0], bot.heard[1].attachments[0]
        assert await notes.read() == b"caches"
        assert notes.content_type == "text/plain"
        assert voice.is_voice_message()
        assert (await voice.read(), voice.content_type, voice.duration) == (b"OggS", "audio/ogg", 3)
        sent = await bot.heard[0].reply("Yours", file=discord.File(BytesIO(b"{}"), "card.json", description="A card"))
    (card,) = server.message(sent.id).attachments
    assert (card["filename"], card["description"], card["size"]) == ("card.json", "A card", 2)
    assert server.message(sent.id).reply_to == bot.heard[0].id
    async with aiohttp.ClientSession() as session, session.get(card["url"]) as response:
        assert await response.read() == b"{}"


async def test_history_is_paged(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    first, second, third = [await server.writes(ana, word) for word in ("one", "two", "three")]
    async with connected(server, bot := Bot()):
        channel = bot.posts_to(server.dm(ana))
        before = [each.id async for each in channel.history(before=discord.Object(third), limit=1)]
        after = [each.id async for each in channel.history(after=discord.Object(first))]
    assert (before, after) == ([second], [second, third])


# --- what Discord refuses


async def test_too_long_a_message_is_refused(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        with pytest.raises(discord.HTTPException) as refused:
            await bot.posts_to(server.dm(ana)).send("x" * 2001)
    assert refused.value.code == 50035
    assert not server.said(server.dm(ana))


@pytest.mark.parametrize(
    ("displays", "length"), [(41, 10), (40, 101)], ids=["a component too many", "a character too many"]
)
async def test_too_large_a_layout_is_refused(server: DiscordServer, displays: int, length: int) -> None:
    ana = server.adds_user("ana")
    largest = [{"type": 10, "content": "x" * 100}] * 40
    larger = [{"type": 10, "content": "x" * length}] * displays
    async with connected(server, bot := Bot()):
        # discord.py counts for itself too, so it is not asked to make the layouts.
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=server.dm(ana))
        await bot.http.request(route, json={"components": largest, "flags": LAYOUT})
        with pytest.raises(discord.HTTPException) as refused:
            await bot.http.request(route, json={"components": larger, "flags": LAYOUT})
    assert refused.value.code == 50035
    assert [len(message.text) for message in server.said(server.dm(ana))] == [40 * 100 + 39 * len("\n\n")]


async def test_closed_direct_messages_are_refused_but_an_answer_is_not(server: DiscordServer) -> None:
    ana = server.adds_user("ana", dms="closed")
    async with connected(server, bot := Bot()):
        offers(bot)
        await bot.tree.sync()
        user = await bot.fetch_user(ana.id)
        with pytest.raises(discord.Forbidden) as refused:
            await user.send("hello")
        asked = await server.types_command(ana, "ask", about="pay")
        await server.until(lambda: asked.response)
        server.opens_dms(ana)
        await user.send("hello again")
    assert refused.value.code == 50007
    assert [message.content for message in server.said(server.dm(ana))] == ["About pay?", "hello again"]


async def test_what_is_gone_or_somebody_elses_is_left_alone(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    codes: list[int] = []
    async with connected(server, bot := Bot()):
        channel = bot.posts_to(server.dm(ana))
        written, gone = await server.writes(ana, "hello"), await server.writes(ana, "oops")
        await server.deletes(gone)
        for call in (
            channel.get_partial_message(written).delete(),
            channel.get_partial_message(written).edit(content="mine"),
            channel.get_partial_message(gone).reply("hello"),
        ):
            try:
                await call
            except discord.HTTPException as error:
                codes.append(error.code)
    assert codes == [50003, 50005, 50035]
    assert [each.content for each in server.messages(server.dm(ana))] == ["hello"]


async def test_a_channel_without_permission_is_refused(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    guild = server.adds_guild("Acme", ana)
    denied = discord.PermissionOverwrite(view_channel=False)
    bot_role = guild.roles["mockingbird"]
    vault = guild.create_text_channel("vault", overwrites={bot_role: denied})
    mute = guild.create_text_channel("mute", overwrites={bot_role: discord.PermissionOverwrite(send_messages=False)})
    async with connected(server, bot := Bot(answers=True)):
        await server.writes(ana, "unheard", channel=vault)
        for channel, code in ((vault, 50001), (mute, 50013)):
            with pytest.raises(discord.Forbidden) as refused:
                await bot.posts_to(channel.id).send("hello")
            assert refused.value.code == code
        await server.writes(ana, "heard")
        await server.until(lambda: server.said(server.dm(ana)))
    assert bot.words == ["heard"]


async def test_what_is_not_built_is_told() -> None:
    async def asks_for_a_hat() -> None:
        async with DiscordServer.running() as server:
            with turned_to(server):
                async with Bot() as bot:
                    await bot.login(server.token)
                    with pytest.raises(discord.DiscordServerError):
                        await bot.http.request(Route("DELETE", "/users/@me/hats"))

    with pytest.raises(AssertionError, match="DELETE /users/@me/hats"):
        await asks_for_a_hat()


# --- commands, buttons, menus and modals


def offers(bot: Bot) -> None:
    """Give the bot the command `/ask about`, which completes and answers at once."""

    @bot.tree.command()
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def ask(interaction: Interaction, about: str) -> None:
        """Ask something."""
        await interaction.response.send_message(f"About {about}?")

    @ask.autocomplete("about")
    async def topics(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        known = ["pay", "parking"]
        return [app_commands.Choice(name=each.title(), value=each) for each in known if each.startswith(typed)]


async def test_a_command_is_deferred_and_followed_up(server: DiscordServer) -> None:
    ana, going = server.adds_user("ana"), asyncio.Event()
    async with connected(server, bot := Bot()):

        @bot.tree.command()
        async def ask(interaction: Interaction, about: str) -> None:
            """Ask something."""
            await interaction.response.defer(thinking=True, ephemeral=True)
            await going.wait()
            await interaction.followup.send(f"About {about}?", ephemeral=True)
            await interaction.followup.send("And more.")
            await (await interaction.followup.send("Forget it.", wait=True)).delete()
            await interaction.delete_original_response()

        await bot.tree.sync()
        asked = await server.types_command(ana, "ask", about="pay")
        await server.until(lambda: asked.loading)
        assert (asked.acknowledged, asked.deferred, asked.ephemeral, asked.response) == (True, True, True, None)
        going.set()
        answer = await server.until(lambda: asked.response)
        await server.until(lambda: asked.deleted)
    assert (answer.content, answer.ephemeral) == ("About pay?", True)
    assert [each.content for each in asked.followups] == ["And more."]
    assert [each.content for each in server.said(server.dm(ana))] == ["And more."]


async def test_a_command_in_a_group_is_completed(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        offers(bot)
        await bot.tree.sync()
        offered = await server.completes(ana, "ask", option="about", text="pa")
    assert [each["value"] for each in offered] == ["pay", "parking"]


async def test_too_late_an_answer_is_refused(server: DiscordServer) -> None:
    ana, asked, refused = server.adds_user("ana"), asyncio.Event(), asyncio.get_running_loop().create_future()
    async with connected(server, bot := Bot()):

        @bot.tree.command()
        async def wait(interaction: Interaction) -> None:
            """Wait."""
            asked.set()
            await server.until(lambda: waited.failed)
            try:
                await interaction.response.send_message("Sorry")
            except discord.NotFound as error:
                refused.set_result(error.code)

        await bot.tree.sync()
        waited = await server.types_command(ana, "wait")
        await asked.wait()
        server.advances(3)
        assert await refused == 10062
    assert not waited.acknowledged


async def test_after_fifteen_minutes_only_the_channel_is_left(server: DiscordServer) -> None:
    ana, refused = server.adds_user("ana"), asyncio.get_running_loop().create_future()
    async with connected(server, bot := Bot()):

        @bot.tree.command()
        async def wait(interaction: Interaction) -> None:
            """Wait."""
            await interaction.response.defer(thinking=True)
            server.advances(15 * 60)
            with pytest.raises(discord.HTTPException) as error:
                await interaction.followup.send("Sorry")
            await interaction.user.send("Sorry to be late")
            refused.set_result(error.value.code)

        await bot.tree.sync()
        await server.types_command(ana, "wait")
        assert await refused == 50027
    assert [each.content for each in server.said(server.dm(ana))] == ["Sorry to be late"]


async def test_a_button_edits_its_message(server: DiscordServer) -> None:
    ana = server.adds_user("ana")

    class Door(ui.View):
        @ui.button(label="Knock", custom_id="door.knock|7")
        async def knock(self, interaction: Interaction, _: ui.Button["Door"]) -> None:
            await interaction.response.edit_message(content="Open", view=None)

    async with connected(server, bot := Bot()):
        sent = await (await bot.fetch_user(ana.id)).send("Closed", view=Door(timeout=None))
        assert server.message(sent.id).buttons == {"door.knock|7": "Knock"}
        pressed = await server.presses(ana, sent.id, "door.knock")
        answer = await server.until(lambda: pressed.response)
    assert (answer.id, answer.content, answer.buttons, answer.edited) == (sent.id, "Open", {}, True)
    with pytest.raises(AssertionError, match="is 0 of what message"):
        await server.presses(ana, sent.id, "door.knock")


async def test_a_menu_opens_a_modal_that_is_filled_in(server: DiscordServer) -> None:
    ana = server.adds_user("ana")

    class Wishes(ui.Modal, title="Wishes"):
        why = ui.Label[ui.Modal](text="Why?", component=ui.TextInput[ui.Modal](custom_id="why"))
        when = ui.Label[ui.Modal](
            text="When?",
            component=ui.Select[ui.Modal](custom_id="when", options=[discord.SelectOption(label="Now", value="now")]),
        )

        async def on_submit(self, interaction: discord.Interaction, /) -> None:
            why, when = self.why.component, self.when.component
            assert isinstance(why, ui.TextInput)
            assert isinstance(when, ui.Select)
            await interaction.response.send_message(f"{why.value} {when.values}", ephemeral=True)

    class Menu(ui.View):
        @ui.select(custom_id="menu", options=[discord.SelectOption(label="Tea", value="tea")])
        async def choose(self, interaction: Interaction, _: ui.Select["Menu"]) -> None:
            await interaction.response.send_modal(Wishes())

    async with connected(server, bot := Bot()):
        sent = await (await bot.fetch_user(ana.id)).send("What?", view=Menu(timeout=None))
        chosen = await server.selects(ana, sent.id, ["tea"])
        await server.until(lambda: chosen.modal)
        filled = await server.submits(chosen, {"Why?": "thirst", "when": "now"})
        answer = await server.until(lambda: filled.response)
    assert answer.content == "thirst ['now']"
    assert server.ephemerals(ana) == [answer]


async def test_who_installed_the_app_uses_it_where_it_is_not(server: DiscordServer) -> None:
    ana, ben = server.adds_user("ana", installs=True), server.adds_user("ben")
    hall = server.adds_guild("Elsewhere", ana, ben, with_bot=False).create_text_channel("hall")
    group = server.adds_group(ana, ben)
    async with connected(server, bot := Bot()):
        offers(bot)
        seen: list[Interaction] = []

        async def note(interaction: discord.Interaction) -> bool:
            assert isinstance(interaction.client, Bot)
            seen.append(interaction)  # pyright: ignore[reportArgumentType]
            return True

        bot.tree.interaction_check = note
        await bot.tree.sync()
        for channel in (hall.id, group, None):
            asked = await server.types_command(ana, "ask", about="pay", channel=channel)
            await server.until(lambda asked=asked: asked.response)
        with pytest.raises(discord.Forbidden) as refused:
            await bot.posts_to(group).send("hello")
        assert not bot.guilds
    assert [(each.context.guild, each.context.dm_channel, each.context.private_channel) for each in seen] == [
        (True, False, False),
        (False, False, True),
        (False, True, False),
    ]
    assert [(each.is_guild_integration(), each.is_user_integration()) for each in seen] == [
        (False, True),
        (False, True),
        (False, True),
    ]
    assert refused.value.code == 50001
    with pytest.raises(AssertionError, match="ben has not installed the app"):
        await server.types_command(ben, "ask", about="pay", channel=hall)


# --- threads


async def test_a_private_thread_is_for_its_members(server: DiscordServer) -> None:
    ana, ben = server.adds_user("ana"), server.adds_user("ben")
    hall = server.adds_guild("Acme", ana, ben).create_text_channel("hall")
    async with connected(server, bot := Bot(answers=True)):
        channel = bot.get_channel(hall.id)
        assert isinstance(channel, discord.TextChannel)
        thread = await channel.create_thread(name="Interview", type=PRIVATE, invitable=False)
        await thread.add_user(discord.Object(ana.id))
        await server.writes(ana, f"{server.mention} hello", channel=thread.id)
        await server.until(lambda: server.said(thread.id))
    assert server.threads(hall) == [thread.id]
    assert server.members(thread.id) == {ana.id, server.bot}
    assert not server.messages(hall)
    with pytest.raises(BackendError):
        await server.writes(ben, "hello", channel=thread.id)


async def test_writing_wakes_an_archived_thread_and_editing_does_not(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    hall = server.adds_guild("Acme", ana).create_text_channel("hall")
    async with connected(server, bot := Bot()):
        channel = bot.get_channel(hall.id)
        assert isinstance(channel, discord.TextChannel)
        thread = await channel.create_thread(name="Interview", type=PUBLIC)
        sent = await thread.send("one")
        await thread.edit(archived=True)
        with pytest.raises(discord.HTTPException) as refused:
            await sent.edit(content="two")
        assert server.is_archived(thread.id)
        await thread.send("three")
    assert refused.value.code == 50083
    assert not server.is_archived(thread.id)
    assert [each.content for each in server.said(thread.id)] == ["one", "three"]


async def test_in_a_locked_thread_only_who_manages_threads_may_write(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    guild = server.adds_guild("Acme", ana)
    unable = discord.PermissionOverwrite(manage_threads=False)
    role = guild.roles["mockingbird"]
    hall, yard = guild.create_text_channel("hall", overwrites={role: unable}), guild.create_text_channel("yard")
    codes: list[int] = []
    async with connected(server, bot := Bot()):
        for place in (hall, yard):
            channel = bot.get_channel(place.id)
            assert isinstance(channel, discord.TextChannel)
            thread = await channel.create_thread(name="Interview", type=PUBLIC)
            server.locks(thread.id)
            for archived in (False, True):
                if archived:
                    server.archives(thread.id, locked=True)
                try:
                    await thread.send("hello")
                except discord.HTTPException as error:
                    codes.append(error.code)
    assert codes == [160005, 50083]


# --- the gateway


async def test_what_happens_while_a_connection_is_cut_is_told_on_resuming(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot(answers=True)):
        await server.connections.drop()
        await server.writes(ana, "into the gap")
        await server.until(lambda: server.said(server.dm(ana)))
        assert bot.words == ["into the gap"]
        assert (server.connections.identified, server.connections.resumed) == (1, 1)
        server.connections.asks_to_reconnect()
        await server.until(lambda: server.connections.resumed == 2)


async def test_what_happens_while_a_session_is_gone_is_lost(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot(answers=True)):
        await server.connections.invalidate()
        await server.writes(ana, "into the gap")
        await server.connected()
        await server.writes(ana, "after it")
        await server.until(lambda: server.said(server.dm(ana)))
    assert bot.words == ["after it"]
    assert (server.connections.identified, server.connections.resumed) == (2, 0)


async def test_while_the_gateway_is_down_an_app_tries_again(server: DiscordServer) -> None:
    async with connected(server, Bot()):
        server.connections.refusing = True
        await server.connections.drop()
        await server.until(lambda: server.connections.refused)
        server.connections.refusing = False
        await server.connected()


async def test_events_that_are_held_back_come_in_order(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot(answers=True)):
        (connection,) = server.connections
        connection.pause()
        await server.writes(ana, "one")
        await server.writes(ana, "two")
        await bot.fetch_user(ana.id)
        assert not bot.words
        connection.proceed()
        await server.until(lambda: len(server.said(server.dm(ana))) == 2)
    assert bot.words == ["one", "two"]


async def test_every_shard_is_told_of_its_own_guilds() -> None:
    async with DiscordServer.running(shards=2) as server:
        ana = server.adds_user("ana")
        halls = [
            server.adds_guild(name, ana, shard=shard).create_text_channel("hall") for shard, name in enumerate("ab")
        ]
        async with connected(server, bot := Bot(answers=True), shards=2):
            assert {guild.shard_id for guild in bot.guilds} == {0, 1}
            for channel in (*halls, None):
                await server.writes(ana, "hello", channel=channel)
            await server.until(lambda: server.said(server.dm(ana)) and all(server.said(hall) for hall in halls))
            assert sorted(connection.shard for connection in server.connections) == [0, 1]
        assert len(bot.heard) == 3


async def test_members_are_told_when_they_are_asked_for() -> None:
    async with DiscordServer.running(approved=["members"]) as server:
        guild = server.adds_guild("Acme", server.adds_user("ana"))
        async with connected(server, bot := Bot(discord.Intents(guilds=True, members=True))):
            found = bot.get_guild(guild.id)
            assert found
            await found.chunk(cache=True)
            assert {member.name for member in found.members} == {"ana", "Acme Owner", "mockingbird"}


async def test_a_process_that_was_killed_begins_anew_and_presses_find_the_next(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    process = await runs(server)
    await server.writes(ana, "hello")
    (door,) = await server.until(lambda: server.said(server.dm(ana)), within=20)
    process.kill()
    await process.wait()
    await server.until(lambda: not len(server.connections))
    await server.writes(ana, "into the gap")
    process = await runs(server)
    pressed = await server.presses(ana, door, "Knock")
    await server.until(lambda: pressed.response)
    process.kill()
    await process.wait()
    assert [each.content for each in server.said(server.dm(ana))] == ["Open"]
    assert (server.connections.identified, server.connections.resumed) == (2, 0)


PROCESS = """
import os
import discord, yarl
from discord import ui
from discord.gateway import DiscordWebSocket
from discord.http import Route

class Door(ui.View):
    @ui.button(label="Knock", custom_id="knock")
    async def knock(self, interaction, _):
        await interaction.response.edit_message(content="Open", view=None)

class Bot(discord.AutoShardedClient):
    async def setup_hook(self):
        self.add_view(Door(timeout=None))

    async def on_message(self, message):
        if message.author != self.user:
            await message.channel.send("Closed", view=Door(timeout=None))

Route.BASE = os.environ["DISCORD_API_URL"]
Bot(intents=discord.Intents(guilds=True, dm_messages=True)).run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""


async def runs(server: DiscordServer) -> asyncio.subprocess.Process:
    """A bot in a process of its own, connected."""
    environment = os.environ | server.environment()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, env=environment)
    await server.connected(within=30)
    return process


# --- what goes wrong


async def test_a_nonce_posts_once(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        channel = bot.posts_to(server.dm(ana))
        first, again = await channel.send("hello", nonce="n1"), await channel.send("hello", nonce="n1")
        server.advances(6 * 60)
        later = await channel.send("hello", nonce="n1")
    assert first.id == again.id != later.id
    assert [(each.id, each.nonce) for each in server.said(server.dm(ana))] == [(first.id, "n1"), (later.id, "n1")]


async def test_a_rate_limit_is_waited_for(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        fault = server.faults.add("POST", "/channels/*/messages", status=429, retry_after=0.2, times=2)
        await bot.posts_to(server.dm(ana)).send("hello")
    calls = server.calls("POST", "/channels/*/messages")
    assert [call.status for call in calls] == [429, 429, 200]
    assert calls[2].at - calls[0].at >= 0.4
    assert fault.met == 2
    assert len(server.said(server.dm(ana))) == 1


async def test_an_answer_that_is_lost_was_carried_out(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        server.faults.add("POST", "/channels/*/messages", lost=True)
        channel = bot.posts_to(server.dm(ana))
        with pytest.raises(aiohttp.ClientError):
            await channel.send("hello", nonce="n1")
        assert len(server.said(server.dm(ana))) == 1
        await channel.send("hello", nonce="n1")
    assert len(server.said(server.dm(ana))) == 1
    assert [call.status for call in server.calls("POST", "/channels/*/messages")] == [0, 200]


async def test_a_call_fails_as_a_test_says(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    async with connected(server, bot := Bot()):
        channel, errors = bot.posts_to(server.dm(ana)), list[tuple[int, int]]()
        server.faults.add("*", "/channels/*/messages", status=403)
        server.faults.add("POST", "/channels/*/messages", status=503, applied=True)
        for _ in range(2):
            try:
                await channel.send("hello")
            except discord.HTTPException as error:
                errors.append((error.status, error.code))
    assert errors == [(403, 50013), (503, 0)]
    assert len(server.said(server.dm(ana))) == 1


async def test_a_call_that_is_held_is_not_carried_out_yet(server: DiscordServer) -> None:
    ana, going = server.adds_user("ana"), asyncio.Event()
    async with connected(server, bot := Bot()):
        fault = server.faults.add("POST", "/channels/*/messages", held=going)
        sending = asyncio.create_task(bot.posts_to(server.dm(ana)).send("hello"))
        await server.until(lambda: fault.met)
        assert not server.said(server.dm(ana))
        going.set()
        await sending
    assert len(server.said(server.dm(ana))) == 1


async def test_what_never_comes_is_told_with_a_picture(server: DiscordServer) -> None:
    ana = server.adds_user("ana")
    await server.writes(ana, "hello")
    with pytest.raises(AssertionError, match=r"not so within 0.01 s[\s\S]*ana: 'hello'"):
        await server.until(lambda: server.said(server.dm(ana)), within=0.01)
