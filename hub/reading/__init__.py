"""Reading work: a Task for each study that waits for its report, who may move it where, and the report's way back."""
