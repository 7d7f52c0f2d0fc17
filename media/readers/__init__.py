"""A file for each family of formats: opened files to decoded segments."""
