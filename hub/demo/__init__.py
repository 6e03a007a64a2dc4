"""The main job, played through the real doors with a small county of made-up people."""
