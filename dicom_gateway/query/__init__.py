"""C-FIND of the Query/Retrieve service class (PS3.4 annex C) over the study index."""
