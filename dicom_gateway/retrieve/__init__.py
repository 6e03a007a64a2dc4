"""C-MOVE and C-GET of the Query/Retrieve service class (PS3.4 C.4.2, C.4.3)."""
