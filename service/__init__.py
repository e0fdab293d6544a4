"""A customer-service bot for a shop's WeChat Official Account; the map of its rooms is docs/design.md."""
