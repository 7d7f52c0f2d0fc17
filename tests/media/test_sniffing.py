from __future__ import annotations

import errno
import os
import pickle
import socket
import zipfile
from pathlib import Path
from typing import Any

import media_files
import numpy as np
import pytest
from PIL import Image

from anyseek.contracts import Modality
from anyseek.errors import MediaError
from anyseek.media import peek, sniff
from anyseek.media.formats import FORMATS, by_suffix
from anyseek.plugins import resolve


def reason_of(path: Path | str) -> str:
    with pytest.raises(MediaError) as caught:
        sniff(str(path))
    assert caught.value.hint
    return caught.value.reason


def test_every_format_is_known_by_its_content_under_any_name(files: dict[str, Path], tmp_path: Path) -> None:
    told_by_name_too = {"m4a", "mka", "md", "rst", "csv", "srt", "vtt", "txt", "html"}
    for name, path in files.items():
        expected = Modality(media_files.modality_of(name))
        assert sniff(str(path)) is expected, name
        bare = tmp_path / "nameless"
        bare.write_bytes(path.read_bytes())
        if name.split(".", 1)[1] not in told_by_name_too and expected is not Modality.THERMAL:
            assert sniff(str(bare)) is expected, name


def test_content_beats_the_name(files: dict[str, Path], tmp_path: Path) -> None:
    for name, wrong, expected in (
        ("a.jpg", "x.wav", Modality.IMAGE),
        ("a.wav", "x.jpg", Modality.AUDIO),
        ("a.png", "x.txt", Modality.IMAGE),
        ("a.mp3", "x.png", Modality.AUDIO),
        ("d.npy", "x.gif", Modality.DEPTH),
    ):
        path = tmp_path / wrong
        path.write_bytes(files[name].read_bytes())
        assert sniff(str(path)) is expected


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "expected"),
    [
        ("room.png", (8, 9), np.uint16, Modality.DEPTH),
        ("room.png", (8, 9), np.uint8, Modality.IMAGE),
        ("room.png", (8, 9, 3), np.uint8, Modality.IMAGE),
        ("room_depth.png", (8, 9), np.uint8, Modality.DEPTH),
        ("room.depth.png", (8, 9), np.uint16, Modality.DEPTH),
        ("room_DEPTH.PNG", (8, 9), np.uint8, Modality.DEPTH),
        ("room_depth.png", (8, 9, 3), np.uint8, Modality.IMAGE),
        ("room_depth.jpg", (8, 9, 3), np.uint8, Modality.IMAGE),
        ("room_depth.tif", (8, 9), np.uint16, Modality.DEPTH),
        ("room.tif", (8, 9), np.uint16, Modality.IMAGE),
        ("room.tif", (8, 9), np.float32, Modality.DEPTH),
        ("room.tif", (8, 9), np.uint8, Modality.IMAGE),
        ("room_depths.png", (8, 9), np.uint8, Modality.IMAGE),
    ],
)
def test_depth_or_picture(tmp_path: Path, name: str, shape: Any, dtype: Any, expected: Modality) -> None:
    Image.fromarray(np.ones(shape, dtype)).save(tmp_path / name)
    assert sniff(str(tmp_path / name)) is expected


def test_colour_or_transparent_16_bit_png_is_a_picture(tmp_path: Path) -> None:
    for colour, channels in ((2, 3), (4, 2), (6, 4)):
        path = tmp_path / "x.png"
        path.write_bytes(media_files.png(np.ones((4, 5, channels)), colour, 16))
        assert sniff(str(path)) is Modality.IMAGE


def test_the_layout_of_other_tiffs_is_read_too(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    for options in ({"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}):
        tifffile.imwrite(tmp_path / "f.tif", media_files.slope(), **options)
        assert sniff(str(tmp_path / "f.tif")) is Modality.DEPTH, options
        tifffile.imwrite(tmp_path / "u.tif", media_files.quadrants(), photometric="rgb", **options)
        assert sniff(str(tmp_path / "u.tif")) is Modality.IMAGE, options
        with (tmp_path / "f.tif").open("rb") as stream:
            assert peek.tiff_layout(stream) == peek.Layout(32, 1, True)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.ones((4, 5), np.float16), Modality.DEPTH),
        (np.ones((4, 5), np.uint16), Modality.DEPTH),
        (np.ones((4, 5, 3), np.float32), None),
        (np.ones(7, np.float32), None),
        (np.ones((4, 5), np.complex64), None),
        (np.ones((4, 5), bool), None),
        (np.array([["a", "b"]]), None),
    ],
)
def test_only_two_dimensional_numbers_are_depth(
    tmp_path: Path, array: Any, expected: Modality | None
) -> None:
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", array)
    assert sniff(str(tmp_path / "x.npy")) is expected
    assert sniff(str(tmp_path / "x.npz")) is expected


