"""Real servers that tests speak to, each started on 127.0.0.1 from public packages."""
