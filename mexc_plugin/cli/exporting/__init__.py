"""An export from beginning to end: rows, formats, files that are whole or not there."""
