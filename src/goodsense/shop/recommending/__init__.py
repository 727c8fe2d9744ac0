"""Recommendation in a shop: from its events and its build to what a shopper may want next, with the reasons."""
