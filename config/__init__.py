"""The data files that ship with Parallax: settings with their defaults, rules, flags and entity maps."""
