"""Commands that prove something: that the record is whole, and what it said when."""
