"""What is done to the hub's neighbours on purpose, for minutes: ``make fault``."""
