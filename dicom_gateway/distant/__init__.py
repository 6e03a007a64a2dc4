"""Images that stay at the hospital: studies enter the index without their bytes, which come when they are looked at."""
