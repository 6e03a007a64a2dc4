"""What is counted beside resources, by its kind."""

from hub.cds.tables import LOOK_UPS, REMINDERS
from hub.security.tables import READS

TALLIES = {one.kind: one for one in (LOOK_UPS, REMINDERS, READS)}
