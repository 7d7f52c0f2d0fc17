"""Words beside vectors: names, captions, sidecars and passages are found by what they say, phrases hold."""

from __future__ import annotations

import unicodedata
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_files
import soundfile
from fakes import WordEmbedder
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import anyseek
from anyseek.search.fusion import reciprocal_rank
from anyseek.search.lexical import keywords_of

LONG = "filler " * 60 + "The quarterly report mentions an orang utan at the very end."


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    folder = sample_files.fill(tmp_path_factory.mktemp("words"))
    sample_files.picture(folder / "IMG_2023_Grandma's birthday.png", "red")
    sample_files.picture(folder / "sidecar.png", "red")
    (folder / "sidecar.png.txt").write_text("Uncle Zebulon with the tractor\n")
    exif = Image.Exif()
    exif[0x010E] = "Lighthouse of Kullen"
    Image.new("RGB", (24, 16), (255, 0, 0)).save(folder / "exif.jpg", exif=exif)
    with soundfile.SoundFile(folder / "tagged.flac", "w", 8000, 1) as file:
        file.title, file.artist = "Moonlight", "Ludwig"
        file.write([0.0] * 8000)
    sample_files.text(folder / "report.txt", LONG)
    sample_files.text(folder / "other.txt", "utan orang, the other way round")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


def names(index: anyseek.Index, words: str, **how: object) -> list[str]:
    return [Path(hit.path).name for hit in index.search(words, **how)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "to", "expected"),
    [
        ("grandma", "image", "IMG_2023_Grandma's birthday.png"),
        ("BIRTHDAY", "image", "IMG_2023_Grandma's birthday.png"),
        ("lighthouse", "image", "exif.jpg"),
        ("kullen lighthouse", "image", "exif.jpg"),
        ("zebulon", "image", "sidecar.png"),
        ("zebulon", "text", "sidecar.png.txt"),
        ("moonlight", "audio", "tagged.flac"),
        ("orang", "text", "other.txt"),
        ("quarterly", "text", "report.txt"),
    ],
)
def test_words_are_found_where_they_are(index: anyseek.Index, words: str, to: str, expected: str) -> None:
    assert names(index, words, to=to, by="words")[0] == expected
    assert expected in names(index, words, to=to, k=3)
    assert index.search(words, to=to, by="words")[0].has_words


def test_a_phrase_in_quotes_has_to_be_there(index: anyseek.Index) -> None:
    assert names(index, '"orang utan"', to="text") == ["report.txt"]
    assert names(index, '"utan orang"', to="text") == ["other.txt"]
    assert names(index, '"orang utan" "at the very end"', to="text") == ["report.txt"]
    assert names(index, '"orang utan" "nowhere"', to="text") == []


def test_vectors_alone_and_words_alone(index: anyseek.Index) -> None:
    assert set(names(index, "green", to="image", by="words")) == {"green.png"}
    assert len(names(index, "green", to="image", by="vectors")) > 1
    assert names(index, "green", to="image")[0] == "green.png"
    assert names(index, "xylophone", by="words") == []


def test_a_file_that_both_find_is_one_hit(index: anyseek.Index) -> None:
    found = names(index, "green", to="image")
    assert len(found) == len(set(found))


def test_filters_hold_for_words_too(index: anyseek.Index) -> None:
    assert names(index, "grandma", to="image", by="words", where="type = jpg") == []


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in {
        "zh.txt": "今天我在森林里看见一只红色的狐狸。",
        "ja.txt": "昨日サンドボックスを見ました。桜がきれい。",
        "ko.txt": "빨간 강아지가 집에 있다.",
        "th.txt": "เมื่อวานฉันเห็นสุนัขสีแดง",
        "mixed.txt": "重跑gen-itgc后50条",
        "dog-hi.txt": "कल मैंने लाल कुत्ता देखा।",
        "book-hi.txt": "किताब पढ़ना अच्छा है।",
        "红色狐狸.txt": "x",
        unicodedata.normalize("NFD", "Übung.txt"): "x",
    }.items():
        (folder / name).write_text(text)
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("狐狸", {"zh.txt", "红色狐狸.txt"}),
        ('"红色的狐狸"', {"zh.txt"}),
        ('"红色狐狸"', {"红色狐狸.txt"}),
        ("红色狐狸", {"红色狐狸.txt"}),
        ("森林狐狸", {"zh.txt", "红色狐狸.txt"}),  # nowhere as it is, so by its parts
        ("サンドボックス", {"ja.txt"}),
        ("桜", {"ja.txt"}),
        ("강아지", {"ko.txt"}),
        ("สุนัข", {"th.txt"}),
        ("แมว", set()),
        ("ITGC", {"mixed.txt"}),
        ("कुत्ता", {"dog-hi.txt"}),
        ("übung", {unicodedata.normalize("NFD", "Übung.txt")}),
    ],
)
def test_words_of_every_script_are_found(scripts: anyseek.Index, words: str, expected: set[str]) -> None:
    assert set(names(scripts, words, by="words", k=20)) == expected


def test_words_that_are_everywhere_do_not_count() -> None:
    assert keywords_of(["The dog on a Beach"]) == ((), ("dog", "beach"))
    assert keywords_of(["the of and"]) == ((), ())
    assert keywords_of(['a "red car" fast']) == (("red car",), ("fast",))


@given(st.text(max_size=30))
def test_any_text_is_a_query(index: anyseek.Index, text: str) -> None:
    if text.strip():
        index.search(text, by="words", k=1)


def test_moved_renamed_copied_and_deleted_files_keep_their_words(tmp_path: Path) -> None:
    sample_files.text(tmp_path / "a.txt", "a walrus")
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        (tmp_path / "a.txt").rename(tmp_path / "renamed otter.txt")
        index.add(workers=1)
        (tmp_path / "copy.txt").write_bytes((tmp_path / "renamed otter.txt").read_bytes())
        index.add(workers=1)
        assert names(index, "otter", by="words") == ["renamed otter.txt"]
        assert set(names(index, "walrus", by="words")) == {"renamed otter.txt", "copy.txt"}
        (tmp_path / "copy.txt").unlink()
        index.add(workers=1)
        assert names(index, "walrus", by="words") == ["renamed otter.txt"]
        assert index.library.check() == []


@given(st.lists(st.lists(st.integers(0, 9), unique=True, max_size=6), max_size=4))
def test_fusion_keeps_everything_once_and_agrees_with_its_formula(lists: list[list[int]]) -> None:
    found = reciprocal_rank(lists)
    score = {one: sum(1 / (60 + ranked.index(one) + 1) for ranked in lists if one in ranked) for one in found}
    assert set(found) == {one for ranked in lists for one in ranked}
    assert [score[one] for one in found] == sorted(score.values(), reverse=True)


def test_a_damaged_description_costs_nothing(tmp_path: Path) -> None:
    picture = sample_files.picture(tmp_path / "a.png", "red")
    Image.open(picture).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 8000)
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        assert index.add(workers=1).skipped == {}
