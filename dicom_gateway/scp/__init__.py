"""The service class provider: listener, associations, receive path."""
