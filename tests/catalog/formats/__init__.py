"""What each feed format carries and loses, one module per format; see ``tests/catalog/round_trips.py``."""
