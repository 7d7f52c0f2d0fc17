"""Repositories of a model hub, against a server of our own that plays one, drops connections and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from played_hub import WEIGHTS, Hub, played_hub
from waiting import BRAKE_S

pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub() -> Iterator[str]:
    with played_hub() as address:
        yield address


def anyseek(tmp_path: Path, endpoint: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    places = {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    return subprocess.run(
        [sys.executable, "-m", "anyseek.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **places, **more},
        timeout=BRAKE_S,
    )


@pytest.mark.thorough
def test_a_repository_is_fetched_through_a_dropped_connection_and_known_afterwards(
    hub: str, tmp_path: Path
) -> None:
    before = json.loads(anyseek(tmp_path, hub, "models", "show", "pe-av-small", "--json").stdout)
    assert before["on_disk"] is False
    asked = anyseek(
        tmp_path, hub, "index", str(tmp_path), "--model", "pe-av-small", "--index", str(tmp_path / "i")
    )
    assert asked.returncode != 0
    assert "anyseek models pull pe-av-small" in asked.stderr
    pulled = anyseek(tmp_path, hub, "models", "pull", "pe-av-small")
    assert pulled.returncode == 0, pulled.stderr
    folder = Path(pulled.stdout.strip())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert sorted(one.name for one in folder.iterdir()) == ["config.json", "model.safetensors"]
    tries = [one for one in Hub.asked if one.startswith("GET") and "model.safetensors" in one]
    assert len(tries) == 2  # the library keeps pieces of ten megabytes, so this small one came whole
    after = json.loads(anyseek(tmp_path, hub, "models", "show", "pe-av-small", "--json").stdout)
    assert (after["on_disk"], after["path"]) == (True, str(folder))
    assert after["fingerprint"] != before["fingerprint"]


@pytest.mark.parametrize(
    ("endpoint", "offline"),
    [("http://127.0.0.1:9", "0"), ("http://127.0.0.1:9", "1")],
    ids=["no server", "offline"],
)
def test_what_cannot_be_fetched_is_told_in_a_sentence(tmp_path: Path, endpoint: str, offline: str) -> None:
    refused = anyseek(tmp_path, endpoint, "models", "pull", "pe-av-small", HF_HUB_OFFLINE=offline)
    assert refused.returncode == 22
    assert "facebook/pe-av-small could not be downloaded" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.thorough
def test_a_repository_without_an_onnx_file_is_told_so(hub: str, tmp_path: Path) -> None:
    told = anyseek(tmp_path, hub, "models", "show", "onnx:facebook/pe-av-small")
    assert told.returncode != 0
    assert "facebook/pe-av-small has no onnx/model.onnx" in told.stderr
    assert not [
        one for one in Hub.asked if one.startswith("GET") and "safetensors" in one
    ]  # too much to fetch
    missing = anyseek(tmp_path, hub, "models", "show", "onnx:no/such-model")
    assert missing.returncode == 22
    assert "no/such-model could not be downloaded" in missing.stderr
    assert "Traceback" not in told.stderr + missing.stderr
