"""Units as laboratories print them, to UCUM. Exact spellings only: a unit that is not here stays text."""

UCUM = {
    "%": "%", "g/L": "g/L", "g/dL": "g/dL", "mg/L": "mg/L", "mg/dL": "mg/dL", "ug/L": "ug/L", "μg/L": "ug/L",
    "µg/L": "ug/L", "ng/mL": "ng/mL", "ng/ml": "ng/mL", "ng/L": "ng/L", "pg/mL": "pg/mL", "pg/ml": "pg/mL",
    "ug/mL": "ug/mL", "μg/mL": "ug/mL", "µg/mL": "ug/mL", "mg/24h": "mg/(24.h)", "g/24h": "g/(24.h)",
    "mol/L": "mol/L", "mmol/L": "mmol/L", "umol/L": "umol/L", "μmol/L": "umol/L", "µmol/L": "umol/L",
    "nmol/L": "nmol/L", "pmol/L": "pmol/L", "U/L": "U/L", "IU/L": "[IU]/L", "KU/L": "kU/L", "U/mL": "U/mL",
    "U/ml": "U/mL", "IU/mL": "[IU]/mL", "IU/ml": "[IU]/mL", "mIU/L": "m[IU]/L", "mIU/mL": "m[IU]/mL",
    "mIU/ml": "m[IU]/mL", "uIU/mL": "u[IU]/mL", "uIU/ml": "u[IU]/mL", "μIU/mL": "u[IU]/mL", "µIU/mL": "u[IU]/mL",
    "10^9/L": "10*9/L", "10*9/L": "10*9/L", "x10^9/L": "10*9/L", "×10^9/L": "10*9/L", "*10^9/L": "10*9/L",
    "10E9/L": "10*9/L", "10^12/L": "10*12/L", "10*12/L": "10*12/L", "x10^12/L": "10*12/L", "×10^12/L": "10*12/L",
    "*10^12/L": "10*12/L", "10E12/L": "10*12/L", "10^6/L": "10*6/L", "fL": "fL", "fl": "fL", "pg": "pg",
    "L/L": "L/L", "/uL": "/uL", "/μL": "/uL", "/µL": "/uL", "/ul": "/uL", "/HP": "/[HPF]", "/HPF": "/[HPF]",
    "个/HP": "/[HPF]", "/LP": "/[LPF]", "/LPF": "/[LPF]", "个/LP": "/[LPF]", "mm/h": "mm/h", "mm/hr": "mm/h",
    "mmHg": "mm[Hg]", "kPa": "kPa", "s": "s", "sec": "s", "秒": "s", "ms": "ms", "min": "min", "分钟": "min", "h": "h",
    "d": "d", "天": "d", "岁": "a", "/min": "/min", "次/分": "/min", "次/min": "/min", "bpm": "/min", "℃": "Cel",
    "°C": "Cel", "cm": "cm", "mm": "mm", "m": "m", "kg": "kg", "g": "g", "mg": "mg", "mL": "mL", "ml": "mL",
    "L": "L", "kg/m2": "kg/m2", "kg/m^2": "kg/m2", "mV": "mV", "mOsm/kg": "mosm/kg", "mOsm/L": "mosm/L",
    "mL/min": "mL/min", "ml/min": "mL/min", "mL/min/1.73m2": "mL/min/{1.73_m2}",
    "ml/min/1.73m2": "mL/min/{1.73_m2}", "mEq/L": "meq/L", "copies/mL": "{copies}/mL", "copies/ml": "{copies}/mL",
    "S/CO": "{s_co_ratio}", "度": "deg", "°": "deg",
}  # fmt: skip
