"""Pixels: decoded, encoded anew, transcoded, rendered. What is stored is never changed by any of it."""
