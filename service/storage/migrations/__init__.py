"""The steps that bring an older database to this release's tables."""