def test_pickled_arrays_are_refused_and_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    np.save(tmp_path / "x.npy", np.array([[Bomb()]], object), allow_pickle=True)
    np.savez(tmp_path / "x.npz", np.array([[Bomb()]], object))
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    assert reason_of(tmp_path / "x.npy") == "pickled"
    assert reason_of(tmp_path / "x.npz") == "pickled"
    assert reason_of(tmp_path / "raw.npy") == "mislabelled"
    assert not (tmp_path / "ran").exists()


def test_a_zip_named_jpg_gets_its_sentence_and_a_zip_named_zip_does_not(tmp_path: Path) -> None:
    for name in ("x.jpg", "x.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("inside.txt", "hello")
    assert reason_of(tmp_path / "x.jpg") == "mislabelled"
    assert sniff(str(tmp_path / "x.zip")) is None


def test_binary_is_not_text_and_text_is_not_binary(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(5000)
    for name, data, expected in (
        ("nameless", noise, None),
        ("program.exe", b"MZ\0\0" + noise, None),
        ("nameless", b"\x7fELF" + noise, None),
        ("README", b"A fox and a river.\n", Modality.TEXT),
        ("code.py", b"print('a fox')\n", None),
        ("data.json", b'{"a": 1}', None),
        ("page.php", b"\n<!-- a -->\n<!DOCTYPE html><html><body>A fox</body></html>", Modality.TEXT),
        ("a.TXT", "Füchse laufen über Hügel".encode("latin-1"), Modality.TEXT),
        ("a.txt", "狐狸跑过山".encode("gb18030"), Modality.TEXT),
        ("a.txt", "きつねが走る".encode("shift_jis"), Modality.TEXT),
        ("a.txt", "A fox".encode("utf-16-le"), Modality.TEXT),
        ("a.txt", "A fox".encode("utf-16-be"), Modality.TEXT),
        ("a.txt", "A fox".encode("utf-32"), Modality.TEXT),
        ("video.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + noise, Modality.VIDEO),
        ("video.mkv", b"\x1aE\xdf\xa3" + noise, Modality.VIDEO),
    ):
        (tmp_path / name).write_bytes(data)
        assert sniff(str(tmp_path / name)) is expected, (name, data[:20])


@pytest.mark.parametrize("name", ["x.mp3", "x.jpg", "x.wav", "x.txt", "x.npy", "x.exr", "x.m4a", "x.HEIC"])
def test_noise_under_a_media_name_gets_its_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(np.random.default_rng(2).bytes(20_000))
    assert reason_of(tmp_path / name) == "mislabelled"


def test_a_web_page_saved_as_a_picture_gets_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("<html><body>404 not found</body></html>")
    assert reason_of(tmp_path / "x.jpg") == "mislabelled"


def test_files_of_no_bytes_or_only_zeros(tmp_path: Path) -> None:
    for data in (b"", bytes(4096)):
        (tmp_path / "x.wav").write_bytes(data)
        (tmp_path / "nothing").write_bytes(data)
        assert reason_of(tmp_path / "x.wav") == "empty"
        assert sniff(str(tmp_path / "nothing")) is None


def test_pipes_sockets_devices_and_folders_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would wait for a writer, for ever
    assert reason_of(tmp_path / "pipe.wav") == "not-a-file"
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # the names of sockets have to be short
        try:
            listener.bind("socket.jpg")
        finally:
            os.chdir(here)
    assert reason_of(tmp_path / "socket.jpg") == "not-a-file"
    assert reason_of("/dev/zero") == "not-a-file"
    assert reason_of(tmp_path) == "not-a-file"


def test_missing_and_forbidden_files(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "gone.jpg") == "vanished"
    (tmp_path / "a.txt").write_text("x")
    assert reason_of(tmp_path / "a.txt" / "below.jpg") == "vanished"
    assert reason_of("bad\0name.jpg") == "unreadable"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x")

    def refuse(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # chmod would not stop root, who runs the tests in containers
    assert reason_of(tmp_path / "a.txt") == "unreadable"


def test_undecodable_and_newline_names_are_read_and_shown_on_one_line(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for raw in (b"caf\xe9.txt", b"two\nlines.txt", "狐狸.txt".encode()):
        path = os.fsdecode(folder + b"/" + raw)
        Path(path).write_text("A fox.")
        assert sniff(path) is Modality.TEXT
        Path(path).write_bytes(b"")
        with pytest.raises(MediaError) as caught:
            sniff(path)
        assert "\n" not in caught.value.message
        caught.value.message.encode("utf-8")  # no lone surrogates: any terminal and file can take it


def test_the_table_is_consistent() -> None:
    suffixes = [suffix for row in FORMATS for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))  # none is claimed twice
    assert set(suffixes) <= set(by_suffix())
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    modalities = {modality for row in FORMATS for modality in (row.modality, *row.yields, *row.taken_as)}
    assert modalities == set(map(Modality, ("text", "image", "audio", "depth", "video", "thermal", "imu")))
    for row in FORMATS:
        assert not row.yields or row.modality in row.yields
        assert set(row.segments_per_task) <= {row.modality, *row.yields}
        names = {row.reader, *row.taken_as.values(), *filter(None, [row.caption])}
        assert all(callable(resolve(name)) for name in names), row.name
