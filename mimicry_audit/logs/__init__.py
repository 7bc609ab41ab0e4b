"""The files that hold answers collected elsewhere: our own table, and the logs of other tools."""
