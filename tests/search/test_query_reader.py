"""Query files, arrays and pictures to prepared parts; hostile files are decoded elsewhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder
from PIL import Image

from anyseek.contracts import Modality
from anyseek.errors import AnyseekError, ModalityNotSupported, QueryFileError, UsageError
from anyseek.media.readers import texts
from anyseek.search import query_reader
from anyseek.search.embedding import query_vector
from anyseek.search.query import QueryPart, from_command_line, from_values
from anyseek.search.query_reader import QueryReader

MODEL = WordEmbedder()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_files.fill(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def reader() -> Iterator[QueryReader]:
    opened = QueryReader(MODEL)
    yield opened
    opened.close()
    opened.close()


def read(reader: QueryReader, value: Any, modality: Modality | None) -> QueryPart:
    (part,) = reader.read(
        [QueryPart("file" if isinstance(value, str | os.PathLike) else "array", value, modality)]
    )
    return part


def colour(part: QueryPart) -> str:
    return ("red", "green", "blue")[int(query_vector([part], MODEL)[:3].argmax())]


FILES = [
    ("pictures/green.png", Modality.IMAGE),
    ("sounds/green.wav", Modality.AUDIO),
    ("notes/green.txt", Modality.TEXT),
    ("rooms/green.npy", Modality.DEPTH),
]


@pytest.mark.parametrize(("name", "modality"), FILES)
@pytest.mark.parametrize("is_told", [False, True])
def test_a_file_is_read_as_told_or_recognised_by_content(
    reader: QueryReader, folder: Path, name: str, modality: Modality, is_told: bool
) -> None:
    part = read(reader, str(folder / name), modality if is_told else None)
    assert part.modality is modality
    assert colour(part) == "green"
    assert part.label == f"{modality} {folder / name}"


def test_a_long_recording_counts_as_the_mean_of_its_windows(reader: QueryReader, folder: Path) -> None:
    part = read(reader, str(folder / "sounds/tour.wav"), Modality.AUDIO)
    assert len(part.data) == 3
    assert colour(part) == "green"


def test_only_the_beginning_of_a_very_long_file_is_asked_with(
    reader: QueryReader, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(query_reader, "MOST_SEGMENTS", 2)
    assert len(read(reader, str(folder / "sounds/tour.wav"), None).data) == 2
    long = sample_files.text(tmp_path / "long.txt", "red. " * 2000)
    assert len(read(reader, str(long), None).data) == 2


def test_a_file_of_many_tasks_is_read_to_its_end(reader: QueryReader, tmp_path: Path) -> None:
    """40 windows are more than the pool decodes at once."""
    long = sample_files.sound(tmp_path / "long.wav", *["red"] * 40, rate_hz=8000)
    assert len(read(reader, str(long), Modality.AUDIO).data) == 40


def broken_files(folder: Path) -> dict[str, Path]:
    whole = sample_files.picture(folder / "whole.png", "red").read_bytes()
    made = {
        "truncated.png": whole[: len(whole) // 2],
        "zip.jpg": b"PK\x03\x04" + bytes(200),
        "empty.wav": b"",
        "header.wav": sample_files.sound(folder / "s.wav", "red").read_bytes()[:44],
        "nothing.bin": bytes(range(256)) * 8,
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "a_folder").mkdir()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
    return {path.name: path for path in folder.iterdir() if path.name not in ("whole.png", "s.wav")}


def test_every_bad_query_file_is_one_sentence_that_names_it(
    reader: QueryReader, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A socket's path has at most 107 bytes.
    files = broken_files(tmp_path_factory.mktemp("bad"))
    files["missing.jpg"] = files["zip.jpg"].with_name("missing.jpg")
    assert len(files) == 10
    for name, path in files.items():
        with pytest.raises(QueryFileError) as caught:
            read(reader, str(path), None)
        assert name in caught.value.message
        assert caught.value.exit_code == 40
    # and the reader still works
    good = sample_files.picture(files["zip.jpg"].with_name("good.png"), "blue")
    assert colour(read(reader, str(good), None)) == "blue"


@pytest.mark.parametrize(("name", "asked"), [("sounds/red.wav", "image"), ("pictures/red.png", "audio")])
def test_a_file_of_another_modality_than_said(
    reader: QueryReader, folder: Path, name: str, asked: str
) -> None:
    with pytest.raises(QueryFileError) as caught:
        read(reader, str(folder / name), Modality(asked))
    assert Path(name).name in caught.value.message


def test_a_name_that_no_terminal_should_see_is_escaped(reader: QueryReader, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path / "bad") + b"\xff\x1b[2J.png")
    with pytest.raises(QueryFileError) as caught:
        read(reader, path, None)
    assert "\x1b" not in caught.value.message
    assert "\\xff\\x1b[2J" in caught.value.message


def test_a_modality_that_the_model_lacks(folder: Path) -> None:
    seeing = QueryReader(WordEmbedder(modalities=(Modality.TEXT, Modality.IMAGE)))
    for modality in (None, Modality.AUDIO):
        with pytest.raises(ModalityNotSupported) as caught:
            read(seeing, str(folder / "sounds/red.wav"), modality)
        assert "audio" in caught.value.message
        assert "text, image" in caught.value.hint
    seeing.close()


def test_words_need_no_process(folder: Path) -> None:
    reader = QueryReader(MODEL)
    files = {Modality.TEXT: [str(folder / "notes/red.txt")]}
    reader.read(from_command_line(["a dog"], files=files).parts)
    assert reader._pool is None


# ---------------------------------------------------------------- data in memory


def test_a_pillow_picture_and_arrays_are_what_the_file_is(reader: QueryReader, folder: Path) -> None:
    with Image.open(folder / "pictures/red.png") as picture:
        picture.load()
    pixels = np.asarray(picture)
    file = read(reader, str(folder / "pictures/red.png"), Modality.IMAGE).data[0]
    alpha = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    for value in (picture, picture.convert("RGBA"), picture.convert("P"), pixels, alpha, pixels / 255):
        np.testing.assert_allclose(read(reader, value, Modality.IMAGE).data[0], file, atol=1e-6)


def test_grey_pictures_of_two_and_three_dimensions(reader: QueryReader) -> None:
    grey = np.full((5, 4), 51, np.uint8)
    for value in (grey, grey[..., None]):
        np.testing.assert_allclose(read(reader, value, Modality.IMAGE).data[0], [0.2] * 3)


def test_samples_with_their_rate_are_what_the_file_is(reader: QueryReader, folder: Path) -> None:
    t = np.arange(80_000) / 8000
    tone = 0.5 * np.sin(2 * np.pi * 1000 * t)
    file = read(reader, str(folder / "sounds/green.wav"), Modality.AUDIO).data
    stereo = np.stack([tone, tone], axis=1)
    for value in ((tone, 8000), (stereo, 8000), ((tone * 32767).astype(np.int16), 8000)):
        np.testing.assert_allclose(read(reader, value, Modality.AUDIO).data, file, atol=1e6)
    unsigned = (np.rint(tone * 127) + 128).astype(np.uint8)
    assert colour(read(reader, (unsigned, 8000), Modality.AUDIO)) == "green"
    assert colour(read(reader, (tone, 16_000), Modality.AUDIO)) == "green"  # 2 kHz: the end of the middle
    assert len(read(reader, (np.tile(tone, 3), 8000), Modality.AUDIO).data) == 3


def test_metres_are_a_depth_map_and_zero_is_a_hole(reader: QueryReader) -> None:
    metres = np.full((4, 6), 4.0)
    metres[0] = 0
    metres[1, :2] = np.nan
    assert read(reader, metres, Modality.DEPTH).data[0].tolist() == [0, 16, 0]


@pytest.mark.parametrize(
    ("modality", "value"),
    [
        (Modality.IMAGE, np.zeros((2, 2, 3), np.int64)),
        (Modality.IMAGE, np.full((2, 2, 3), 2.0)),
        (Modality.IMAGE, np.zeros((2, 2, 5), np.uint8)),
        (Modality.IMAGE, np.zeros((0, 2, 3), np.uint8)),
        (Modality.IMAGE, np.zeros(5, np.uint8)),
        (Modality.AUDIO, np.zeros(5)),
        (Modality.AUDIO, (np.zeros(5), 10)),
        (Modality.AUDIO, (np.zeros((2, 44_100)), 44_100)),
        (Modality.AUDIO, (np.zeros(5, complex), 44_100)),
        (Modality.AUDIO, (np.zeros(0), 44_100)),
        (Modality.DEPTH, np.zeros((4, 4), np.uint16)),
        (Modality.DEPTH, np.zeros((4, 4, 1))),
        (Modality.TEXT, np.zeros(3)),
        (Modality.IMAGE, 5),
        (Modality.IMAGE, {"a": 1}),
    ],
)
def test_data_of_another_form_is_refused_with_the_form_that_is_meant(
    reader: QueryReader, modality: Modality, value: Any
) -> None:
    with pytest.raises(UsageError) as caught:
        read(reader, value, modality)
    assert caught.value.hint


def test_python_values_reach_their_tower(reader: QueryReader, folder: Path) -> None:
    parts = from_values("blue", {Modality.IMAGE: [(folder / "pictures/red.png", 3.0)], Modality.DEPTH: None})
    parts = reader.read(parts)
    assert [(part.modality, part.weight) for part in parts] == [("text", 1.0), ("image", 3.0)]
    vector = query_vector(parts, MODEL)
    assert vector[0] > vector[2] > vector[1]


def test_a_worker_that_cannot_take_the_preparer_says_so(folder: Path) -> None:
    class Local:
        hint = MODEL.preparer(Modality.IMAGE).hint

        def __call__(self, data: Any) -> Any:
            return data

    class Own(WordEmbedder):
        def preparer(self, modality: Modality) -> Any:
            return Local()

    reader = QueryReader(Own())
    with pytest.raises(AnyseekError, match="sent"):
        read(reader, str(folder / "pictures/red.png"), None)
    reader.close()


def test_what_may_keep_a_parser_busy_is_decoded_elsewhere(
    reader: QueryReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: object, **__: object) -> None:
        raise AssertionError("decoded in this process")

    monkeypatch.setattr(texts, "decoded_text", here)
    (tmp_path / "page.html").write_text("<html><body>green</body></html>")
    (tmp_path / "film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\ngreen\n")
    (tmp_path / "long.txt").write_text("green " * 100_000)
    for name in ("page.html", "film.srt", "long.txt"):
        assert colour(read(reader, tmp_path / name, None)) == "green"
    (tmp_path / "short.txt").write_text("green")
    with pytest.raises(AssertionError, match="in this process"):
        read(reader, tmp_path / "short.txt", None)
