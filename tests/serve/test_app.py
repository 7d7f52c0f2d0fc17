"""The HTTP interface: answers, and problem documents for everything else."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import os
import resource
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder
from PIL import Image
from starlette.testclient import TestClient
from waiting import BRAKE_S, wait_until

import anyseek
from anyseek.errors import UsageError
from anyseek.serve import bodies, searching
from anyseek.serve.app import make_app
from anyseek.serve.guard import Guard


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [Path(hit["path"]).name for hit in answer.json()["hits"]]


def is_problem(answer: Any, status: int, said: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert said in told["title"]
    assert "Traceback" not in answer.text


# ---------------------------------------------------------------- searching


def test_words_find_every_modality_by_post_and_by_address(client: TestClient) -> None:
    posted = client.post("/search", json={"words": "green", "to": "image,audio", "k": 1})
    assert names(posted) == ["green.png", "green.wav"]
    assert (
        client.get("/search", params={"words": "green", "to": "image,audio", "k": 1}).json() == posted.json()
    )


def test_a_file_is_a_question(client: TestClient, media: Path) -> None:
    for file in ("pictures/blue.png", "sounds/blue.wav", "rooms/blue.npy", "notes/blue.txt"):
        answer = client.post(
            "/search/file", params={"to": "image", "k": 1}, content=(media / file).read_bytes()
        )
        assert names(answer) == ["blue.png"]
        assert "/tmp" not in answer.json()["query"]


def test_hits_that_are_liked_and_not(client: TestClient) -> None:
    hits = {
        Path(h["path"]).name: h["segment_id"] for h in client.get("/search?words=red&to=image").json()["hits"]
    }
    liked = client.post("/search", json={"like": [hits["green.png"]], "to": "audio", "k": 1})
    assert names(liked) == ["green.wav"]
    both = {"words": "red green", "unlike": [hits["red.png"]], "to": "image", "k": 1}
    assert names(client.post("/search", json=both)) == ["green.png"]
    assert names(client.get(f"/segments/{hits['blue.png']}/similar?to=audio&k=1")) == ["blue.wav"]


def test_filters_and_the_least_match_are_honoured(client: TestClient) -> None:
    assert names(client.get("/search", params={"words": "green", "where": "name = red.png"})) == ["red.png"]
    is_problem(
        client.get("/search", params={"words": "green", "where": "colour = 1"}), 400, "no field 'colour'"
    )


# ---------------------------------------------------------------- looking at hits


def test_a_folder_is_compared_by_name_and_nothing_outside_is_told(client: TestClient, media: Path) -> None:
    inside = client.get("/search", params={"words": "green", "in": str(media / "pictures")}).json()["hits"]
    assert inside
    assert all("/pictures/" in hit["path"] for hit in inside)
    file, nothing = (
        client.get("/search", params={"words": "green", "in": path})
        for path in ("/etc/passwd", "/etc/nothing")
    )
    is_problem(file, 400, "outside")
    assert file.json()["title"].replace("passwd", "nothing") == nothing.json()["title"]
    is_problem(client.get("/search", params={"words": "green", "in": "pictures"}), 400, "absolute")
    is_problem(client.get("/search", params={"words": "green", "in": "/a\0b"}), 400, "NUL")


def test_what_finds_can_be_chosen(client: TestClient) -> None:
    (hit,) = client.get("/search", params={"words": "green", "to": "image", "k": 1, "by": "words"}).json()[
        "hits"
    ]
    assert hit["has_words"]
    is_problem(client.get(f"/segments/{hit['segment_id']}/similar", params={"by": "words"}), 400, "no words")
    is_problem(client.get("/search", params={"words": "green", "by": "smell"}), 422)
    schema = client.get("/openapi.json").json()
    parameters = schema["paths"]["/segments/{segment_id}/similar"]["get"]["parameters"]
    assert {"to", "k", "in", "by"} <= {one["name"] for one in parameters}
    assert not {"words", "like"} & {one["name"] for one in parameters}


def test_a_hit_can_be_seen_and_heard(client: TestClient) -> None:
    kinds = {}
    for hit in client.get("/search?words=green&k=1").json()["hits"]:
        preview = client.get(hit["preview"])
        kinds[hit["modality"]] = preview.headers.get("content-type", "")
        if hit["modality"] == "image":
            assert Image.open(io.BytesIO(preview.content)).size == (24, 16)
        assert client.get(hit["content"]).content == Path(hit["path"]).read_bytes()
    assert kinds == {"image": "image/jpeg", "depth": "image/jpeg", "audio": "audio/wav", "text": ""}


def test_the_window_that_was_found_is_the_one_that_plays(client: TestClient) -> None:
    hits = client.get(
        "/search", params={"words": "red", "where": "name = tour.wav", "segments": True}
    ).json()["hits"]
    first = next(hit for hit in hits if hit["span"]["start"] == 0)
    samples = np.frombuffer(client.get(first["preview"]).content[44:], np.int16).astype(float)
    loudest = np.abs(np.fft.rfft(samples)).argmax() * 16_000 / len(samples)
    assert loudest == pytest.approx(sample_files.TONES_HZ["red"], rel=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "number", ["999999", "0", "-1", "99999999999999999999999", "x", "..%2f..%2fetc%2fpasswd"]
)
def test_what_is_not_in_the_index_is_never_served(client: TestClient, number: str) -> None:
    for what in ("preview", "content", "similar"):
        assert client.get(f"/segments/{number}/{what}").status_code in (404, 422)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page.html"]
)
def test_no_path_leads_to_a_file(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_file_swapped_for_a_link_is_not_followed(client: TestClient, media: Path, tmp_path: Path) -> None:
    (hit,) = client.get("/search?words=green&to=image&k=1").json()["hits"]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.unlink(hit["path"])
    os.symlink(secret, hit["path"])
    assert client.get(hit["content"]).status_code == 404


def test_a_page_in_the_library_cannot_run_as_ours(client: TestClient, media: Path) -> None:
    (media / "notes/evil.html").write_text("<html><body><script>alert(1)</script>green green</body></html>")
    with anyseek.open(media, model=WordEmbedder()) as index:
        index.add(workers=1)
    (hit,) = client.get("/search", params={"words": "green", "where": "type = html"}).json()["hits"]
    answer = client.get(hit["content"])
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


# ---------------------------------------------------------------- what is wrong


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"words": "   "}, 400),
        ({"words": "a", "k": 0}, 422),
        ({"words": "a", "k": 10**9}, 422),
        ({"words": "a", "to": "smell"}, 400),
        ({"words": "a", "to": "video"}, 422),
        ({"words": "a", "min_match": 7}, 422),
        ({"words": 3}, 422),
        ({"words": "a" * 3000}, 422),
        ({"like": [10**9]}, 404),
        ({"like": ["x"]}, 422),
        ([], 422),
    ],
)
def test_a_search_that_makes_no_sense(client: TestClient, body: Any, status: int) -> None:
    is_problem(client.post("/search", json=body), status)


def test_a_field_that_there_is_not_is_refused_and_not_left_out(client: TestClient) -> None:
    answers = [
        client.get("/search?words=red&too=image"),
        client.post("/search", json={"words": "red", "too": "image"}),
        client.post("/search?too=image", json={"words": "red"}),
        client.post("/search/file?too=image", content=b"red"),
        client.get("/segments/1/similar?too=image"),
    ]
    for answer in answers:
        is_problem(answer, 400, "There is no field 'too'")
        has_near = answer is not answers[2]  # whose fields are in the body
        assert ("Did you mean 'to'?" in answer.json()["detail"]) is has_near
    for name in ("in", "in_"):
        is_problem(client.get(f"/search?words=red&{name}=relative"), 400, "not absolute")
    assert names(client.get("/search?words=red&to=image&k=1&token=any")) == ["red.png"]
    more = {"input": "red", "user": "someone", "dimensions": None}
    assert client.post("/v1/embeddings", json=more).status_code == 200


@pytest.mark.parametrize(
    "query", [{}, {"words": " "}, {"without": "red"}, {"words": "a", "where": "colour = 1"}]
)
def test_what_to_do_is_not_told_in_the_words_of_the_command_line(
    client: TestClient, query: dict[str, str]
) -> None:
    hint = client.get("/search", params=query).json()["detail"]
    assert hint
    assert "anyseek search" not in hint
    assert "--" not in hint


def test_bodies_that_are_none(client: TestClient) -> None:
    is_problem(client.post("/search", content=b"{", headers={"content-type": "application/json"}), 422)
    is_problem(client.post("/search/file", content=b""), 422, "empty")
    is_problem(client.post("/search/file", content=b"\x89PNG\r\n\x1a\n broken"), 422)
    is_problem(client.post("/search/file", content=b"PK\x03\x04" + bytes(99)), 422)
    is_problem(client.get("/nowhere"), 404, "There is nothing at /nowhere.")
    is_problem(client.delete("/search"), 405, "/search cannot be asked with DELETE.")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "number", ["9.0", "1.0", "+1", "%201", "1_0", "0x1", "1e0", "-1", "\u0663", "true", "9" * 99]
)
def test_the_number_of_a_segment_is_written_in_plain_digits(client: TestClient, number: str) -> None:
    for what in ("preview", "content", "similar"):
        is_problem(client.get(f"/segments/{number}/{what}"), 422, "segment_id should be")
    is_problem(client.get(f"/search?like={number}"), 422, "like.0 should be")


@pytest.mark.parametrize("number", [1.0, True, "1.0", None])
def test_the_number_of_a_segment_in_a_body_is_a_whole_one(client: TestClient, number: Any) -> None:
    is_problem(client.post("/search", json={"like": [number]}), 422, "like.0 should be")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/search", '{"words": "red", "words": "blue"}'),
        ("/search", '{"words": "red", "k": 1, "words": "red"}'),
        ("/v1/embeddings", '{"input": "red", "input": "blue"}'),
        ("/v1/embeddings", '{"input": [{"image": "", "image": ""}]}'),
    ],
)
def test_a_field_that_is_given_twice_is_refused(client: TestClient, path: str, body: str) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    is_problem(answer, 422, "is given more than once")


def test_a_parameter_that_is_given_twice_is_refused_unless_it_is_a_list(client: TestClient) -> None:
    for address in ("/search?words=red&words=blue", "/search?words=red&k=1&%6B=2", "/status?token=a&token=b"):
        is_problem(client.get(address), 422, "is given more than once")
    is_problem(client.post("/search/file?in=/a&in=/b", content=b"red"), 422, "in is given more than once")
    hits = client.get("/search?words=red&k=2").json()["hits"]
    liked = "&".join(f"like={hit['segment_id']}" for hit in hits[:2])
    assert client.get(f"/search?{liked}").status_code == 200


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate, br", "zstd"])
def test_a_body_that_is_compressed_is_refused(client: TestClient, encoding: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    for path in ("/search", "/search/file", "/v1/embeddings"):
        is_problem(client.post(path, content=gzip.compress(b"{}"), headers=headers), 415, "content encoding")
    headers["content-encoding"] = "identity"
    assert client.post("/search", content=b'{"words": "red"}', headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "flaw"),
    [(b'{"words":"\xff"}', "UTF-8"), (b"[" * 500_000, "levels"), (b'{"k":' + b"9" * 5000 + b"}", "digits")],
)
def test_json_that_cannot_be_read_says_why(client: TestClient, body: bytes, flaw: str) -> None:
    is_problem(client.post("/search", content=body, headers={"content-type": "application/json"}), 422, flaw)


# ---------------------------------------------------------------- who may ask


def test_another_name_for_this_machine_is_refused(client: TestClient) -> None:
    is_problem(client.get("/status", headers={"host": "evil.example"}), 421)
    is_problem(client.post("/search", json={"words": "a"}, headers={"origin": "http://evil.example"}), 403)
    assert (
        client.post("/search", json={"words": "a"}, headers={"origin": "http://localhost"}).status_code == 200
    )
    assert client.get("/status", headers={"host": "[::1]:8750"}).status_code == 200


def test_another_address_needs_a_token() -> None:
    with pytest.raises(UsageError, match="token"):
        Guard.of("0.0.0.0", "")
    assert Guard.of("127.0.0.1", "").hosts


def test_with_a_token_nothing_is_told_without_it(media: Path) -> None:
    app = make_app(media / ".anyseek", guard=Guard.of("0.0.0.0", "sesame"))
    with TestClient(app, base_url="http://my-server") as client:
        for path in ("/", "/status", "/search?words=a", "/segments/1/content", "/openapi.json", "/metrics"):
            is_problem(client.get(path), 401)
        assert client.get("/healthz").status_code == 200
        assert client.get("/status", headers={"authorization": "Bearer sesame"}).status_code == 200
        is_problem(client.get("/status", headers={"authorization": "Bearer sesam"}), 401)
        assert client.get("/?token=sesame").status_code == 200
        assert client.get("/status").status_code == 200  # the cookie


def test_writing_has_to_be_allowed(media: Path) -> None:
    with TestClient(make_app(media / ".anyseek", guard=Guard()), base_url="http://localhost") as client:
        for answer in (client.post("/index"), client.get("/index"), client.get("/index/events")):
            is_problem(answer, 404, "Writing is switched off")
            assert "--allow-write" in answer.json()["detail"]


# ---------------------------------------------------------------- indexing, status, embeddings


def test_an_indexing_run_tells_its_progress_and_its_result_is_searchable(
    client: TestClient, media: Path
) -> None:
    assert client.get("/index").json() == {"state": "none"}
    is_problem(client.get("/index/events"), 400)
    sample_files.picture(media / "new.png", "green")
    assert client.post("/index").status_code == 202
    events = [
        json.loads(line[6:])
        for line in client.get("/index/events").text.split("\n")
        if line.startswith("data: ")
    ]
    assert events[-1]["state"] == "done"
    assert events[-1]["report"]["new"] == 1
    assert "new.png" in names(client.get("/search?words=green&to=image"))
    assert client.get("/status").json()["segments"]["image"] == 4


def test_an_indexing_run_remarks_on_folders_of_any_name(client: TestClient, media: Path) -> None:
    drive = media / os.fsdecode(b"dr\xefve")
    drive.mkdir()
    sample_files.text(drive / "a.txt", "red")

    def remarks_of_a_run() -> list[str]:
        client.post("/index")
        client.get("/index/events")  # which ends with the run
        found: list[str] = client.get("/index").json()["report"]["remarks"]
        return found

    assert remarks_of_a_run() == []
    drive.rename(media.parent / "away")
    drive.mkdir()
    (remark,) = remarks_of_a_run()
    assert "dr\\xefve: empty or not there" in remark


def test_an_index_that_took_the_place_of_another_is_noticed(client: TestClient, media: Path) -> None:
    shutil.rmtree(media / ".anyseek")
    is_problem(client.get("/search?words=green"), 404)
    sample_files.picture(media / "another.png", "green")
    with anyseek.create(media, model=WordEmbedder()) as index:
        index.add(workers=1)
    assert "another.png" in names(client.get("/search?words=green&to=image"))


def test_embeddings_have_the_shape_that_other_programs_know(client: TestClient, media: Path) -> None:
    picture = base64.b64encode((media / "pictures/green.png").read_bytes()).decode()
    answer = client.post(
        "/v1/embeddings", json={"input": ["green", {"image": picture}], "model": "words"}
    ).json()
    assert answer["object"] == "list"
    assert [one["index"] for one in answer["data"]] == [0, 1]
    text, image = (np.array(one["embedding"]) for one in answer["data"])
    assert text @ image > 0.9
    for modality, name in (
        ("text", "notes/green.txt"),
        ("audio", "sounds/green.wav"),
        ("depth", "rooms/green.npy"),
    ):
        content = base64.b64encode((media / name).read_bytes()).decode()
        (one,) = client.post("/v1/embeddings", json={"input": {modality: content}}).json()["data"]
        assert np.argmax(one["embedding"]) == np.argmax(text), modality
    packed = client.post("/v1/embeddings", json={"input": "green", "encoding_format": "base64"}).json()
    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), "<f4")
    np.testing.assert_allclose(unpacked, text, atol=1e-6)
    for body in (
        {"input": []},
        {"input": [{"image": "%%"}]},
        {"input": [{}]},
        {"input": 3},
        {"input": {"taste": "AAAA"}},
    ):
        is_problem(client.post("/v1/embeddings", json=body), 422)
    is_problem(client.post("/v1/embeddings", json={"input": "a", "model": "gpt"}), 404)
    surrogate = json.dumps({"input": "a", "model": "\ud800"})
    sent = client.post("/v1/embeddings", content=surrogate, headers={"Content-Type": "application/json"})
    is_problem(sent, 404, "\\ud800")


def test_a_vector_is_not_shortened(client: TestClient) -> None:
    whole = client.post("/v1/embeddings", json={"input": "green"}).json()
    dim = len(whole["data"][0]["embedding"])
    same = client.post("/v1/embeddings", json={"input": "green", "dimensions": dim})
    assert same.json()["data"] == whole["data"]
    for dimensions in (3, -1, 0, 10**30):
        answer = client.post("/v1/embeddings", json={"input": "green", "dimensions": dimensions})
        is_problem(answer, 400, f"{dim} dimensions")


def test_what_is_served_is_counted_and_described(client: TestClient) -> None:
    client.get("/search?words=green")
    assert 'anyseek_requests_total{path="/search"} 1.0' in client.get("/metrics").text
    assert {"/search", "/metrics", "/v1/embeddings", "/segments/{segment_id}/preview"} <= set(
        client.get("/openapi.json").json()["paths"]
    )
    page = client.get("/").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_disk_without_room_for_an_upload_is_told(client: TestClient, media: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        refused = client.post("/search/file", content=bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    is_problem(refused, 507, "of the upload")
    assert names(client.post("/search/file", content=(next(media.rglob("red.png"))).read_bytes()))


def test_clients_that_stall_or_leave_get_nowhere_and_leave_nothing(
    media: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uvicorn = pytest.importorskip("uvicorn")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setitem(bodies.LIMITS, "/search/file", bodies.BodyLimit(bodies.MOST_UPLOAD, 0.5))
    app = make_app(media / ".anyseek", guard=Guard())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server")
        address = server.servers[0].sockets[0].getsockname()
        begun = b"POST /search/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\npart"
        with socket.create_connection(address, timeout=BRAKE_S) as leaving:
            leaving.sendall(begun)
        with socket.create_connection(address, timeout=BRAKE_S) as stalling:
            stalling.sendall(begun)
            assert b"408" in stalling.recv(100)
    finally:
        server.should_exit = True
        thread.join(BRAKE_S)
    assert not thread.is_alive()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n broken", b"PK\x03\x04" + bytes(99), b"fLaC" + bytes(99)]
)
def test_a_file_that_cannot_be_searched_with_is_called_the_uploaded_file(
    client: TestClient, content: bytes
) -> None:
    uploaded = client.post("/search/file", content=content)
    embedded = client.post("/v1/embeddings", json={"input": {"audio": base64.b64encode(content).decode()}})
    for answer in (uploaded, embedded):
        is_problem(answer, 422, "The uploaded file ")
        assert "/anyseek-" not in answer.text
        assert tempfile.gettempdir() not in answer.text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({"words": "a", "k": 0}, "The field k should be greater than or equal to 1."),
        ({"words": 3}, "The field words should be a valid string."),
        (
            {"like": ["x"]},
            "The field like.0 should be the number of a segment, such as 12.",
        ),
        ([], "The request's body is not a JSON object."),
        (b"{", "The request's body is not valid JSON (character 1)."),
        (b"", "The request has no body."),
    ],
)
def test_a_request_that_fits_no_endpoint_gets_one_sentence(client: TestClient, body: Any, title: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/search", content=content, headers={"content-type": "application/json"})
    is_problem(answer, 422)
    assert answer.json()["title"] == title
    assert answer.json()["detail"]


def test_looking_at_hits_makes_no_connection(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture of a page full of them made two."""
    hits = client.get("/search", params={"words": "red", "k": 3}).json()["hits"]
    addresses = [hit[what] for hit in hits for what in ("preview", "content")]

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr("anyseek.catalog.catalog.connect", refused)
    assert {client.get(address).status_code for address in addresses} <= {200, 204}
    similar = client.get(f"/segments/{hits[0]['segment_id']}/similar")
    assert similar.status_code == 200


