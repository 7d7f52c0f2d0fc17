from __future__ import annotations

from pathlib import Path
from typing import Any

import media_files
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.contracts import DecodeHint, Limits, Modality, SegmentData, Unit
from anyseek.errors import MediaError
from anyseek.media import decode
from anyseek.media.readers import texts

TALE = (
    "Der Fuchs läuft über die Hügel und trinkt am Fluß. Größere Tiere müssen früher schlafen gehen. "
    "Die Mühle am Bach gehört dem Müller, der schöne Äpfel und süße Trauben verkauft. "
)


def passages_of(path: Path, first: int = 0, count: int | None = None, **hint: Any) -> list[SegmentData]:
    return list(decode(str(path), Modality.TEXT, DecodeHint(**hint), first, count))


def words_of(path: Path) -> str:
    return " ".join(passage.data for passage in passages_of(path))


def error_of(path: Path, **hint: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        passages_of(path, **hint)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["a.txt", "b.txt", "a.md", "a.rst", "a.csv", "a.html"])
def test_every_format_gives_the_story(files: dict[str, Path], name: str) -> None:
    (passage,) = passages_of(files[name])
    assert media_files.STORY in passage.data
    assert passage.span.unit is Unit.CHARACTERS
    assert passage.excerpt
    assert len(passage.excerpt) <= 200


def test_offsets_index_the_decoded_text(tmp_path: Path) -> None:
    text = "\n\n  " + "A fox ran. 狐狸跑了。\r\nÜber den Hügel! " * 40
    (tmp_path / "x.txt").write_bytes(text.encode("utf-16"))
    passages = passages_of(tmp_path / "x.txt", passage_chars=100)
    assert len(passages) > 5
    for passage in passages:
        start, end = int(passage.span.start), int(passage.span.end)
        assert text[start:end].strip() == passage.data
        assert 0 < len(passage.data) <= 100


def test_passages_can_be_taken_in_parts(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("A fox ran over the hill. " * 50)
    whole = passages_of(tmp_path / "x.txt", passage_chars=100)
    parts = [
        p
        for first in range(0, len(whole), 3)
        for p in passages_of(tmp_path / "x.txt", first, 3, passage_chars=100)
    ]
    assert [(p.span, p.data) for p in parts] == [(p.span, p.data) for p in whole]
    assert passages_of(tmp_path / "x.txt", len(whole)) == []


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "iso8859-15"],
)
def test_encodings_of_german(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.txt").write_bytes((TALE * 3).encode(encoding))
    assert words_of(tmp_path / "x.txt").split() == (TALE * 3).split()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "きつねが山を走って川を見た。とても深い川だった。だれも知らなかった。" * 3),
        ("gb18030", "狐狸跑过山，看见一条河。河很深吗？没有人知道。冬天来了，雪下得很大。" * 3),
        ("big5", "狐狸跑過山，看見一條河。河很深嗎？沒有人知道。冬天來了，雪下得很大。" * 3),
        ("koi8-r", "Лиса бежала через холм и увидела реку. Река была очень глубокая. Никто не знал. " * 3),
        ("cp1251", "Лиса бежала через холм и увидела реку. Река была очень глубокая. Никто не знал. " * 3),
    ],
)
def test_legacy_encodings(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "x.txt").write_bytes(text.encode(encoding))
    assert "".join(words_of(tmp_path / "x.txt").split()) == "".join(text.split())


def test_a_page_says_its_own_encoding(tmp_path: Path) -> None:
    page = '<html><meta http-equiv="content-type" content="text/html; charset=koi8-r"><p>Лиса</p>'
    (tmp_path / "x.html").write_bytes(page.encode("koi8-r"))
    assert words_of(tmp_path / "x.html") == "Лиса"
    (tmp_path / "y.html").write_bytes(
        b"<html><meta charset=nonsense><p>F\xfcchse laufen \xfcber H\xfcgel</p>"
    )
    assert words_of(tmp_path / "y.html") == "Füchse laufen über Hügel"


def test_visible_text_of_a_page() -> None:
    page = """<!DOCTYPE html><html><head><title>T</title><style>p{}</style><script>"<p>no</p>"</script></head>
    <body><h1>Head</h1><p>One <b>b</b>old&nbsp;w<i>or</i>d &amp; more<br>next</p><ul><li>a<li>b</ul>
    <p hidden>secret</p><template>t</template><noscript>n</noscript><!-- c -->
    <table><tr><td>1</td><td>2</td></tr></table>
    </body></html>"""
    assert texts.visible_text(page).split("\n") == [
        "Head",
        "One bold word & more",
        "next",
        "a",
        "b",
        "1",
        "2",
    ]
    assert texts.visible_text("") == ""
    assert texts.visible_text("just words") == "just words"


