"""A sentence-transformers model of texts that has an ONNX file, without torch: tokenizers, ONNX Runtime, NumPy.

The library's own backend wants packages that do not go together with it. What it would do is little: a transformer, and
modules after it that the folder names (`modules.json`). Of these Pooling, Dense and Normalize are supported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from anyseek.contracts import DecodeHint, Modality, ModelCard, Preparer, Role
from anyseek.embedders.fingerprint import digest, fingerprint
from anyseek.embedders.plain import PrepareText
from anyseek.embedders.support import not_supported
from anyseek.errors import ModelNotFound
from anyseek.jsonable import parsed

if TYPE_CHECKING:
    from anyseek.contracts import Floats

    Module = Callable[[Floats, npt.NDArray[np.int64]], Floats]

REVISION = 1  # of what is done here: a change that moves vectors raises it
WEIGHTS = "onnx/model.onnx"
BATCH = 64
MOST_CHARS = 1200  # of a passage, as for every sentence-transformers model
PROMPTS = {"query": ("query",), "document": ("document", "passage", "corpus")}


@dataclass(frozen=True, slots=True)
class Words:
    """What a folder says of its texts: tokens at most, lower case or not, what is put in front of them."""

    longest: int
    is_lowered: bool
    prompts: dict[str, str]
    default: str

    def prompted(self, text: str, role: Role) -> str:
        """The text with its prompt."""
        prompts = [self.prompts[name] for name in PROMPTS[role] if name in self.prompts]
        full = (prompts[0] if prompts else self.default) + text
        return full.lower() if self.is_lowered else full


class OnnxTextEmbedder:
    """The Embedder of `onnx:NAME`. Raises ModelNotFound for a folder that cannot be used."""

    def __init__(
        self, name: str, folder: Path, source: str, licence: str, commercial_use: str, dim: int | None = None
    ) -> None:
        weights = folder / WEIGHTS
        if not weights.exists():
            raise ModelNotFound(f"{source} has no {WEIGHTS}.", "Without it: st:NAME runs the model by torch.")
        self._words = _words(folder)
        self._tokens = _tokenizer(folder / "tokenizer.json")
        self._tokens.enable_truncation(self._words.longest)
        pad = str(_named(_json(folder / "tokenizer_config.json").get("pad_token")) or "[PAD]")
        self._tokens.enable_padding(pad_token=pad, pad_id=self._tokens.token_to_id(pad) or 0)
        self._modules = [*_modules(folder)]
        self._session = _session(weights, source)
        self._dim: int | None = None
        full = self._embedded(["a"], "document").shape[1]
        if dim and dim > full:
            raise ModelNotFound(f"{source} gives {full} numbers a vector, not {dim}.", "Ask for fewer.")
        self._dim = dim or full
        files = sorted(folder.rglob("*.json")) + sorted(weights.parent.glob("model.onnx*"))
        facts = [
            f"{path.relative_to(folder)}={digest(path)}"
            for path in (*files, *folder.glob("*_Dense/*.safetensors"))
        ]
        self._card = ModelCard(
            name=name,
            fingerprint=fingerprint("onnx", [REVISION, self._dim, *facts]),
            dim=self._dim,
            modalities=(Modality.TEXT,),
            licence=licence,
            commercial_use=cast(Literal["yes", "no", "check"], commercial_use),
            size_bytes=sum(path.stat().st_size for path in weights.parent.glob("model.onnx*")),
            source=source,
        )

    @property
    def card(self) -> ModelCard:
        """Name, fingerprint, dimension, modalities, licence."""
        return self._card

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""
        if modality is not Modality.TEXT:
            raise not_supported(self._card, modality)
        return PrepareText(DecodeHint(passage_chars=min(MOST_CHARS, 4 * self._words.longest)))

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit rows (len(prepared), dim) float32, in order. `role` chooses between the model's prompts.

        `target` makes no difference.
        """
        self.preparer(modality)
        rows = np.empty((len(prepared), self._card.dim), np.float32)
        by_length = sorted(range(len(prepared)), key=lambda i: len(prepared[i]))
        for first in range(0, len(by_length), BATCH):
            part = by_length[first : first + BATCH]
            rows[part] = self._embedded([prepared[i] for i in part], role)
        return rows

    def _embedded(self, texts: list[str], role: Role) -> Floats:
        read = self._tokens.encode_batch([self._words.prompted(text, role) for text in texts])
        mask = np.array([one.attention_mask for one in read], np.int64)
        inputs = {
            "input_ids": np.array([one.ids for one in read], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in read], np.int64),
        }
        used = {one.name: inputs[one.name] for one in self._session.get_inputs()}
        rows: Floats = next(out for out in self._session.run(None, used) if out.ndim == 3)
        for module in self._modules:
            rows = module(rows, mask)
        rows = rows[:, : self._dim]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths == 0).any():
            raise ModelNotFound(
                "The model gives numbers that are none (NaN, or nothing but zeros).", "Try another."
            )
        unit: Floats = (rows / lengths).astype(np.float32)
        return unit


