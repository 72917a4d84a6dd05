"""Where events are kept: the only room that imports SQLAlchemy and alembic."""
