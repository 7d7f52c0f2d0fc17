"""The index for agents: search, similar, status, and a look at a hit, over MCP on stdio."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import Audio, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from anyseek.contracts import Modality
from anyseek.errors import AnyseekError
from anyseek.search.ask import scope
from anyseek.search.query import Term, checked
from anyseek.serve.searching import shown
from anyseek.serve.service import Served

MOST_HITS = 50
MOST_CHARACTERS = 20_000

INSTRUCTIONS = (
    "Search a person's media (pictures, sounds, films, texts, depth maps) by meaning. `match` is how far above chance"
    " a hit is, 0 to 1: below 0.5 it is probably nothing. `open_hit` shows or plays one."
)

Count = Annotated[int, Field(ge=1, le=MOST_HITS, description="How many hits")]
To = Annotated[
    str, Field(description="Modalities to answer with commas: text,image,audio,depth,video; empty for all")
]
Where = Annotated[str, Field(description="A filter, as in: type in (jpg, png) and date >= 2023-06")]


def make_server(served: Served) -> MCPServer:
    """The server over one index. Errors come back as tool errors of one sentence."""
    server = MCPServer("anyseek", instructions=INSTRUCTIONS)

    @server.tool()
    def search(
        words: str, to: To = "", k: Count = 10, where: Where = "", min_match: float = 0.0
    ) -> dict[str, Any]:
        """Find media of any modality by what they show or say."""
        with _Told(), served.index() as index:
            terms = checked([Term("words", words, Modality.TEXT)])
            return shown(index.ask(terms, scope(to or None, k, None, False, where, True, min_match)))

    @server.tool()
    def similar(segment_id: int, to: To = "", k: Count = 10) -> dict[str, Any]:
        """Find what resembles a hit."""
        with _Told(), served.index() as index:
            wanted = scope(to or None, k, None, False, "", True)
            return shown(index.ask((), wanted, [(segment_id, 1.0)]))

    @server.tool()
    def status() -> dict[str, Any]:
        """What the index holds."""
        with _Told(), served.index() as index:
            told = asdict(index.status(look=False))
        told.pop("problems")
        return told

    @server.tool()
    def open_hit(segment_id: int) -> Any:
        """Look at a hit: a small picture of an image, film or depth map, a sound, the words of a text."""
        with _Told():
            segment, path = served.segment(segment_id)
            if segment.modality is Modality.TEXT:
                return _words(path, segment.span.start, segment.span.end, segment.excerpt)
            made = served.preview(segment_id)
            if made is None:
                return f"{Path(path).name}: {segment.modality}, which cannot be shown."
            if made.kind == "audio/wav":
                return Audio(data=made.data, format="wav")
            return Image(data=made.data, format="jpeg")

    return server


class _Told:
    """Our errors as one sentence with what to do."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AnyseekError):
            raise ToolError(f"{error.message} {error.hint}".strip()) from None


def _words(path: str, start: float, end: float, excerpt: str) -> str:
    """The passage, or for subtitles its beginning."""
    from anyseek.contracts import DecodeHint
    from anyseek.media import decode

    for segment in decode(path, Modality.TEXT, DecodeHint()):
        if (segment.span.start, segment.span.end) == (start, end):
            return str(segment.data)[:MOST_CHARACTERS]
    return excerpt


def run(folder: Path) -> None:
    """Until the agent closes the pipe. Raises what opening the index raises."""
    served = Served(folder)
    try:
        make_server(served).run("stdio")
    finally:
        served.close()
