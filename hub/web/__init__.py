"""Pages for people: Chinese first, English beside it."""
