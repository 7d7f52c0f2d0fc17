"""The terminal: running commands, what they print, and the commands themselves."""
