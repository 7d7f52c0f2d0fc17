"""Words beside vectors: names, captions, sidecars and passages are found by what they say, phrases hold."""

from __future__ import annotations

import unicodedata
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sample_files
import soundfile
from fakes import WordEmbedder
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import anyseek
from anyseek.catalog.full_text import HIGHEST
from anyseek.catalog.snapshot import Snapshot
from anyseek.contracts import Modality
from anyseek.search import engine, lexical
from anyseek.search.embedding import EmbeddedQuery
from anyseek.search.fusion import words_lift
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


def test_a_damaged_description_costs_nothing(tmp_path: Path) -> None:
    picture = sample_files.picture(tmp_path / "a.png", "red")
    Image.open(picture).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 8000)
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        assert index.add(workers=1).skipped == {}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    """Forms of words, and a name that is one: of a man there are many, of Manning there is one."""
    folder = tmp_path_factory.mktemp("forms")
    texts = {f"man-{i}.txt": f"a man number{i} and another man" for i in range(30)}
    texts |= {
        "dogs.txt": "two dogs were running",
        "run.txt": "the run of a dog",
        "name.txt": "a letter of Manning to the board",
        "bill.txt": "paid: B 4711, from the archive of copies",
        "bills.txt": "paid: B 4712, 471 and 711",
        "scan.txt": "saved as IMG_4711.jpg",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for name in ("sleeping dogs.png", "cat.png"):
        sample_files.picture(folder / name, "red")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


@pytest.mark.parametrize("words", ["dog", "dogs", "running dog", "runs", "DOGs"])
def test_a_word_is_found_in_all_its_forms(forms: anyseek.Index, words: str) -> None:
    assert set(names(forms, words, to="text", by="words")) == {"dogs.txt", "run.txt"}


def test_a_form_in_a_name_is_found_too(forms: anyseek.Index) -> None:
    for words in ("dog", "sleep", "sleeps dog"):
        assert names(forms, words, to="image", by="words") == ["sleeping dogs.png"]
        assert names(forms, words, to="image")[0] == "sleeping dogs.png"


def test_a_phrase_in_quotes_is_no_other_form_of_it(forms: anyseek.Index) -> None:
    assert names(forms, '"dogs"', to="text") == ["dogs.txt"]
    assert names(forms, '"dog"', to="text") == ["run.txt"]
    assert names(forms, '"dog"', to="image") == []
    assert names(forms, '"two dog"', to="text") == []
    assert names(forms, '"dog run"', to="text") == []  # the stems of dogs.txt, side by side
    assert names(forms, '"number3"', to="text") == ["man-3.txt"]


def test_a_rare_name_comes_before_the_common_word_of_its_stem(forms: anyseek.Index) -> None:
    assert names(forms, "Manning", to="text", by="words", k=5)[0] == "name.txt"
    assert names(forms, "Manning", to="text", k=5)[0] == "name.txt"
    assert len(names(forms, "man", to="text", by="words", k=50)) == 31


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("IMG_4711", ["scan.txt"]),
        ("B 4711", ["bill.txt"]),
        ("4712", ["bills.txt"]),
        ("number7", ["man-7.txt"]),
    ],
)
def test_names_and_numbers_are_found_as_they_are(
    forms: anyseek.Index, words: str, expected: list[str]
) -> None:
    assert names(forms, words, to="text", by="words", k=1) == expected
    assert names(forms, words, to="text", k=1) == expected


