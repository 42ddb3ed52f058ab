"""The latency page of `parallax bench`."""
