"""What one request may send: refused before it is read, whole or in parts, fast or slow."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgi import Answer, Sent, ask, asked, headers
from starlette.testclient import TestClient

from anyseek.serve import bodies
from anyseek.serve.bodies import ANY_OTHER, LIMITS, BodyLimit

JSON = {"content_type": "application/json"}
TAKING_BODIES = ("/search", "/search/file", "/v1/embeddings", "/index")


def is_refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    assert json.loads(answer.body)["status"] == status


@pytest.mark.parametrize("path", TAKING_BODIES)
def test_a_body_that_says_it_is_too_large_is_not_read(client: TestClient, path: str) -> None:
    most = LIMITS.get(path, ANY_OTHER).most
    for length in (most + 1, 10**18, 10**30):
        sent = Sent(path, "POST", headers=headers(content_length=str(length), **JSON), body=(b"x" * 99, b""))
        answer = ask(client.app, sent)
        is_refused(answer, 400 if length == 10**30 else 413)
        assert answer.n_received == 0
    for length in ("-1", "1, 2", "0x10", "", "1.5", "\xb2"):
        sent = Sent(path, "POST", headers=headers(content_length=length, **JSON), body=(b"",))
        is_refused(ask(client.app, sent), 400)


@pytest.mark.thorough
@pytest.mark.parametrize("path", TAKING_BODIES)
def test_a_body_that_goes_on_is_read_to_the_limit_and_no_further(
    client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANY_OTHER", BodyLimit(1000, 60))
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, BodyLimit(1000, 60))
    sent = Sent(path, "POST", headers=headers(transfer_encoding="chunked", **JSON), body=(b"x" * 100,) * 100)
    answer = ask(client.app, sent)
    is_refused(answer, 413)
    assert answer.n_received == 11


@pytest.mark.thorough
@pytest.mark.parametrize("path", TAKING_BODIES)
def test_a_body_that_does_not_come_is_not_waited_for(
    client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANY_OTHER", BodyLimit(1000, 0.05))
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, BodyLimit(1000, 0.05))
    sent = Sent(path, "POST", headers=headers(content_length="100", **JSON), body=(b"x", None))
    is_refused(ask(client.app, sent), 408)


@pytest.mark.thorough
def test_all_bodies_together_have_a_limit_and_are_released(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_AT_ONCE", 1000)
    monkeypatch.setitem(LIMITS, "/search/file", BodyLimit(2000, 1.0))

    async def crowd() -> list[int]:
        waiting = Sent("/search/file", "POST", body=(b"x" * 600, None))
        return [
            answer.status for answer in await asyncio.gather(*(asked(client.app, waiting) for _ in range(2)))
        ]

    assert sorted(asyncio.run(crowd())) == [408, 503]
    body = json.dumps({"words": "red", "to": "image"}).encode()
    small = Sent("/search", "POST", headers=headers(**JSON), body=(body,))
    for _ in range(1000 // len(body) + 2):
        assert ask(client.app, small).status == 200


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"words":' * 50_000,
        b'{"words":"a","k":' + b"9" * 500_000 + b"}",
        b'{"words":"a","k":1e999999}',
        b'{"words":"a","min_match":NaN}',
        b'{"words":"' + b"\\ud800" * 1000 + b'"}',
        b'{"words":"\xff"}',
        b"\xff\xfe",
        b"null",
        b'{"like":' + json.dumps(list(range(1000))).encode() + b"}",
        b'{"words":"' + b"a" * 2001 + b'"}',
        b'{"words":"a","where":"' + b"a" * 900_000 + b'"}',
        b'{"words":"a","in":"/' + b"a" * 900_000 + b'"}',
        b'{"words":"a","to":"' + b"image," * 100_000 + b'"}',
        b'{"words":"a","offset":10001}',
        b'{"words":"a","k":1001}',
    ],
)
def test_json_that_is_hostile_is_a_mistake_of_the_client(client: TestClient, body: bytes) -> None:
    for path in ("/search", "/v1/embeddings"):
        answer = ask(client.app, Sent(path, "POST", headers=headers(**JSON), body=(body,)))
        assert 400 <= answer.status < 500, answer.body
        assert len(answer.body) < 2000
        json.loads(answer.body)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"input": "red", "model": "words", "encoding_format": "float", "user": "u"}, 200),
        ({"input": "red", "encoding_format": None, "dimensions": None, "model": None, "user": None}, 200),
        ({"input": "red", "encoding_format": "int8"}, 422),
        ({"input": "red", "dimension": 8}, 400),
        ({"input": "red", "truncate": True}, 400),
        ({"input": "red", "dimensions": 1}, 400),
        ({"input": "red", "dimensions": True}, 422),
        ({"input": "red", "dimensions": "8"}, 422),
        ({"input": "red", "user": 3}, 422),
        ({"input": "red", "user": "u" * 1001}, 422),
        ({"input": "a" * 100_001}, 422),
        ({"input": ["red"] * 257}, 422),
        ({"input": [15339, 1917]}, 400),
        ({"input": [[15339, 1917], [1]]}, 400),
        ({"input": True}, 422),
    ],
)
def test_each_field_of_an_embeddings_request_is_honoured_or_refused(
    client: TestClient, body: dict[str, Any], status: int
) -> None:
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_field_is_named_with_the_known_ones(client: TestClient) -> None:
    told = client.post("/v1/embeddings", json={"input": "a", "dimension": 8}).json()
    assert "'dimension'" in told["title"]
    assert "Did you mean 'dimensions'?" in told["detail"]
    for known in ("input", "model", "encoding_format", "dimensions", "user"):
        assert known in told["detail"]
    told = client.post("/search", json={"words": "a", "limit": 8}).json()
    assert "'limit'" in told["title"]
    for known in ("words", "without", "like", "unlike", "to", "k", "offset", "in", "where"):
        assert known in told["detail"]
    for answer in (
        client.post("/index", json={"folders": ["/"]}),
        client.get("/status?deep=1"),
        client.post("/v1/embeddings?model=x", json={"input": "a"}),
    ):
        assert answer.status_code == 400
        assert "There is no field" in answer.json()["title"]


def test_numbers_of_tokens_are_refused_in_a_sentence(client: TestClient) -> None:
    told = client.post("/v1/embeddings", json={"input": [[15339, 1917]]}).json()
    assert told["title"].startswith("Numbers of tokens cannot be embedded")
    assert "check_embedding_ctx_length=False" in told["detail"]


def test_a_client_of_openai_gets_the_vectors_that_it_asks_for(client: TestClient) -> None:
    openai = pytest.importorskip("openai")
    http = openai.DefaultHttpxClient(transport=client._transport)
    with openai.OpenAI(api_key="none", base_url="http://localhost/v1", http_client=http, max_retries=0) as ai:
        packed = ai.embeddings.create(
            input=["red", "green"], model="words", user="someone"
        )  # base64 by default
        plain = ai.embeddings.create(input=["red", "green"], model="words", encoding_format="float")
        for one, other in zip(packed.data, plain.data, strict=True):
            assert one.embedding == pytest.approx(other.embedding)
        with pytest.raises(openai.BadRequestError) as refused:
            ai.embeddings.create(input="red", model="words", dimensions=3)
        assert "cannot be shortened" in refused.value.response.text
        with pytest.raises(openai.NotFoundError):
            ai.embeddings.create(input="red", model="text-embedding-3-small")
