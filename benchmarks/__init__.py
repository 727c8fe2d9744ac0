"""Benchmarks of goodsense: each script measures one thing on one data set and writes its figures as JSON."""