def test_an_upload_is_written_outside_the_event_loop(
    client: TestClient, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()
    write = searching.Upload.write

    def noted(upload: searching.Upload) -> None:
        threads.add(threading.current_thread().name)
        write(upload)

    monkeypatch.setattr(searching.Upload, "write", noted)
    monkeypatch.setattr(searching, "WRITTEN_AT_ONCE", 64)
    content = (media / "pictures/red.png").read_bytes()
    packets = (content[i : i + 16] for i in range(0, len(content), 16))
    answer = client.post("/search/file", content=packets, params={"to": "image", "k": 1})
    assert answer.json()["hits"][0]["path"].endswith("red.png")
    assert threads
    assert all("worker" in name.lower() for name in threads)


def test_what_is_not_there_or_not_allowed_says_what_is(client: TestClient) -> None:
    assert client.get("/nowhere").json()["detail"] == "See /openapi.json for what there is."
    assert client.put("/status").json()["detail"] == "Use GET."
    refused = client.options("/search")  # which two endpoints share
    assert (refused.json()["detail"], refused.headers["allow"]) == ("Use GET or POST.", "GET, HEAD, POST")
    missing = client.post("/v1/embeddings", json={})
    assert missing.json()["title"] == "The field input is missing."
    sent_as_text = client.post("/search", content=b'{"words": "a"}', headers={"content-type": "text/plain"})
    is_problem(sent_as_text, 422, "is not a JSON object")
    assert "application/json" in sent_as_text.json()["detail"]
    of_address = client.get("/search", params={"words": "a", "k": "many"})
    is_problem(of_address, 422, "The parameter k should be a valid integer")
    is_problem(
        client.get("/segments/x/preview"),
        422,
        "The part of the address segment_id should be the number of a segment",
    )
