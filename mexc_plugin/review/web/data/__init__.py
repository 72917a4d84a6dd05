"""What the live page reads, in threads, and how it learns of what is new."""
