"""From a draft to the disk: the writer, its spool, and its connection."""
