"""The one number that grows with each change of who is registered."""

from hub.contracts.store import CommitView


def new_generation(view: CommitView) -> None:
    """Tell every process that what it holds in memory is out of date."""
    view.execute(
        "INSERT INTO security_generation (one, generation) VALUES (1, 1)"
        " ON CONFLICT (one) DO UPDATE SET generation = generation + 1"
    )
