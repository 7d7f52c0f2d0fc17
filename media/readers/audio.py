"""Recordings, streamed: any rate, any channels in; mono windows at the requested rate out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span, Unit
from anyseek.errors import MediaError
from anyseek.media.format import FileType
from anyseek.media.limits import damaged
from anyseek.media.readers import ffmpeg
from anyseek.media.segments import n_windows
from anyseek.media.source import Source

if TYPE_CHECKING:
    from anyseek.contracts import Floats

BLOCK_SAMPLES = 1 << 18
LOWEST_HZ, HIGHEST_HZ = 1_000, 1_000_000

# Sound before a window that is decoded with it and dropped: the resampling filter and AAC's overlapping
# frames look back, and a window found by seeking must equal the one met in passing.
_RUN_UP_S = 0.5
_SEEKABLE_BY_AV = ("mov",)  # others tell time in milliseconds, or guess it


@dataclass(frozen=True, slots=True)
class _Recording:
    """blocks(start): mono float32 pieces of any length from sample `start` on, at rate_hz."""

    rate_hz: int
    blocks: Callable[[int], Iterator[Floats]]


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """A segment per window: float32 (N,) mono, -1 to 1, at hint.rate_hz; the last one may be shorter.

    Raises MediaError; empty when there is not one sample.
    """
    hint = hints[Modality.AUDIO]
    n_windows_read = 0
    for window in windows(source, file_type, hint, first, count):
        n_windows_read += 1
        yield window
    if not n_windows_read and first == 0 and count != 0:
        raise MediaError(f"{source.name} contains no sound.", "empty", "Replace or delete the file.")


def windows(
    source: Source, file_type: FileType, hint: DecodeHint, first: int = 0, count: int | None = None
) -> Iterator[SegmentData]:
    """As `read`, of a recording that may have no samples: a video whose audio track is empty."""
    opened = _opened_by_av if file_type.format.library else _opened_by_soundfile
    with opened(source, file_type) as recording:
        if not LOWEST_HZ <= recording.rate_hz <= HIGHEST_HZ:
            raise MediaError(
                f"{source.name} claims {recording.rate_hz:,} samples a second, "
                f"outside the {LOWEST_HZ:,} to {HIGHEST_HZ:,} that are read.",
                "unsupported",
                "Resample the recording.",
            )
        yield from _windows(recording, hint, first, count)


def windows_of(samples: npt.NDArray[Any], rate_hz: int, hint: DecodeHint) -> Iterator[SegmentData]:
    """The windows of a recording in memory. samples: floating point (N,) or (N, C), -1 to 1."""
    channels = samples.reshape(len(samples), -1)
    recording = _Recording(rate_hz, lambda start: iter([_mono(channels[start:])]))
    return _windows(recording, hint, 0, None)


def _windows(recording: _Recording, hint: DecodeHint, first: int, count: int | None) -> Iterator[SegmentData]:
    window, hop = max(1, round(hint.window_s * hint.rate_hz)), max(1, round(hint.hop_s * hint.rate_hz))
    number, stop = first, None if count is None else first + count
    begin = number * hop  # where the next window begins, in samples handed out
    buffer, buffer_start = np.zeros(0, np.float32), begin
    for piece in _resampled(recording, hint.rate_hz, begin):
        buffer = np.concatenate((buffer, piece))
        while number != stop and buffer_start + len(buffer) >= begin + window:
            yield _window(buffer[begin - buffer_start :][:window], begin, hint.rate_hz)
            number, begin = number + 1, begin + hop
        if number == stop:
            return
        n_done = min(begin - buffer_start, len(buffer))
        buffer, buffer_start = buffer[n_done:], buffer_start + n_done
    end = buffer_start + len(buffer)
    while number != stop and number < n_windows(end, window, hop):
        yield _window(buffer[begin - buffer_start :][:window], begin, hint.rate_hz)
        number, begin = number + 1, begin + hop


def _window(samples: Floats, begin: int, rate_hz: int) -> SegmentData:
    span = Span(begin / rate_hz, (begin + len(samples)) / rate_hz, Unit.SECONDS)
    return SegmentData(Modality.AUDIO, span, samples.copy())


def _resampled(recording: _Recording, rate_hz: int, begin: int) -> Iterator[Floats]:
    """The recording at rate_hz from its sample number `begin` on (counted at rate_hz), in pieces.

    Decoding starts on a multiple of the rates' common step, where samples of both rates coincide: so the
    pieces are those that a resampling from the very start would give.
    """
    common = gcd(recording.rate_hz, rate_hz)
    step_in, step_out = recording.rate_hz // common, rate_hz // common
    steps = max(0, begin - round(_RUN_UP_S * rate_hz)) // step_out
    drop = begin - steps * step_out
    blocks = recording.blocks(steps * step_in)
    for piece in blocks if step_in == step_out else _through_soxr(blocks, recording.rate_hz, rate_hz):
        if len(piece) > drop:
            yield np.clip(piece[drop:], -1, 1)
        drop = max(0, drop - len(piece))


def _through_soxr(blocks: Iterator[Floats], rate_in: int, rate_out: int) -> Iterator[Floats]:
    stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(samples: npt.NDArray[Any]) -> Floats:
    """(N, C) of any float type -> (N,), the mean of the channels; what is not a number is silence."""
    plain = np.nan_to_num(samples.astype(np.float32, copy=False), nan=0.0, posinf=0.0, neginf=0.0)
    mean: Floats = np.clip(plain, -1, 1).mean(axis=1, dtype=np.float32)
    return mean


# ---------------------------------------------------------------- soundfile: WAV, FLAC, Ogg, MP3, AIFF...


@contextmanager
def _opened_by_soundfile(source: Source, file_type: FileType) -> Iterator[_Recording]:
    try:
        with soundfile.SoundFile(source.rewound()) as file:
            yield _Recording(file.samplerate, lambda start: _soundfile_blocks(file, start))
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        # "File does not exist" is what libsndfile says where libmpg123 finds no sound.
        is_silent = "File does not exist" in str(getattr(error, "error_string", error))
        why = "no sound in it can be decoded" if is_silent else error
        raise damaged(source.name, file_type.format.name, why) from error


def _soundfile_blocks(file: soundfile.SoundFile, start: int) -> Iterator[Floats]:
    if start >= file.frames and start > 0:
        return
    if start:
        file.seek(start)
    n_frames = max(1, BLOCK_SAMPLES // file.channels)
    while len(samples := file.read(n_frames, dtype="float32", always_2d=True)):
        yield _mono(samples)


# ---------------------------------------------------------------- PyAV: AAC, M4A, AC-3, Matroska, WMA


@contextmanager
def _opened_by_av(source: Source, file_type: FileType) -> Iterator[_Recording]:
    with ffmpeg.opened(source, file_type, "a recording") as container:
        if not container.streams.audio:
            raise MediaError(f"{source.name} contains no sound.", "empty", "Replace or delete the file.")
        stream = container.streams.audio[0]
        is_seekable = file_type.format.library in _SEEKABLE_BY_AV
        yield _Recording(
            int(stream.rate or 0),
            lambda start: _gathered(_av_blocks(container, stream, start, is_seekable)),
        )


def _gathered(pieces: Iterator[Floats]) -> Iterator[Floats]:
    """The same samples in fewer, larger pieces: a frame of AAC has 1,024."""
    block: list[Floats] = []
    n_samples = 0
    for piece in pieces:
        block.append(piece)
        n_samples += len(piece)
        if n_samples >= BLOCK_SAMPLES:
            yield np.concatenate(block)
            block, n_samples = [], 0
    if block:
        yield np.concatenate(block)


def _av_blocks(container: Any, stream: Any, start: int, is_seekable: bool) -> Iterator[Floats]:
    import av

    position: int | None = 0
    if start and is_seekable:
        seconds = max(0.0, start / stream.rate - _RUN_UP_S)
        container.seek(int(seconds / stream.time_base) + (stream.start_time or 0), stream=stream)
        position = None
    resampler = av.AudioResampler(format="fltp")  # the sample format only; rate and channels stay
    for frame in container.decode(stream):
        if position is None:
            ticks = (frame.pts or 0) - (stream.start_time or 0)
            position = round(ticks * stream.time_base * stream.rate)
        for piece in resampler.resample(frame):
            samples = _mono(piece.to_ndarray().T)
            if position + len(samples) > start:
                yield samples[max(0, start - position) :]
            position += len(samples)
