"""Measures streamx: `benchmarks.compare` beside its peers, `benchmarks.codec` by itself."""
