"""The depth of a rendered picture is the geometry's, not an estimate."""

from __future__ import annotations

import numpy as np


def test_a_wall_is_at_its_distance_along_the_axis() -> None:
    from raymarch import Scene, render
    from solids import plane, solid

    wall = solid(plane(2, 3.0, -1), (0.5, 0.5, 0.5))
    scene = Scene((wall,), (0, 1, 0), (0, 1, 3))
    picture, metres = render(scene, np.random.default_rng(0), 24, 32)
    assert picture.size == (32, 24)
    assert metres.shape == (24, 32)
    np.testing.assert_allclose(metres, 3.0, atol=0.01)


def test_a_ball_is_nearest_in_its_middle_and_the_sky_is_a_hole() -> None:
    from raymarch import Scene, render
    from solids import ball, solid

    red_ball = solid(ball((0, 0, 5), 1.0), (0.9, 0.1, 0.1))
    scene = Scene((red_ball,), (0, 0, 0), (0, 0, 1), sky=((0, 0, 1), (0, 0, 1)))
    picture, metres = render(scene, np.random.default_rng(0), 48, 64)
    assert abs(float(np.nanmin(metres)) - 4.0) < 0.02
    assert float(np.nanmax(metres)) < 5.0
    assert np.isnan(metres[0, 0])
    red, _, blue = np.asarray(picture, int)[24, 32]
    assert red > 2 * blue


def test_boxes_bound_their_shapes() -> None:
    """The renderer skips a solid by its box: no point outside the box may be nearer than the box."""
    import furniture
    import solids

    rng = np.random.default_rng(3)
    grey = (0.5, 0.5, 0.5)
    grey = (0.5, 0.5, 0.5)
    pieces = [*furniture.sofa(0, 2, 1, grey), *furniture.chair(1, 1, 0.4), *furniture.plant(0, 1, 0, 1, rng)]
    shapes = [piece.shape for piece in pieces]
    shapes += [solids.ring((0, 0, 0), 1, 0.1), solids.drum((0, 1, 0), 0.5, 1, axis=2, taper=0.2)]
    points = rng.uniform(-4, 4, (3, 4000)).astype(np.float32)
    for shape in shapes:
        low, high = np.array(shape.low)[:, None], np.array(shape.high)[:, None]
        outside = np.maximum(np.maximum(low - points, points - high), 0)
        to_box = np.sqrt((outside**2).sum(0))
        inside = shape.distance(points) < -1e-4
        assert not (inside & (to_box > 1e-3)).any()


def test_the_measured_depth_of_the_photograph_is_plausible() -> None:
    import photos

    home = photos.package_folder("skimage")
    assert home is not None, "scikit-image belongs to the dev extra"
    metres = photos.motorcycle_depth(home / "data/motorcycle_disp.npz")
    assert metres.shape == (500, 741)
    assert np.isnan(metres).any()
    assert 1.5 < float(np.nanmin(metres)) < float(np.nanmax(metres)) < 8
