"""Patients as the study index knows them: one for each owner, PatientID and issuer (PS3.4 C.6.1.1.2).

Two organizations may give one number to two people; they are never shown as one.
"""

from collections.abc import Sequence

from hub.contracts.caller import Scope

from ..study_index.index import StudyIndex
from ..study_index.search import Query, statement

_GROUP = "st.owner, st.patient_id, st.issuer_of_patient_id, CASE st.patient_id WHEN '' THEN st.uid END"


def patient_statement(query: Query, scope: Scope) -> tuple[str, list[object]]:
    """As ``search.statement``, but of each patient its latest study alone."""
    sql, parameters = statement(query, scope)
    select, rest = sql.split(" FROM study st ", 1)
    where, _order = rest.rsplit(" ORDER BY ", 1)
    latest = f"{select}, max(st.study_date) FROM study st {where}"
    sql = f"{latest} GROUP BY {_GROUP} ORDER BY st.patient_id, st.id LIMIT ? OFFSET ?"
    return sql, parameters


def patient_counts(index: StudyIndex, study: int) -> Sequence[int]:
    """(studies, series, instances) of the patient of a study, by study id."""
    rows = index.rows(
        """SELECT count(*), sum(x.series_count), sum(x.instance_count) FROM study st JOIN study x ON x.owner = st.owner
               AND x.patient_id = st.patient_id AND x.issuer_of_patient_id = st.issuer_of_patient_id
           WHERE st.id = ? AND (st.patient_id <> '' OR x.id = st.id)""",
        (study,),
    )
    return rows[0]
