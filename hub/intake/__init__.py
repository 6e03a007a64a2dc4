"""The one write path: who owns what came in, what is kept of it, and what becomes of what was refused."""
