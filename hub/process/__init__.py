"""One process tree for one folder: the supervisor, and what each of its children runs."""
