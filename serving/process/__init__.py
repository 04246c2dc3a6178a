"""The processes of one server: a master that holds the listening socket, and its workers."""
