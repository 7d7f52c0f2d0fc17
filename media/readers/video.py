"""Videos: windows of pictures, each with its time, and then the sound, as segments of its own.

Windows have a fixed length and no overlap; a short rest belongs to the window before it. A model that supports
video is given the frames of each window, spread over its clips as its hint says; one that supports pictures is
given one frame of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint, Modality, SegmentData, Span, Unit
from anyseek.errors import MediaError
from anyseek.media.format import FileType
from anyseek.media.limits import Unsound, check_pixels
from anyseek.media.readers import ffmpeg
from anyseek.media.source import Source

WINDOW_S = 10.0
"""Seconds that one picture stands for, where the model supports pictures and not video."""

_SHORTEST_REST = 0.2  # of a window: what is shorter is not a window of its own
_FAST_SIDES = 2  # a frame may be handed out smaller, but not below so many times the requested side


def read(
    source: Source,
    file_type: FileType,
    hints: Mapping[Modality, DecodeHint],
    first: int = 0,
    count: int | None = None,
) -> Iterator[SegmentData]:
    """What the modalities in `hints` can take of it: VIDEO, or else IMAGE, segments, then AUDIO ones.

    VIDEO: per window of hint.window_s, uint8 (clips * frames, H, W, 3) RGB in order of time. IMAGE: uint8 (H, W, 3), a
    key frame near the middle of a window where there is one. AUDIO: as of any recording. Raises MediaError; empty when
    there is nothing of these in it.
    """
    stop = None if count is None else first + count
    n_pictures = 0
    has_sound = False
    visual = next((modality for modality in (Modality.VIDEO, Modality.IMAGE) if modality in hints), None)
    with _opened(source, file_type) as video:
        has_sound = bool(video.container.streams.audio) and Modality.AUDIO in hints
        if visual is not None and video.stream is not None:
            hint = hints[visual]
            windows = video.windows(hint.window_s if visual is Modality.VIDEO else WINDOW_S)
            n_pictures = len(windows)
            check_pixels(source.name, video.stream.width, video.stream.height, hint.limits)
            for window in windows[first:stop]:
                span = Span(float(window.start), float(window.end), Unit.SECONDS)
                yield SegmentData(visual, span, _pictures(video, window, visual, hint))
    if not n_pictures and not has_sound and first == 0 and count != 0:
        raise MediaError(
            f"{source.name} contains nothing to see or hear.", "empty", "Replace or delete the file."
        )
    if has_sound and (stop is None or stop > n_pictures):
        from anyseek.media.readers import audio

        start = max(0, first - n_pictures)
        n_left = None if stop is None else stop - n_pictures - start
        yield from audio.windows(source, file_type, hints[Modality.AUDIO], start, n_left)


@dataclass(frozen=True, slots=True)
class _Window:
    """Seconds from the beginning of the video."""

    start: Fraction
    end: Fraction


@dataclass(slots=True, eq=False)
class _Video:
    """An opened container; `stream` is its first track of pictures that is not a cover."""

    container: Any
    stream: Any

    def windows(self, length_s: float) -> list[_Window]:
        """What the video is cut into; at least one."""
        end, length = max(self._end(), Fraction(1, 1000)), Fraction(length_s)
        n = max(1, int(end / length))
        if end - n * length > length * Fraction(_SHORTEST_REST) and end > length:
            n += 1
        return [_Window(i * length, end if i == n - 1 else (i + 1) * length) for i in range(n)]

    def _end(self) -> Fraction:
        """Where the video ends, by its last packets: headers of cut files claim what is not there."""
        stream = self.stream
        claimed = Fraction(0)
        if stream.duration:
            claimed = Fraction(stream.duration) * stream.time_base
        elif self.container.duration:
            claimed = Fraction(self.container.duration, 1_000_000)
        last = Fraction(0)
        for packet in self._packets(max(Fraction(0), claimed - 1)):
            last = max(last, self._time(packet) + Fraction(packet.duration or 0) * stream.time_base)
        return last

    def _packets(self, start: Fraction) -> Iterator[Any]:
        """Packets from the last key frame at or before `start` on; from the very first where seeking fails."""
        import av

        stream = self.stream
        try:
            ticks = int(start / stream.time_base) + (stream.start_time or 0)
            self.container.seek(ticks, stream=stream)
            packets = (packet for packet in self.container.demux(stream) if packet.size)
            opening = next(packets, None)
        except av.error.FFmpegError:
            opening = None
        if start and (opening is None or self._time(opening) > start):
            self.container.seek(stream.start_time or 0, stream=stream)
            packets = (packet for packet in self.container.demux(stream) if packet.size)
            opening = next(packets, None)
        if opening is not None:
            yield opening
            yield from packets

    def _time(self, packet: Any) -> Fraction:
        """Seconds from the beginning of the video; also of a decoded frame."""
        ticks = packet.pts if packet.pts is not None else packet.dts
        since = int(ticks or 0) - int(self.stream.start_time or 0)
        return since * Fraction(self.stream.time_base)

    def times(self, window: _Window) -> list[Fraction]:
        """When each frame of the window is shown, in order, without decoding one."""
        times = []
        n_beyond = 0
        for packet in self._packets(window.start):
            time = self._time(packet)
            if window.start <= time < window.end:
                times.append(time)
            n_beyond = n_beyond + 1 if time >= window.end else 0
            if n_beyond > 32:  # frames are stored out of order, but not by so many
                break
        return sorted(times)

    def frames(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """Decoded frames with their times, from the last key frame at or before `start` on.

        A packet that cannot be decoded is passed over.
        """
        import av

        self.stream.codec_context.flush_buffers()
        for packet in self._packets(start):
            try:
                for frame in packet.decode():
                    yield self._time(frame), frame
            except av.error.InvalidDataError:
                continue
        try:
            for frame in self.stream.codec_context.decode(None):
                yield self._time(frame), frame
        except (av.error.InvalidDataError, av.error.EOFError):
            return

    def frames_at(self, times: Sequence[Fraction]) -> list[Any]:
        """The frames shown at these times, each the last that begins at or before its time; sorted times."""
        picked: list[Any] = []
        previous: Any = None
        for time, frame in self.frames(times[0]):
            while previous is not None and len(picked) < len(times) and time > times[len(picked)]:
                picked.append(previous)
            previous = frame
            if len(picked) == len(times):
                break
        if previous is None:
            raise Unsound(f"no frame can be decoded near {float(times[0]):.1f} s")
        return picked + [previous] * (len(times) - len(picked))


@contextmanager
def _opened(source: Source, file_type: FileType) -> Iterator[_Video]:
    with ffmpeg.opened(source, file_type, "a video") as container:
        import av

        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & cover]
        if streams:
            streams[0].thread_type = "AUTO"
        yield _Video(container, streams[0] if streams else None)


# ---------------------------------------------------------------- which frames


def _pictures(video: _Video, window: _Window, modality: Modality, hint: DecodeHint) -> npt.NDArray[np.uint8]:
    if modality is Modality.IMAGE:
        return _rgb(_key_frame(video, window), hint.min_side)
    times = video.times(window)
    rate = video.stream.average_rate or len(times) / max(window.end - window.start, Fraction(1, 1000))
    places = picks(len(times), Fraction(rate), hint)
    chosen = [times[place] for place in places] or [window.start] * (hint.clips * hint.frames)
    order = sorted(set(chosen))
    frames = dict(zip(order, video.frames_at(order), strict=True))
    pixels = {time: _rgb(frame, hint.min_side) for time, frame in frames.items()}
    return np.stack([pixels[time] for time in chosen])


def picks(n: int, rate: Fraction, hint: DecodeHint) -> list[int]:
    """Which of a window's n frames, shown at `rate` a second, make up its clips; empty when n is 0.

    Clip i of c starts at i * max(duration - clip_s, 0) / (c - 1); of its frames the first, the last and those
    evenly between are taken. For two frames this is ImageBind's own choice.
    """
    if n == 0:
        return []
    length = Fraction(hint.clip_s) or n / rate
    room = max(n / rate - length, Fraction(0))
    chosen: list[int] = []
    for clip in range(hint.clips):
        start = room * clip / (hint.clips - 1) if hint.clips > 1 else Fraction(0)
        low = min(_ceil(rate * start), n - 1)
        high = max(low, min(_ceil(rate * (start + length)), n) - 1)
        chosen += [round(place) for place in np.linspace(low, high, hint.frames)]
    return chosen


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _key_frame(video: _Video, window: _Window) -> Any:
    """A key frame of the window's first half, the last one; without one, the frame in the middle."""
    middle = (window.start + window.end) / 2
    for time, frame in video.frames(middle):
        if time >= window.start:
            return frame
        break
    return video.frames_at([middle])[0]


def _rgb(frame: Any, min_side: int) -> npt.NDArray[np.uint8]:
    """Upright RGB; where a smaller picture is enough, half or a quarter of it and so on."""
    width, height = frame.width, frame.height
    while min_side and min(width, height) >= 2 * _FAST_SIDES * min_side:
        width, height = width // 2, height // 2
    how = {} if width == frame.width else {"width": width, "height": height, "interpolation": "AREA"}
    pixels = frame.to_ndarray(format="rgb24", **how)
    turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns))
