"""The hooks are the project's own tools: nothing is fetched, and they say what `make check` says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"


def test_hooks_run_tools_of_the_environment() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for repository in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] == "system"
            tool, *arguments = hook["entry"].removeprefix(".venv/bin/").split()
            assert " ".join([f"$(BIN)/{tool}", *arguments[:1]]) in makefile


def test_a_commit_in_another_style_is_refused(tmp_path: Path) -> None:
    tools = tmp_path / ".venv/bin"
    tools.mkdir(parents=True)
    for tool in ("ruff", "lint-imports"):
        (tools / tool).symlink_to(Path(sys.executable).with_name(tool))
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    module = tmp_path / "module.py"
    module.write_text('name = "one"\n')

    def commit() -> subprocess.CompletedProcess[str]:
        git = ["git", "-C", str(tmp_path)]
        for command in (["init", "--quiet"], ["add", "module.py", ".pre-commit-config.yaml"]):
            subprocess.run([*git, *command], check=True, capture_output=True)
        command = [sys.executable, "-m", "pre_commit", "run", "--files", "module.py"]
        environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert commit().returncode == 0, commit().stdout
    module.write_text("name='one'\n")
    refused = commit()
    assert refused.returncode == 1
    assert "ruff format" in refused.stdout
    assert module.read_text() == 'name = "one"\n'
