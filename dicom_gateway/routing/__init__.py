"""Objects received that go on to others by rule, after they were acknowledged, until they have arrived."""
