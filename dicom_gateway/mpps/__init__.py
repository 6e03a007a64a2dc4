"""Modality Performed Procedure Step (PS3.4 annex F): what a device says of the examination it performs."""
