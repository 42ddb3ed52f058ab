"""`python -m proxy.cli` is `parallax`."""

from proxy.cli import main

main()
