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
Paths: TypeAlias = Annotated[bool, typer.Option("--paths", help="Nothing but paths, one a line.")]
Nul: TypeAlias = Annotated[
    bool, typer.Option("-0", help="Paths, each ended by a NUL byte: xargs -0 reads them.")
]
ExitCode: TypeAlias = Annotated[bool, typer.Option("--exit-code", help="End with 1 when there is no hit.")]
Many: TypeAlias = list[str] | None
