"""What an indexed file became since: no preview, content, agent or reranker is led out of the folder by a link."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sample_files
from starlette.testclient import TestClient

import anyseek
from anyseek.serve import content


def to_link(file: Path, outside: Path) -> None:
    file.unlink()
    file.symlink_to(outside / file.name)


def folder_to_link(file: Path, outside: Path) -> None:
    file.parent.rename(outside.with_name("away"))
    file.parent.symlink_to(outside)


def to_folder(file: Path, outside: Path) -> None:
    file.unlink()
    file.mkdir()


def to_pipe(file: Path, outside: Path) -> None:
    file.unlink()
    os.mkfifo(file)


SWAPS = [to_link, folder_to_link, to_folder, to_pipe]


@pytest.fixture
def green(client: TestClient) -> dict[str, Any]:
    """A picture of the library, which has a namesake outside of it."""
    hit: dict[str, Any]
    (hit,) = client.get("/search?words=green&to=image&k=1").json()["hits"]
    return hit


@pytest.fixture
def outside(tmp_path: Path, green: dict[str, Any]) -> Path:
    (tmp_path / "outside").mkdir()
    sample_files.picture(tmp_path / "outside" / Path(green["path"]).name, "red")
    return tmp_path / "outside"


@pytest.mark.thorough
@pytest.mark.parametrize("swap", SWAPS)
def test_content_and_preview_are_of_the_folder_alone(
    client: TestClient, green: dict[str, Any], outside: Path, swap: Callable[[Path, Path], None]
) -> None:
    swap(Path(green["path"]), outside)
    assert client.get(green["content"]).status_code == 404
    preview = client.get(green["preview"])
    assert preview.status_code >= 400
    assert preview.headers["content-type"] == "application/problem+json"


def test_content_is_of_the_file_that_was_opened_whatever_takes_its_place(
    client: TestClient, green: dict[str, Any], outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path(green["path"]).read_bytes()
    original = content._FilePart.__call__

    async def swapped(*arguments: Any) -> None:
        to_link(Path(green["path"]), outside)
        await original(*arguments)

    monkeypatch.setattr(content._FilePart, "__call__", swapped)
    assert client.get(green["content"]).content == whole


def test_a_part_of_a_content(client: TestClient, green: dict[str, Any]) -> None:
    whole = Path(green["path"]).read_bytes()
    part = client.get(green["content"], headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, whole[5:10])
    beyond = client.get(green["content"], headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416


@pytest.mark.thorough
@pytest.mark.own_process
def test_no_descriptor_is_left_open(client: TestClient, green: dict[str, Any]) -> None:
    client.get(green["content"])
    before = len(os.listdir("/proc/self/fd"))
    for headers in ({}, {"Range": "bytes=5-9"}, {"Range": "bytes=999999-"}, {"Range": "x"}):
        client.get(green["content"], headers=headers)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (b"caf\xe9.txt", "caf\ufffd.txt"),
        (b"\xff\xfe.txt", "\ufffd\ufffd.txt"),
        ('"a"\r\nX: y\u2028.txt'.encode(), '"a"\r\nX: y\u2028.txt'),
        ("\u00fc \u732b.txt".encode(), "\u00fc \u732b.txt"),
    ],
)
def test_a_name_of_any_bytes_is_sent(media: Path, client: TestClient, name: bytes, sent: str) -> None:
    (Path(os.fsdecode(os.fsencode(media) + b"/" + name))).write_text("green green green green")
    with anyseek.open(media) as index:
        index.add(workers=1)
    hits = client.get("/search?words=green&to=text&k=50").json()["hits"]
    answers = [
        client.get(hit["content"]) for hit in hits if hit["path"].count("/") == str(media).count("/") + 1
    ]
    (answer,) = answers
    assert (answer.status_code, answer.text) == (200, "green green green green")
    header = answer.headers["content-disposition"]
    (encoded,) = re.findall(r"^inline; filename\*=UTF-8''([\w.%-]+)$", header)
    assert bytes.fromhex(re.sub(r"%(..)|(.)", lambda m: m[1] or f"{ord(m[2]):02x}", encoded)).decode() == sent
