"""What a clinic's own codes and names mean: its maps, the names nobody understood, reading again after a change."""
