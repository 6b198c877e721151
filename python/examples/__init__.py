"""Workers to read and to run: the package's README shows how."""
