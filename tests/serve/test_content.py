"""Files and pictures of hits: what a browser may show of them, and what it may keep."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import sample_files
from asgi import Sent, ask, headers
from fakes import WordEmbedder
from PIL import Image
from starlette.testclient import TestClient

import anyseek
from anyseek.serve.app import make_app
from anyseek.serve.content import INLINE, kind_of
from anyseek.serve.guard import Guard

PAGE = b"<!doctype html><html><body><p>green green</p><script>alert(1)</script></body></html>"
XML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>green</p><script>1</script></body></html>'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><text>green</text></svg>'
NAMES = (
    *(
        "a.html",
        "a.htm",
        "a.xhtml",
        "a.html.gz",
        "a.html.br",
        "a.htm.xz",
        "a.shtml",
        "a.xht",
        "a.xml",
        "a.svg",
        "a.svgz",
    ),
    *(
        "a.mht",
        "a.mhtml",
        "a.pdf",
        "a.hta",
        "a.xsl",
        "a.js",
        "a.txt",
        "a.md",
        "a.HTML",
        "a.html.bz2",
        "a.html.zst",
        "a",
    ),
    *(
        "a.jpg.html",
        "a.html.jpg.svg",
        "a.swf",
        "a.wasm",
        "a.eml",
        "a.css",
        "a.json",
        "a.rdf",
        "a.atom",
        "a.vtt",
        "a.srt",
    ),
)


def hits(client: TestClient, **query: Any) -> dict[str, dict[str, Any]]:
    found = client.get("/search", params={"words": "green", "k": 100} | query).json()["hits"]
    return {Path(hit["path"]).name: hit for hit in found}


def indexed(media: Path) -> None:
    with anyseek.open(media, model=WordEmbedder()) as index:
        index.add(workers=1)


# ---------------------------------------------------------------- what may be shown


@pytest.mark.parametrize("is_text", [True, False])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [PAGE, XML, SVG, gzip.compress(PAGE, mtime=0)])
def test_no_name_and_no_content_makes_a_document_that_runs(name: str, content: bytes, is_text: bool) -> None:
    kind = kind_of(name, content, is_text=is_text)
    expected = "text/plain" if is_text else "application/octet-stream"
    assert kind.media_type.partition(";")[0] == expected
    assert kind.is_inline is is_text


def test_no_type_on_the_list_can_hold_a_script() -> None:
    for media_type in INLINE.values():
        assert media_type.partition("/")[0] in ("image", "audio", "video")
        assert not any(word in media_type for word in ("svg", "xml", "html", "pdf"))


def test_texts_of_every_name_that_is_indexed_are_plain_text(client: TestClient, media: Path) -> None:
    for i, name in enumerate(NAMES):
        (media / "notes" / name).write_bytes((PAGE, XML, SVG)[i % 3] + name.encode())
    indexed(media)
    found = hits(client, to="text", segments=True)
    shown = [name for name in NAMES if name in found]
    assert {"a.html", "a.xhtml", "a.html.gz", "a.shtml"} & set(shown)
    for name in shown:
        answer = client.get(found[name]["content"])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert "content-encoding" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.content == (media / "notes" / name).read_bytes()


def test_pictures_and_sounds_are_shown_and_arrays_are_saved(client: TestClient) -> None:
    found = hits(client)
    seen = {
        name: (answer.headers["content-type"], answer.headers["content-disposition"].partition(";")[0])
        for name in ("green.png", "green.wav", "green.npy")
        if (answer := client.get(found[name]["content"]))
    }
    for name in ("green.png", "green.wav", "green.npy"):
        policy = client.get(found[name]["content"]).headers["content-security-policy"]
        assert policy.startswith("sandbox")
        assert "default-src 'none'" in policy
        assert "allow-scripts" not in policy
    assert seen == {
        "green.png": ("image/png", "inline"),
        "green.wav": ("audio/wav", "inline"),
        "green.npy": ("application/octet-stream", "attachment"),
    }


def test_a_picture_under_the_name_of_a_page_is_saved(client: TestClient, media: Path) -> None:
    for name in ("page.html", "page.svg", "page.xml", "page.html.gz"):
        assert kind_of(name, (media / "pictures/green.png").read_bytes(), is_text=False).is_inline is False


def test_a_text_that_is_not_utf_8_is_not_called_utf_8() -> None:
    for text, media_type in (
        ("Grüße".encode(), "text/plain; charset=utf-8"),
        ("Grüße".encode()[:3], "text/plain; charset=utf-8"),  # cut within a character
        ("Grüße aus Köln".encode("latin-1"), "text/plain"),
        ("\ufeffGrüße".encode("utf-16"), "text/plain"),
        (b"", "text/plain; charset=utf-8"),
    ):
        assert kind_of("a.txt", text, is_text=True).media_type == media_type


def test_a_name_of_any_bytes_is_sent(client: TestClient, media: Path) -> None:
    raw = b'gr\xfcn "\r\n;x.png'
    shutil.copy(media / "pictures/green.png", os.fsencode(media) + b"/" + raw)
    indexed(media)
    with anyseek.open(media, model=WordEmbedder()) as index:
        (number,) = [h.segment_id for h in index.search("green", to="image", k=100) if "\udcfc" in h.path]
    answer = client.get(f"/segments/{number}/content")
    assert answer.status_code == 200
    assert (
        answer.headers["content-disposition"] == "inline; filename*=UTF-8''gr%EF%BF%BDn%20%22%0D%0A%3Bx.png"
    )


# ---------------------------------------------------------------- parts of a file


def test_a_part_of_a_file(client: TestClient, media: Path) -> None:
    address = hits(client)["green.wav"]["content"]
    whole = (media / "sounds/green.wav").read_bytes()
    size = len(whole)
    for given, part in (
        ("bytes=0-0", whole[:1]),
        ("bytes=10-19", whole[10:20]),
        ("bytes=10-", whole[10:]),
        ("bytes=-10", whole[-10:]),
        (f"bytes=-{size * 2}", whole),
        (f"bytes=10-{size * 2}", whole[10:]),
    ):
        answer = client.get(address, headers={"range": given})
        assert (answer.status_code, answer.content) == (206, part), given
        assert answer.headers["content-range"].endswith(f"/{size}")
    for given in (f"bytes={size}-", f"bytes={size}-{size + 5}", "bytes=-0"):
        answer = client.get(address, headers={"range": given})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{size}"
    for given in (
        "bytes=-",
        "bytes=5-1",
        "bytes=0-1,5-6",
        "lines=0-1",
        "bytes=a-b",
        f"bytes={'9' * 5000}-",
        "bytes= 0-1",
    ):
        answer = client.get(address, headers={"range": given})
        assert (answer.status_code, answer.content) == (200, whole), given


def test_a_part_of_a_file_that_has_changed_is_not_mixed_with_the_old(client: TestClient, media: Path) -> None:
    address = hits(client)["green.wav"]["content"]
    tag = client.get(address).headers["etag"]
    ask_for = {"range": "bytes=0-9", "if-range": tag}
    assert client.get(address, headers=ask_for).status_code == 206
    os.utime(media / "sounds/green.wav", ns=(1, 1))
    assert client.get(address, headers=ask_for).status_code == 200


def test_a_file_that_the_client_has_is_not_sent_again(client: TestClient, media: Path) -> None:
    address = hits(client)["green.wav"]["content"]
    tag = client.get(address).headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = client.get(address, headers={"if-none-match": given})
        assert (answer.status_code, answer.content) == (304, b"")
    os.utime(media / "sounds/green.wav", ns=(1, 1))
    assert client.get(address, headers={"if-none-match": tag}).status_code == 200


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "nothing"])
def test_what_took_the_place_of_a_file_is_not_opened(client: TestClient, media: Path, kind: str) -> None:
    address = hits(client)["green.wav"]["content"]
    file = media / "sounds/green.wav"
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "link":
        file.symlink_to(media / "sounds/red.wav")
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("number", "status"), [(errno.EMFILE, 503), (errno.EACCES, 403), (errno.EIO, 500), (errno.ENOENT, 404)]
)
def test_a_file_that_cannot_be_opened_is_not_called_gone(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    address = hits(client)["green.wav"]["content"]

    def refused(file: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("anyseek.serve.content.open_file", refused)
    answer = client.get(address)
    assert answer.status_code == status
    assert ("no longer where it was" in answer.text) == (status == 404)


# ---------------------------------------------------------------- what may be kept


def test_a_preview_is_kept_under_the_address_of_its_version(client: TestClient) -> None:
    address = hits(client)["green.png"]["preview"]
    assert "?v=" in address
    first = client.get(address)
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert first.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for given in (first.headers["etag"], "*"):
        again = client.get(address, headers={"if-none-match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    plain = client.get(address.partition("?")[0])
    assert plain.content == first.content
    assert plain.headers["cache-control"] == "private, no-cache"


def test_a_picture_that_changed_is_shown_as_it_is_and_not_kept(client: TestClient, media: Path) -> None:
    address = hits(client)["green.png"]["preview"]
    old = client.get(address)
    sample_files.picture(media / "pictures/green.png", "red")
    new = client.get(address)
    assert new.headers["cache-control"] == "private, no-cache"
    assert new.headers["etag"] != old.headers["etag"]
    assert new.content != old.content
    indexed(media)
    assert client.get(address).status_code == 404  # that version is no longer in the index
    found = hits(client, words="red", to="image")["green.png"]["preview"]
    assert found != address
    assert client.get(found).content == new.content


def test_another_folder_on_the_same_port_never_shows_old_pictures(tmp_path: Path, media: Path) -> None:
    """The same names, numbers, sizes and times, in another folder, with other pictures."""
    other = tmp_path / "other"
    shutil.copytree(media, other, ignore=shutil.ignore_patterns(".anyseek"))
    Image.new("RGB", (24, 16), (0, 250, 0)).save(other / "pictures/green.png", compress_level=0)
    for file in sorted(other.rglob("*.*")):
        os.utime(file, ns=(1, 1))
    with anyseek.create(other, model=WordEmbedder()) as index:
        index.add(workers=1)
    kept: dict[str, bytes] = {}
    for folder in (media, other):
        with TestClient(make_app(folder / ".anyseek", guard=Guard()), base_url="http://localhost") as client:
            for hit in hits(client, to="image").values():
                assert hit["preview"] not in kept
                kept[hit["preview"]] = client.get(hit["preview"]).content
            for address in kept:
                answer = client.get(address)
                assert answer.status_code == 404 or answer.content == kept[address]
                assert client.get(address.replace("preview", "content")).status_code == answer.status_code


def test_copies_of_an_index_that_went_different_ways_have_different_addresses(
    tmp_path: Path, media: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(media, copy)
    sample_files.picture(media / "pictures/new.png", "green")
    sample_files.picture(copy / "pictures/new.png", "red")
    addresses = []
    for folder in (media, copy):
        indexed(folder)
        with TestClient(make_app(folder / ".anyseek", guard=Guard()), base_url="http://localhost") as client:
            addresses.append(hits(client, to="image")["new.png"]["preview"])
    assert addresses[0].partition("?")[0] == addresses[1].partition("?")[0]
    assert addresses[0] != addresses[1]


def test_the_version_is_a_field_like_others(client: TestClient) -> None:
    address = hits(client)["green.png"]["preview"]
    assert client.get(address + "&x=1").status_code == 400
    assert client.get(address + "0").status_code == 404
    assert client.get("/segments/1/preview", params={"v": "x" * 65}).status_code == 422
    assert ask(client.app, Sent("/segments/1/content", query=b"v=\xff", headers=headers())).status == 404
