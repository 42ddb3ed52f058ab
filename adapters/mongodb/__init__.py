"""MongoDB itself: operations as its commands, its replies as outcomes."""
