"""MongoDB's language as typed trees."""
