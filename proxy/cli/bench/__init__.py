"""`parallax bench`: the ways to the data, what is asked of them, and how it is told."""