def _session(weights: Path, source: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own classes have no common name
        reason = str(error).strip().split("\n")[0][:200]
        raise ModelNotFound(
            f"{WEIGHTS} of {source} cannot be read: {reason}", "Download it again."
        ) from error
    other = {one.name for one in session.get_inputs()} - {"input_ids", "attention_mask", "token_type_ids"}
    if other or not any(len(one.shape) == 3 for one in session.get_outputs()):
        reason = f"needs {', '.join(sorted(other))}" if other else "does not return vectors of tokens"
        raise ModelNotFound(f"{WEIGHTS} of {source} {reason}.", "st:NAME runs the model by torch.")
    return session


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelNotFound(f"{path} cannot be read: {error}.", "Download the model again.") from error


def _words(folder: Path) -> Words:
    model_settings, text_settings = (
        _json(folder / "config_sentence_transformers.json"),
        _json(folder / "sentence_bert_config.json"),
    )
    prompts = {name: text for name, text in (model_settings.get("prompts") or {}).items() if text}
    limits = [
        text_settings.get("max_seq_length"),
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        _json(folder / "config.json").get("max_position_embeddings"),
    ]
    longest = next((int(one) for one in limits if isinstance(one, int | float) and 0 < one < 1e6), 512)
    return Words(
        longest,
        bool(text_settings.get("do_lower_case")),
        prompts,
        prompts.get(model_settings.get("default_prompt_name"), ""),
    )


def _modules(folder: Path) -> Iterator[Module]:
    """What comes after the transformer, in order; a folder that names nothing means the mean of the tokens."""
    named = _json(folder / "modules.json", list) or [{"type": "Transformer"}, {"type": "Pooling"}]
    for one in named[1:]:
        about = one if isinstance(one, dict) else {}
        kind, place = str(about.get("type")).rpartition(".")[2], folder / str(about.get("path", ""))
        if kind == "Pooling":
            yield _pooling(_json(place / "config.json") if about.get("path") else {})
        elif kind == "Dense":
            yield _dense(place)
        elif kind != "Normalize":  # rows are brought to unit length in any case
            raise ModelNotFound(f"{folder.name} has a module {kind}, which is not supported.", "Use st:NAME.")


def _pooling(config: dict[str, Any]) -> Module:
    named = config.get("pooling_mode")
    chosen = (
        [named]
        if isinstance(named, str)
        else [mode for mode, is_on in config.items() if mode.startswith("pooling_mode_") and is_on]
    )
    mode = (
        (chosen or ["mean"])[0].removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
    )
    if len(chosen) > 1 or mode not in POOLED or config.get("include_prompt") is False:
        raise ModelNotFound(
            f"Pooling by {', '.join(chosen) or 'part of the tokens'} is not supported.", "Use st:NAME."
        )
    return POOLED[mode]


def _mean(tokens: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    pooled: Floats = (tokens * mask[:, :, None]).sum(1) / np.maximum(mask.sum(1), 1)[:, None]
    return pooled


def _first(tokens: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    pooled: Floats = tokens[np.arange(len(mask)), mask.argmax(1)]
    return pooled


def _last(tokens: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    pooled: Floats = tokens[np.arange(len(mask)), mask.shape[1] - 1 - mask[:, ::-1].argmax(1)]
    return pooled


def _highest(tokens: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    pooled: Floats = np.where(mask[:, :, None] > 0, tokens, -np.inf).max(1)
    return pooled


POOLED: dict[str, Module] = {"mean": _mean, "cls": _first, "lasttoken": _last, "max": _highest}


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "Identity": lambda rows: rows,
    "Tanh": np.tanh,
    "ReLU": lambda rows: np.maximum(rows, 0),
}


def _dense(place: Path) -> Module:
    from safetensors.numpy import load_file

    kind = str(_json(place / "config.json").get("activation_function", "Identity")).rpartition(".")[2]
    bend = ACTIVATIONS.get(kind)
    if bend is None or not (place / "model.safetensors").exists():
        raise ModelNotFound(f"{place} is a dense module that is not supported.", "Use st:NAME.")
    tensors = load_file(place / "model.safetensors")
    weight, bias = tensors["linear.weight"], tensors.get("linear.bias", np.float32(0))
    return lambda rows, mask: bend(rows @ weight.T + bias)


def _json(path: Path, kind: type = dict) -> Any:
    """What a file of settings says; nothing where it is not there. Raises ModelNotFound for one that is damaged."""
    if not path.exists():
        return kind()
    try:
        settings = parsed(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelNotFound(f"{path} cannot be read.", "Download the model again.") from error
    if not isinstance(settings, kind):
        raise ModelNotFound(f"{path} is not a file of such settings.", "Download the model again.")
    return settings


def _named(token: Any) -> Any:
    """Tokens are written as words, or as what is known of them."""
    return token.get("content") if isinstance(token, dict) else token