WORDS = st.lists(
    st.sampled_from("man dogs Manning run red green blue 4711 number3 letter two zzz".split()),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("by", ["both", "words", "vectors"])
@settings(max_examples=25)
@given(words=WORDS, by_segment=st.booleans(), k=st.integers(1, 9))
def test_the_first_hits_do_not_hang_on_how_many_are_asked_for(
    forms: anyseek.Index, by: str, words: list[str], by_segment: bool, k: int
) -> None:
    query, how = " ".join(words), {"to": "text", "by": by, "segments": by_segment}
    many = forms.search(query, k=50, **how)  # type: ignore[arg-type]
    few = forms.search(query, k=k, **how)  # type: ignore[arg-type]
    page = forms.search(query, k=3, offset=k, **how)  # type: ignore[arg-type]
    shown = [(hit.segment_id, hit.score, hit.has_words) for hit in many]
    assert [(hit.segment_id, hit.score, hit.has_words) for hit in few] == shown[:k]
    assert [(hit.segment_id, hit.score, hit.has_words) for hit in page] == shown[k : k + 3]


def test_a_file_is_a_hit_at_the_part_where_words_and_meaning_are(tmp_path: Path) -> None:
    """The one that has the word of the query, though another part is as near."""
    part = "filler text " * 60
    sample_files.text(tmp_path / "long.txt", f"red {part}\n\nzebulon {part}\n\nred {part}")
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        (hit,) = index.search("zebulon", to="text")
        assert "zebulon" in index.text_of(hit.segment_id)


def test_few_vectors_are_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name has the word, all segments of the file are compared: hours of a recording, in parts."""
    sample_files.text(
        tmp_path / "zebulon.txt", "\n\n".join(f"{word} {'filler ' * 80}" for word in "abcdefghijkl")
    )
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        how = {"to": "text", "segments": True, "k": 20}
        expected = [(hit.segment_id, hit.score) for hit in index.search("zebulon", **how)]  # type: ignore[arg-type]
        assert len(expected) > 10
        read: list[int] = []
        really = Snapshot.vectors_at

        def counted(snapshot: Snapshot, space_id: int, rows: np.ndarray) -> np.ndarray:
            read.append(len(rows))
            return really(snapshot, space_id, rows)

        monkeypatch.setattr(engine, "_BLOCK_ROWS", 5)
        monkeypatch.setattr(Snapshot, "vectors_at", counted)
        index.search("zebulon", to="text", by="words", k=3)
        assert sum(read) > 10
        assert max(read) == 5
        again = index.search("zebulon", **how)  # type: ignore[arg-type]
        assert [(hit.segment_id, hit.score) for hit in again] == expected


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_coverage_is_never_worth_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= words_lift(low) <= words_lift(high) <= words_lift(1)


def test_coverage_is_a_share_of_what_the_query_says(forms: anyseek.Index, tmp_path: Path) -> None:
    """Every number from 0 to 1; a rare word is more of it than a common one, and all words more than some."""
    with forms._catalog.read() as snapshot:
        space = snapshot.spaces()[0].space_id

        def best(words: str) -> float:
            query = EmbeddedQuery({}, words, keywords=keywords_of([words])[1])
            rows = lexical.rows(snapshot, space, query, Modality.TEXT)
            assert all(0 < row.coverage <= 1 for row in rows)
            return max(row.coverage for row in rows)

        assert best("dogs manning") < best("manning")
        assert best("man zzz") < best("manning zzz") < best("manning")


def test_what_may_be_a_hit_is_not_crowded_out_by_what_may_not(tmp_path: Path) -> None:
    """More names and passages have the words than a search compares; shorter ones come first."""
    (tmp_path / "small").mkdir()
    for i in range(520):
        sample_files.text(tmp_path / f"report {i}.txt", "report of water")
    for i in range(3):
        sample_files.picture(tmp_path / f"report scan number {i} of the year.png", "red")
        longer = "report of water and of a great many other things in the house " * 3
        sample_files.text(tmp_path / "small" / f"long report name number {i} of all.txt", longer)
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        pictures = names(index, "report", to="image", by="words")
        assert sorted(pictures) == [f"report scan number {i} of the year.png" for i in range(3)]
        small = names(index, "report water", to="text", by="words", in_=tmp_path / "small")
        assert len(small) == 3
        assert len(names(index, '"of water and"', to="text", in_=tmp_path / "small")) == 3


@pytest.fixture(scope="module")
def albums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    """Green pictures in folders whose names are words, and some others."""
    folder = tmp_path_factory.mktemp("albums")
    for place in ("red park", "Norway 2019", "trips/TripToRome", "Oslo/2020", "blue", "Rome by red trip"):
        (folder / place).mkdir(parents=True)
        for i in range(12):
            sample_files.picture(folder / place / f"IMG{i:04}.png", "green")
    for i in range(3):
        sample_files.picture(folder / f"DSC{i + 1230:05}.png", "red")
    sample_files.picture(folder / "park bench.png", "green")
    with anyseek.create(folder, model=WordEmbedder()) as made:
        made.add(workers=1)
        yield made


def folders_of(index: anyseek.Index, words: str, k: int, **how: object) -> set[str]:
    (root,) = index.roots()
    hits = index.search(words, to="image", k=k, **how)  # type: ignore[arg-type]
    return {str(Path(hit.path).parent.relative_to(root)) for hit in hits}


def test_the_words_of_a_folder_do_not_crowd_out_what_vectors_know(albums: anyseek.Index) -> None:
    assert folders_of(albums, "red", 3) == {"."}
    assert folders_of(albums, "red", 3, by="words") == {"red park"}


def test_a_word_in_the_name_of_a_file_comes_before_one_in_that_of_a_folder(albums: anyseek.Index) -> None:
    for by in ("both", "words"):
        assert names(albums, "park", to="image", k=1, by=by) == ["park bench.png"]


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ("norway 2019", "Norway 2019"),
        ("2019 Norway", "Norway 2019"),
        ("red in Norway 2019", "Norway 2019"),
        ("trip to rome", "trips/TripToRome"),
        ("TripToRome", "trips/TripToRome"),
        ("red trip to Rome", "Rome by red trip"),
        ("oslo 2020", "Oslo/2020"),
        ("oslo", "Oslo/2020"),
        ("red park", "red park"),
    ],
)
def test_a_folder_that_the_query_names_is_found_by_it(albums: anyseek.Index, words: str, folder: str) -> None:
    assert folders_of(albums, words, 10) == {folder}


@pytest.mark.parametrize("words", ["trip to rome", "TripToRome", "trip_to_rome"])
def test_a_folder_counts_wholly_whether_its_words_are_joined_or_not(
    albums: anyseek.Index, words: str
) -> None:
    with albums._catalog.read() as snapshot:
        query = EmbeddedQuery({}, words, keywords=keywords_of([words])[1])
        space = snapshot.spaces()[0].space_id
        rows = lexical.rows(snapshot, space, query, Modality.IMAGE)
        found = snapshot.hits_for_rows(space, [one.row for one in rows])
    coverages = [one.coverage for one, (_, path) in zip(rows, found, strict=True) if "TripToRome" in path]
    assert len(coverages) == 12
    assert min(coverages) > 1 / HIGHEST


@pytest.mark.parametrize("words", ["1231", "01231", "dsc1231", "DSC_01231", "dsc01231"])
def test_a_number_in_a_name_is_found(albums: anyseek.Index, words: str) -> None:
    assert names(albums, words, to="image", k=1) == ["DSC01231.png"]


@pytest.mark.parametrize(
    ("words", "to", "expected"),
    [
        ("grandma", "image", {"IMG_2023_Grandma's birthday.png": ("name",)}),
        ("lighthouses", "image", {"exif.jpg": ("caption",)}),
        ("zebulon", "image", {"sidecar.png": ("text",)}),
        ("zebulon sidecar", "image", {"sidecar.png": ("name", "text")}),
        ("pictures", "image", dict.fromkeys(["red.png", "green.png", "blue.png"], ("folder",))),
        ('"orang utan"', "text", {"report.txt": ("text",)}),
        ("report", "text", {"report.txt": ("name", "text")}),
        ("nowhere", "image", {}),
    ],
)
def test_a_hit_says_where_it_has_the_words(
    index: anyseek.Index, words: str, to: str, expected: dict[str, tuple[str, ...]]
) -> None:
    hits = index.search(words, to=to, k=20)  # type: ignore[arg-type]
    assert {Path(hit.path).name: hit.words_in for hit in hits if hit.words_in} == expected
    assert all(hit.has_words == bool(hit.words_in) for hit in hits)
