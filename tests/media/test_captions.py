"""What files say about themselves in words, in all the forms in which programs write it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import media_files
import pytest
import soundfile
from PIL import Image, PngImagePlugin

from anyseek.media.captions import MOST_CHARACTERS, caption
from anyseek.media.sniffing import identify
from anyseek.media.source import Source

RDF = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {}</rdf:Description></rdf:RDF></x:xmpmeta>'
)


def caption_of(path: Path) -> str:
    with Source.open(str(path)) as source:
        file_type = identify(source)
        assert file_type is not None
        return caption(source, file_type)


def jpeg(path: Path, marker: int = 0, body: bytes = b"") -> Path:
    """A red JPEG with one more segment after its first two bytes."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(out, "JPEG")
    plain = out.getvalue()
    added = bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body if marker else b""
    path.write_bytes(plain[:2] + added + plain[2:])
    return path


def with_xmp(path: Path, description: str) -> Path:
    return jpeg(path, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + RDF.format(description).encode())


def test_xmp_elements_attributes_and_entities(tmp_path: Path) -> None:
    bag = "<dc:subject><rdf:Bag><rdf:li>wombat</rdf:li><rdf:li>&#77;arsupial &amp; co</rdf:li></rdf:Bag></dc:subject>"
    alt = '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">At dusk</rdf:li></rdf:Alt></dc:description>'
    path = with_xmp(tmp_path / "x.jpg", f'photoshop:Headline="quoll">{alt}{bag}')
    assert caption_of(path) == "At dusk wombat Marsupial & co quoll"


@pytest.mark.parametrize("description", [">", "><dc:subject>cut", 'dc:title="&nonesuch;">'])
def test_damaged_xmp_costs_nothing_else(tmp_path: Path, description: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "A fox"
    packet = RDF.format(description).encode()
    Image.new("RGB", (16, 16)).save(tmp_path / "x.webp", exif=exif, xmp=packet)
    assert caption_of(tmp_path / "x.webp") == "A fox"


def test_xmp_with_a_bomb_of_entities_is_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "lol">]>' + RDF.format("><dc:title>&a;</dc:title>")
    path = jpeg(tmp_path / "x.jpg", 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bomb.encode())
    assert caption_of(path) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_exif_in_what_people_write_it_in(tmp_path: Path, encoding: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Müller auf der Brücke".encode(encoding)
    Image.new("RGB", (16, 16)).save(tmp_path / "x.jpg", exif=exif)
    assert caption_of(tmp_path / "x.jpg") == "Müller auf der Brücke"


def test_iptc_keywords_and_captions(tmp_path: Path) -> None:
    records = ((25, "kookaburra"), (25, "laughing"), (120, "Ein dürrer Baum"))
    data = b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text.encode())) + text.encode()
        for number, text in records
    )
    block = (
        b"Photoshop 3.0\0"
        + b"8BIM\x04\x04\0\0"
        + struct.pack(">I", len(data))
        + data
        + b"\0" * (len(data) % 2)
    )
    assert caption_of(jpeg(tmp_path / "x.jpg", 0xED, block)) == "Ein dürrer Baum kookaburra laughing"
    jpeg(tmp_path / "cut.jpg", 0xED, block[:40])
    assert isinstance(caption_of(tmp_path / "cut.jpg"), str)


def test_comments_of_a_png_and_pictures_without_any(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Description", "A fox\non a hill")
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png", pnginfo=info)
    assert caption_of(tmp_path / "x.png") == "A fox on a hill"
    info.add_text("Comment", "word " * 2000)
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png", pnginfo=info)
    assert len(caption_of(tmp_path / "x.png")) <= MOST_CHARACTERS
    assert caption_of(jpeg(tmp_path / "y.jpg")) == ""


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.wav", "a.aiff"])
def test_tags_that_libsndfile_writes(tmp_path: Path, name: str) -> None:
    with soundfile.SoundFile(tmp_path / name, "w", 44_100, 1) as file:
        file.title, file.artist = "Brücke", "Müller"
        file.write(media_files.tone(0.2))
    assert caption_of(tmp_path / name) == "Brücke Müller"


@pytest.mark.parametrize(("name", "format_name"), [("a.m4a", "ipod"), ("a.mp3", "mp3")])
def test_tags_that_ffmpeg_writes(tmp_path: Path, name: str, format_name: str) -> None:
    import av

    tags = {
        "title": "Mongoose",
        "artist": "Müller",
        "album": "Tiere",
        "genre": "Field",
        "comment": "at night",
    }
    with av.open(str(tmp_path / name), "w", format=format_name) as container:
        container.metadata.update(tags)
        codec = "aac" if name == "a.m4a" else "mp3"
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(media_files.tone(0.2)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44_100, 0
        fitting = av.AudioResampler(
            format=stream.codec_context.format.name,
            layout="mono",
            rate=44_100,
            frame_size=stream.codec_context.frame_size,
        )
        for piece in (*fitting.resample(frame), *fitting.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    assert caption_of(tmp_path / name) == "Mongoose Müller Tiere at night Field"


def test_damaged_tags_are_none(tmp_path: Path, files: dict[str, Path]) -> None:
    for name in ("a.m4a", "a.mp3", "a.flac", "a.wav"):
        data = files[name].read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 3])
        assert isinstance(caption_of(tmp_path / name), str)
    assert caption_of(files["a.txt"]) == ""
    assert caption_of(files["d.png"]) == ""
