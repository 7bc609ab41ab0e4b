"""The records that travel between rooms, each read and written in one place."""
