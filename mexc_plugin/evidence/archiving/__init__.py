"""Takes old events out of the record: what leaves, the file that it leaves for, and how it is removed."""
