"""A session of an agent with `anyseek mcp`: `python docs/agent_session.py INDEX` prints such a session.

The client is the SDK's own; long answers are shortened, bytes are counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

FIELDS = ("rank", "modality", "path", "match", "segment_id")


def described(content: Any) -> str:
    """One part of an answer."""
    if content.type != "text":
        return f"[{content.mime_type}, {len(content.data) * 3 // 4:,} bytes]"
    try:
        answer = json.loads(content.text)
    except ValueError:
        return str(content.text)[:500]
    if isinstance(answer, dict) and "hits" in answer:
        hits = [{name: hit[name] for name in FIELDS} for hit in answer["hits"]]
        return "\n".join(json.dumps(hit) for hit in hits)
    return json.dumps(answer)[:300]


async def session(index: str) -> None:
    """A search, a look at its hits, one that cannot be."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "anyseek", "mcp", "--index", index])
    async with Client(stdio_client(server)) as client:

        async def call(name: str, **arguments: Any) -> Any:
            answer = await client.call_tool(name, arguments)
            sys.stdout.write(f"> {name} {json.dumps(arguments)}\n")
            for content in answer.content:
                sys.stdout.write(f"{'error: ' if answer.is_error else ''}{described(content)}\n")
            sys.stdout.write("\n")
            return answer

        tools = (await client.list_tools()).tools
        sys.stdout.write("".join(f"{tool.name}: {tool.description}\n" for tool in tools) + "\n")
        results = await call("search", words="rain on a roof", k=4)
        for hit in json.loads(results.content[0].text)["hits"][:3]:
            await call("open_hit", segment_id=hit["segment_id"])
        await call("similar", segment_id=hit["segment_id"], to="image", k=2)
        await call("search", words="rain", to="smell")


if __name__ == "__main__":
    asyncio.run(session(sys.argv[1]))
