"""The Basic Modality Worklist (PS3.4 annex K): the hub's orders as scheduled procedure steps."""
