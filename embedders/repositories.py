"""Models that are a repository of a model hub: what of them is on this disk, and how it gets there.

By huggingface_hub, whose settings hold: HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, proxies. It takes an
interrupted download up again and checks what it received.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyseek.errors import DiskFull, DownloadFailed, MissingExtra, ModelNotFound
from anyseek.jsonable import parsed

TENSORS = ("*.json", "*.safetensors", "*.txt")
ONNX = ("*.json", "onnx/model.onnx*", "*_Dense/*")


def here(repository: str) -> Path | None:
    """The folder of the repository's files on this disk, None when it was not downloaded."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    cached = try_to_load_from_cache(repository, "config.json")
    if not isinstance(cached, str):
        return None
    folder = Path(cached).parent
    return folder if any(folder.glob("*.safetensors")) else None


def commit(repository: str) -> str:
    """Which state of the repository is here: its commit, "" for none."""
    folder = here(repository)
    return folder.name if folder else ""


def find(name: str, repository: str) -> Path:
    """The folder. Raises ModelNotFound with the command that downloads it."""
    folder = here(repository)
    if folder is None:
        raise ModelNotFound(
            f"The weights of {name} are not on this disk.", f"Download them: anyseek models pull {name}"
        )
    return folder


def with_onnx(repository: str) -> Path:
    """The folder of a repository with its ONNX file, downloaded the first time. Raises what `pull` raises."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError as error:
        raise MissingExtra("huggingface_hub is not installed.", "pip install 'anyseek[onnx]'") from error
    try:
        cached = try_to_load_from_cache(repository, "onnx/model.onnx")
    except ValueError as error:  # not a name that a repository can have
        raise ModelNotFound(
            f"{repository} is neither a folder nor a model of the hub.", "Check the name."
        ) from error
    if isinstance(cached, str):
        return Path(cached).parents[1]
    return pull(repository, ONNX)


def pull(repository: str, patterns: Sequence[str] = TENSORS) -> Path:
    """Download what is missing of a repository: the files of these patterns.

    Raises MissingExtra, DownloadFailed, DiskFull.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtra("huggingface_hub is not installed.", "pip install 'anyseek[models]'") from error
    try:
        return Path(snapshot_download(repository, allow_patterns=list(patterns)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "There is no space for the model.",
                "Free some space, or set HF_HOME to a folder on another disk.",
            ) from error
        reason = str(error).strip().split("\n")[0][:200]
        raise DownloadFailed(
            f"{repository} could not be downloaded: {reason}",
            "Check the network, HF_ENDPOINT and HF_HUB_OFFLINE; run it again to continue where it stopped.",
        ) from error


def config(folder: Path) -> Mapping[str, Any]:
    """The object in config.json. Raises ModelNotFound for one that is damaged."""
    try:
        settings = parsed((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{folder}/config.json cannot be read.", "Download the model again.") from error
    return settings if isinstance(settings, dict) else {}