@given(st.text(max_size=200))
def test_any_text_is_a_page(text: str) -> None:
    assert "\n\n" not in texts.visible_text(text)


def test_subtitle_times_become_the_span(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("a.srt", "a.vtt"):
        (passage,) = passages_of(files[name])
        assert passage.data == "Hello there. Goodbye."
        assert (passage.span.start, passage.span.end, passage.span.unit) == (1.5, 7.25, Unit.SECONDS)
        first, second = passages_of(files[name], passage_chars=15)
        assert (first.data, first.span.start, first.span.end) == ("Hello there.", 1.5, 4)
        assert (second.data, second.span.start, second.span.end) == ("Goodbye.", 5, 7.25)


def test_odd_subtitles(tmp_path: Path) -> None:
    (tmp_path / "x.vtt").write_text(
        "\ufeffWEBVTT - title\r\n\r\nNOTE a remark\r\n\r\nintro\r\n01:02.500 --> 01:04.000 line:0%\r\n"
        "<v Anna>{\\an8}One\r\ntwo</v>\r\n\r\n1:00:00.000 --> 1:00:01.000\r\n\r\n"
        "100:00:00.000 --> 100:00:02.000\r\nLate\r\n"
    )
    (passage,) = passages_of(tmp_path / "x.vtt")
    assert passage.data == "One two Late"
    assert (passage.span.start, passage.span.end) == (62.5, 360_002)
    (tmp_path / "y.srt").write_text("no times in here")
    (passage,) = passages_of(tmp_path / "y.srt")
    assert passage.span.unit is Unit.CHARACTERS
    (tmp_path / "z.srt").write_text("1\n00:00:01,000 --> 00:00:03,000\n" + "word " * 30 + "\n")
    parts = passages_of(tmp_path / "z.srt", passage_chars=50)
    assert len(parts) == 3
    assert {(p.span.start, p.span.end) for p in parts} == {(1, 3)}


def test_cues_without_empty_lines_or_order_and_entities(tmp_path: Path) -> None:
    (tmp_path / "close.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\napples\n2\n00:00:03,000 --> 00:00:04,000\nbears\n"
    )
    assert words_of(tmp_path / "close.srt") == "apples bears"
    (tmp_path / "unsorted.srt").write_text(
        "1\n00:10:00,000 --> 00:10:02,000\nlate\n\n2\n00:00:01,000 --> 00:00:03,000\nearly\n\n"
    )
    (passage,) = passages_of(tmp_path / "unsorted.srt")
    assert (passage.data, passage.span.start, passage.span.end) == ("early late", 1, 602)
    (tmp_path / "e.vtt").write_text(
        "WEBVTT\n\n00:01.000 --> 00:02.000\nsalt &amp; <00:01.200>pep<c>per</c>&lt;3<00:01.500>!\n\n"
        "NOTE to the translator\n\n00:03.000 --> 00:04.000\n{\\an8}{sighs} Oh.\n\n"
    )
    assert words_of(tmp_path / "e.vtt") == "salt & pepper<3! {sighs} Oh."
    (tmp_path / "colon.vtt").write_text("WEBVTT\n\n:01:02.000 --> 00:04.000\nwords\n")
    assert passages_of(tmp_path / "colon.vtt")[0].span.unit is Unit.CHARACTERS


def test_any_text_is_text_when_asked_for(tmp_path: Path) -> None:
    for name in ("x.py", "x.log", "x.jpg"):
        (tmp_path / name).write_text("A fox.")
        assert words_of(tmp_path / name) == "A fox."
    (tmp_path / "x.bin").write_bytes(bytes(range(256)))
    assert error_of(tmp_path / "x.bin").reason == "wrong-modality"


def test_texts_without_words_are_empty(tmp_path: Path) -> None:
    for name, text in (
        ("x.txt", " \n\t\r\n"),
        ("x.html", "<html><script>x</script></html>"),
        ("y.txt", "\ufeff"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        assert error_of(tmp_path / name).reason == "empty", name


def test_a_text_of_hundreds_of_megabytes_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("wb") as file:
        for _ in range(65):
            file.write(b"a,b\n" * (1 << 18))
    error = error_of(tmp_path / "x.csv")
    assert error.reason == "too-large"
    assert "limit of 67.1 MB" in error.message
    (tmp_path / "y.txt").write_text("A fox.")
    assert error_of(tmp_path / "y.txt", limits=Limits(max_bytes=3)).reason == "too-large"
