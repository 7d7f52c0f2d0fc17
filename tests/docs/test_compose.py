"""The compose file of a cluster has what Qdrant needs for one, and names a command that exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from anyseek.terminal.program import build

yaml = pytest.importorskip("yaml")
FILE = Path(__file__).resolve().parents[2] / "docs" / "qdrant-cluster.yaml"


def test_every_node_is_in_the_cluster_keeps_its_data_and_requires_the_key() -> None:
    config = yaml.safe_load(FILE.read_text("utf-8"))
    nodes = config["services"]
    assert len(nodes) == 3
    addresses = []
    for name, node in nodes.items():
        assert node["environment"]["QDRANT__CLUSTER__ENABLED"] == "true"
        assert node["environment"]["QDRANT__SERVICE__API_KEY"].startswith("${QDRANT_KEY:?")
        command = node["command"]
        own = urlsplit(command[command.index("--uri") + 1])
        assert (own.hostname, own.port) == (name, 6335)
        addresses.append(own.geturl())
        (volume,) = node["volumes"]
        assert volume == f"{name}:/qdrant/storage"
        assert name in config["volumes"]
    first, *others = nodes.values()
    assert "--bootstrap" not in first["command"]
    for node in others:
        assert node["command"][node["command"].index("--bootstrap") + 1] == addresses[0]
    assert all(port.startswith("127.0.0.1:") for node in nodes.values() for port in node.get("ports", []))


def test_the_command_at_its_top_is_understood(tmp_path: Path) -> None:
    (line,) = re.findall(r"^#   anyseek (.*)$", FILE.read_text("utf-8"), re.MULTILINE)
    ran = CliRunner().invoke(build(), [*shlex.split(line), "--index", str(tmp_path)])
    assert ran.exit_code != 2, ran.output  # 2: an option that does not exist
