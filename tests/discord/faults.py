"""Owns what a test lets go wrong with the app's REST calls."""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from tests.discord.reading import Json

MESSAGES = {
    401: (0, "401: Unauthorized"),
    403: (50013, "Missing Permissions"),
    404: (10003, "Unknown Channel"),
    429: (0, "You are being rate limited."),
}


@dataclass
class Fault:
    """What befalls the next `times` calls that match; `met` counts those it has befallen.

    `status`: answer with it. `applied`: do the work before. `lost`: do the work, and cut the connection instead of
    answering. `held`: wait for the event before anything else is done.
    """

    method: str
    path: str
    status: int
    code: int
    message: str
    times: int
    retry_after: float
    everywhere: bool
    applied: bool
    lost: bool
    held: asyncio.Event | None
    met: int = 0

    def body(self) -> Json:
        if self.status == 429:
            return {"message": self.message, "retry_after": self.retry_after, "global": self.everywhere}
        return {"message": self.message, "code": self.code}

    def headers(self) -> dict[str, str]:
        if self.status != 429:
            return {}
        return {
            "Retry-After": str(max(1, round(self.retry_after))),
            "X-RateLimit-Scope": "global" if self.everywhere else "user",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": str(self.retry_after),
        } | ({"X-RateLimit-Global": "true"} if self.everywhere else {})


@dataclass
class Faults:
    """The faults a test has set up."""

    waiting: list[Fault] = field(default_factory=list[Fault])

    def add(
        self,
        method: str,
        path: str,
        *,
        status: int = 0,
        code: int | None = None,
        message: str = "",
        times: int = 1,
        retry_after: float = 1.0,
        everywhere: bool = False,
        applied: bool = False,
        lost: bool = False,
        held: asyncio.Event | None = None,
    ) -> Fault:
        """The next `times` calls of `method` ("*": any) to `path` (as in "/channels/*/messages") fail; see `Fault`.

        429 says after how many seconds to come again, and `everywhere` that this holds for all calls."""
        assert status or lost or held, "say how it fails"
        known = MESSAGES.get(status, (0, "Internal Server Error"))
        chosen: dict[str, Any] = {"code": known[0] if code is None else code, "message": message or known[1]}
        fault = Fault(
            method,
            path,
            status,
            times=times,
            retry_after=retry_after,
            everywhere=everywhere,
            applied=applied or lost,
            lost=lost,
            held=held,
            **chosen,
        )
        self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        self.waiting.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """What befalls this call, None for nothing."""
        for fault in self.waiting:
            if fault.met < fault.times and fnmatch(method, fault.method) and fnmatch(path, fault.path):
                fault.met += 1
                return fault
        return None
