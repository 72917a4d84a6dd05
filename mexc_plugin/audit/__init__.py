"""What is on record: events, their canonical bytes, the chain, redaction. No SQL here."""
