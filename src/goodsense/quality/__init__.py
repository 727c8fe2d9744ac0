"""Looks at a catalog's quality, and cleans it: detectors, reports, reversible steps."""
