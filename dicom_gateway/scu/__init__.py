"""Associations that we open: sub-operations of C-MOVE, storage commitment reports."""
