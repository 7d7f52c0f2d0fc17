"""`mini`, the built-in model: text, image, audio and depth in one space, small enough to ship in the package."""
