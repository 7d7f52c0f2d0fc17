"""Commands beyond the daily ones: each module adds its own to the program by `register(app)`."""
