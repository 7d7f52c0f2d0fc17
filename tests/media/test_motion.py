"""Motion: many ways to write the same six columns, brought to even steps in m/s2 and rad/s."""

from __future__ import annotations

from pathlib import Path

import media_files
import numpy as np
import pytest

from anyseek.contracts import DecodeHint, Modality
from anyseek.errors import MediaError
from anyseek.media import decode, sniff

HINT = DecodeHint(imu_hz=400, window_s=5, hop_s=5)


def motion_of(path: Path, hint: DecodeHint = HINT) -> np.ndarray:
    assert sniff(str(path)) is Modality.IMU
    return np.concatenate([part.data for part in decode(str(path), Modality.IMU, hint)], axis=1)


def expected(seconds: float = 4.99, rate: int = 400) -> np.ndarray:
    at = np.arange(int(seconds * rate + 1e-6) + 1) / rate
    return np.stack([np.sin(at * speed) for speed in range(1, 7)])


def write(path: Path, header: str, rows: np.ndarray, delimiter: str = ",") -> Path:
    np.savetxt(path, rows, delimiter=delimiter, header=header, comments="", fmt="%.9g")
    return path


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("t,ax,ay,az,gx,gy,gz", 1),
        ("Time (s),Acc. X,Acc. Y,Acc. Z,Gyro X,Gyro Y,Gyro Z", 1),
        ("timestamp_ms,accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z", 1e3),
        ("timestamp,accelerometer_x,accelerometer_y,accelerometer_z,wx,wy,wz", 1e9),
        ("time [us],acc_x (m/s2),acc_y (m/s2),acc_z (m/s2),gyr_x (rad/s),gyr_y (rad/s),gyr_z (rad/s)", 1e6),
    ],
)
def test_columns_are_known_by_many_names(tmp_path: Path, header: str, scale: float) -> None:
    rows = media_files.motion() * [scale, 1, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(motion_of(write(tmp_path / "walk.csv", header, rows)), expected(), atol=1e-3)


def test_units_in_brackets_are_turned_into_those_of_the_model(tmp_path: Path) -> None:
    header = "t,ax (g),ay (g),az (g),gx (deg/s),gy (deg/s),gz (deg/s)"
    got = motion_of(write(tmp_path / "walk.csv", header, media_files.motion()))
    np.testing.assert_allclose(got[:3], expected()[:3] * 9.80665, atol=1e-2)
    np.testing.assert_allclose(got[3:], np.deg2rad(expected()[3:]), atol=1e-4)


def test_a_column_name_of_brackets_takes_no_time(tmp_path: Path) -> None:
    """Looked at in full, each of these takes minutes."""
    header = "t,ax,ay,az,gx,gy,gz," + ",".join(["ax" + "[" * 100_000] * 20)
    rows = np.hstack([media_files.motion(), np.zeros((len(media_files.motion()), 20))])
    np.testing.assert_allclose(motion_of(write(tmp_path / "walk.csv", header, rows)), expected(), atol=1e-3)


def test_the_order_of_rows_and_columns_does_not_matter(tmp_path: Path) -> None:
    rows = media_files.motion()[::-1][:, [6, 0, 1, 2, 3, 4, 5]]
    path = write(tmp_path / "walk.tsv", "gz\tt\tax\tay\taz\tgx\tgy", rows, "\t")
    np.testing.assert_allclose(motion_of(path), expected(), atol=1e-3)


def test_gaps_are_bridged_and_rows_with_holes_left_out(tmp_path: Path) -> None:
    rows = media_files.motion()
    rows[100:103, 2] = np.nan
    np.testing.assert_allclose(
        motion_of(write(tmp_path / "a.csv", "t,ax,ay,az,gx,gy,gz", rows)), expected(), atol=5e-3
    )


def test_a_long_recording_is_cut_in_windows_with_their_times(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "t,ax,ay,az,gx,gy,gz", media_files.motion(1201))
    parts = list(decode(str(path), Modality.IMU, HINT))
    assert [(p.span.start, round(p.span.end, 2)) for p in parts] == [(0, 5), (5, 10), (10, 12.0)]
    (second,) = decode(str(path), Modality.IMU, HINT, 1, 1)
    np.testing.assert_array_equal(second.data, parts[1].data)


def test_arrays_have_their_time_first_or_their_rate_in_the_name(tmp_path: Path) -> None:
    rows = media_files.motion()
    np.save(tmp_path / "walk_imu.npy", rows)
    np.save(tmp_path / "walk_100hz_imu.npy", rows[:, 1:].T)
    for name in ("walk_imu.npy", "walk_100hz_imu.npy"):
        np.testing.assert_allclose(motion_of(tmp_path / name), expected(), atol=1e-3)


def test_parquet_is_read_by_its_columns(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    names = ["t", "ax", "ay", "az", "gx", "gy", "gz"]
    table = pa.table(dict(zip(names, media_files.motion().T, strict=True)) | {"who": ["me"] * 500})
    pq.write_table(table, tmp_path / "walk_imu.parquet")
    np.testing.assert_allclose(motion_of(tmp_path / "walk_imu.parquet"), expected(), atol=1e-3)


@pytest.mark.parametrize(
    ("header", "n", "reason"),
    [
        ("ax,ay,az,gx,gy,gz", 500, "no-rate"),
        ("t,ax,ay,az,gx,gy,gz", 1, "empty"),
        ("days,ax,ay,az,gx,gy,gz", 500, "no-rate"),
    ],
)
def test_what_cannot_be_read_has_its_reason(tmp_path: Path, header: str, n: int, reason: str) -> None:
    rows = media_files.motion(n)[:, -len(header.split(",")) :]
    path = write(tmp_path / "walk.csv", header, rows)
    with pytest.raises(MediaError) as raised:
        motion_of(path)
    assert raised.value.reason == reason


def test_a_table_that_is_no_motion_stays_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,age,city\nA,3,Rome\n")
    assert sniff(str(tmp_path / "a.csv")) is Modality.TEXT
