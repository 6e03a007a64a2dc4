"""One person across all clinics: links between source Patients, the first rule of linking, and the Person view."""
