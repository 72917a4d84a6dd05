"""What is in a database: tables, views, triggers, grants, and how they come there."""
