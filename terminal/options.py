"""Options that several commands share: one name, one help text."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

_TO = "Show only these: text, image, audio, depth, video, thermal, imu; several with commas."

IndexDir: TypeAlias = Annotated[
    str | None,
    typer.Option("--index", metavar="DIR", help="The index; default: the nearest .anyseek upward."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Debug: TypeAlias = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an unexpected error (or set ANYSEEK_DEBUG).")
]
To: TypeAlias = Annotated[str | None, typer.Option("--to", metavar="MODALITIES", help=_TO)]
Count: TypeAlias = Annotated[int, typer.Option("-k", metavar="N", help="How many hits of each modality.")]
In: TypeAlias = Annotated[
    str | None, typer.Option("--in", metavar="FOLDER", help="Only what lies below this folder.")
]
Segments: TypeAlias = Annotated[
    bool, typer.Option("--segments", help="Let several segments of one file answer.")
]
Fold: TypeAlias = Annotated[bool, typer.Option("--fold", help="Copies of a better hit are told of there.")]
Merge: TypeAlias = Annotated[bool, typer.Option("--merge", help="One list over all modalities.")]
MinMatch: TypeAlias = Annotated[
    float, typer.Option("--min-match", metavar="SHARE", help="Leave out what chance gives as often: 0.9.")
]
Paths: TypeAlias = Annotated[bool, typer.Option("--paths", help="Nothing but paths, one a line.")]
Nul: TypeAlias = Annotated[
    bool, typer.Option("-0", help="Paths, each ended by a NUL byte: xargs -0 reads them.")
]
ExitCode: TypeAlias = Annotated[bool, typer.Option("--exit-code", help="End with 1 when there is no hit.")]
Many: TypeAlias = list[str] | None
Where: TypeAlias = Annotated[
    str | None,
    typer.Option("--where", metavar="FILTER", help="Only these: 'size < 5MB and not tag = old'."),
]
Type: TypeAlias = Annotated[
    str | None, typer.Option("--type", metavar="TYPES", help="Only files of these suffixes: jpg,png.")
]
After: TypeAlias = Annotated[
    str | None, typer.Option("--after", metavar="DATE", help="Only files changed then or later: 2023-06.")
]
Before: TypeAlias = Annotated[
    str | None, typer.Option("--before", metavar="DATE", help="Only files changed before: 2023-06-15.")
]
Tag: TypeAlias = Annotated[
    Many, typer.Option("--tag", metavar="TAG", help="Only files with this tag; repeatable.")
]


def filter_of(where: str | None, types: str | None, after: str | None, before: str | None, tags: Many) -> str:
    """The one filter that all these options make."""
    from anyseek.catalog.filters import all_of, quoted

    named = [part.strip() for part in (types or "").split(",") if part.strip()]
    return all_of(
        where,
        f"type in ({', '.join(map(quoted, named))})" if named else None,
        f"date >= {quoted(after)}" if after else None,
        f"date < {quoted(before)}" if before else None,
        *(f"tag = {quoted(tag)}" for tag in tags or []),
    )
