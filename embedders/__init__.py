"""Models: prepared media -> unit vectors in one space. `registry` is the one door."""
