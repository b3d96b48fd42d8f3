"""Owns reading a file from a platform without reading more of it than is wanted."""

import aiohttp

CHUNK = 65_536


async def at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first `limit` bytes of a response; all of it, if it is shorter."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        data += chunk
        if len(data) >= limit:
            break
    return bytes(data[:limit])
