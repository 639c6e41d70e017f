"""Sources of bytes, decoding, and the chunker that cuts them into whole records."""
