"""How formats are recognised by their first bytes."""

from __future__ import annotations

from collections.abc import Callable


def begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == kind


def brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file (MP4, HEIC, AVIF), empty for anything else."""
    if head[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(head[:4], "big"), 1024)
    return {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}


def is_avif(head: bytes) -> bool:
    return bool(brands(head) & {b"avif", b"avis"})


def is_heic(head: bytes) -> bool:
    heic = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
    return not is_avif(head) and bool(brands(head) & heic)


def is_mp4(head: bytes) -> bool:
    return bool(brands(head)) and not is_avif(head) and not is_heic(head)


def is_quicktime(head: bytes) -> bool:
    return is_mp4(head) or head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip")


def is_transport(head: bytes) -> bool:
    """MPEG transport stream: packets of 188 bytes, each with its mark."""
    return len(head) > 5 * 188 and all(head[at] == 0x47 for at in range(0, 5 * 188, 188))


def is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and head[6:10] == bytes(4)


def is_aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:11] == b"AIF"


def is_npz(head: bytes) -> bool:
    name_bytes = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and head[30 : 30 + name_bytes].endswith(b".npy")
