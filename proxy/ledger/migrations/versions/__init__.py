"""One file per version; each is final once released."""
