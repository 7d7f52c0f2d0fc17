"""Embeddings in the shape of OpenAI's interface, so that other programs can use the index's model."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field, StrictInt, field_validator

from anyseek import modalities
from anyseek.errors import ModelNotFound, QueryFileError, UsageError
from anyseek.serve.requests import NoParameters
from anyseek.serve.searching import Upload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from anyseek.serve.service import Service


MOST_CHARACTERS = 100_000
"""Of one text; models read far less of it."""

MediaInput: TypeAlias = dict[str, str | None]
"""A modality by name, and a file's content in base64: {"image": "<base64>"}. Nulls do not count."""


class EmbeddingsRequest(NoParameters):
    """input: texts, or media, up to 256 of them. dimensions: nothing but those of the model. user: whoever the client
    says it works for, as OpenAI's clients do; not kept."""

    input: str | MediaInput | list[str | MediaInput] = Field(
        ..., description="A text, a medium, or a list of them"
    )
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: StrictInt | None = None
    user: str | None = Field(None, max_length=1000)

    @field_validator("input", mode="before")
    @classmethod
    def _no_tokens(cls, given: Any) -> Any:
        """Raises UsageError for numbers of tokens, which clients of OpenAI's own models send."""
        inner = given
        while isinstance(inner, list) and inner:
            inner = inner[0]
        if isinstance(inner, int) and isinstance(given, list):
            raise UsageError(
                "Numbers of tokens cannot be embedded: they belong to another model's vocabulary.",
                "Send texts (LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False).",
            )
        return given


def embed(service: Service, request: EmbeddingsRequest) -> dict[str, Any]:
    """OpenAI's answer. Raises ModelNotFound, UsageError, QueryFileError, ModalityNotSupported."""
    card = service.embedder.card
    if request.model not in (None, card.name):
        raise ModelNotFound(
            f"This index has the model {card.name}, not {(request.model or '')[:100]}.",
            f"Ask for {card.name}.",
        )
    if request.dimensions not in (None, card.dim):
        raise UsageError(
            f"A vector of {card.name} has {card.dim} dimensions, and cannot be shortened.",
            f"Leave out `dimensions`, or ask for {card.dim}.",
        )
    inputs = request.input if isinstance(request.input, list) else [request.input]
    if not 0 < len(inputs) <= 256:
        raise QueryFileError(f"{len(inputs)} inputs cannot be embedded at once.", "Send 1 to 256.")
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": _encoded(_vector(service, one), request.encoding_format),
        }
        for i, one in enumerate(inputs)
    ]
    n_words = sum(len(one.split()) for one in inputs if isinstance(one, str))
    usage = {"prompt_tokens": n_words, "total_tokens": n_words}
    return {"object": "list", "model": card.name, "data": data, "usage": usage}


def _vector(service: Service, one: str | MediaInput) -> npt.NDArray[np.float32]:
    with service.index() as index:
        if isinstance(one, str):
            if len(one) > MOST_CHARACTERS:
                raise QueryFileError(
                    f"A text of {len(one):,} characters cannot be embedded.",
                    f"Send {MOST_CHARACTERS:,} at most.",
                )
            return index.embed(one)
        parts = {name: value for name, value in one.items() if value}
        names = [row.name for row in modalities.table()]
        if len(parts) != 1 or not parts.keys() <= set(names):
            raise QueryFileError(
                f"An input is words, or a file of one modality: {', '.join(names)}.",
                'For example: {"image": "<base64>"}',
            )
        ((name, text),) = parts.items()
        try:
            content = base64.b64decode(text.rpartition("base64,")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise QueryFileError(
                f"The {name} is not in base64.", "Encode the file's bytes in base64."
            ) from error
        with Upload() as upload:
            upload.add(content)
            path: Path = upload.finish()
            return index.embed(**{name: path})


def _encoded(vector: npt.NDArray[np.float32], form: str | None) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    return [float(number) for number in vector]
