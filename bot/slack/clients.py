"""Owns the way to Slack's Web API: a client for each workspace, and which of Slack's refusals are final."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from bot.downloads import at_most

LONGEST_WAIT = 15.0
"""Seconds that a call waits when Slack says that it is too much."""
TIMEOUT = 20
"""Seconds for one call."""
PASSING = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "accesslimited",
    }
)
"""Refusals that a later try may not meet; every other one is final."""
GONE = frozenset(
    {"token_revoked", "account_inactive", "invalid_auth", "not_authed", "token_expired", "org_login_required"}
)
"""Refusals that mean the app is no longer installed."""
NOT_HERE = frozenset({"unknown_method", "feature_not_enabled", "method_deprecated", "not_allowed_token_type"})
"""Refusals that mean this Slack does not have the method."""

Api = Any
"""A Web API client; slack_sdk's methods take keywords of any type, which strict checking can't follow."""
Token = Callable[[str], Awaitable[str | None]]
"""The bot token of a workspace; None where the app is not installed."""


class NotInstalled(Exception):
    """The app has no token for this workspace."""


def error(problem: SlackApiError) -> str:
    """Slack's name for what was wrong."""
    response: Any = problem.response
    found = response.get("error") if hasattr(response, "get") else None
    return found if isinstance(found, str) else "internal_error"


def passing(problem: SlackApiError) -> bool:
    """Whether the same call may be taken later."""
    response: Any = problem.response
    status = getattr(response, "status_code", 200)
    return error(problem) in PASSING or status == 429 or status >= 500


class Patient(AsyncRateLimitErrorRetryHandler):
    """Waits as long as Slack asks, if that is short. A turn or an errand that has to wait longer comes back by itself: it must
    not outlast its thread's lock."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            return False
        asked = [value for name, value in response.headers.items() if name.lower() == "retry-after"]
        return all(float(value[0]) <= LONGEST_WAIT for value in asked)


class Clients:
    """Web API clients that share one HTTP session. They wait as long as Slack asks them to when it says that it is too much."""

    def __init__(self, session: aiohttp.ClientSession, api: str, token: Token) -> None:
        self._session = session
        self._api = api
        self._token = token

    @classmethod
    @asynccontextmanager
    async def open(cls, api: str, token: Token) -> AsyncGenerator["Clients"]:
        """Clients for as long as somebody uses them."""
        # Slack is asked by many turns at once; a connection each is what they wait for otherwise.
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield cls(session, api, token)

    def with_token(self, token: str | None) -> Api:
        """A client for this token."""
        # A connection that broke may have carried the message: a turn that is run again asks before it posts again.
        handlers: list[AsyncRetryHandler] = [Patient(max_retry_count=1)]
        return AsyncWebClient(
            token=token, base_url=self._api, timeout=TIMEOUT, session=self._session, retry_handlers=handlers
        )

    async def of(self, team: str) -> Api:
        """The client of a workspace. Raises NotInstalled."""
        token = await self._token(team)
        if not token:
            raise NotInstalled(f"The app is not installed in workspace {team}.")
        return self.with_token(token)

    async def download(self, team: str, url: str, limit: int) -> bytes:
        """A file of a workspace, at most `limit` bytes and one. Raises NotInstalled, aiohttp.ClientError and ValueError for an
        address that is not Slack's: the token goes nowhere else."""
        if not self._trusted(url):
            raise ValueError("The file is not at Slack.")
        token = await self._token(team)
        if not token:
            raise NotInstalled(f"The app is not installed in workspace {team}.")
        headers = {"Authorization": f"Bearer {token}"}
        # A redirect could lead the token away; Slack's own download addresses need none.
        async with self._session.get(
            url, headers=headers, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=TIMEOUT)
        ) as response:
            response.raise_for_status()
            if response.status != HTTPStatus.OK:
                raise ValueError("Slack sends us elsewhere for the file.")
            return await at_most(response, limit + 1)

    def _trusted(self, url: str) -> bool:
        api, parts = urlsplit(self._api), urlsplit(url)
        if (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith((".slack.com", ".slack-files.com"))
