"""Made-up resources, always the same ones, in the shapes that clinics, devices and claims systems send.

They teach the dictionary FHIR's own words (element names, code systems, common codes); nobody in them exists.
``shapes.json``: a shape is a type, how many to make, and a body in which ``$word`` stands for something random and
``{"$one of": table}`` for a CodeableConcept out of a table.
"""

import random
import re
from pathlib import Path
from typing import Any

import msgspec

_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_GIVEN = "伟芳娜敏静秀英丽强磊军洋勇艳杰涛明超霞平刚桂兰"
_WORD = re.compile(r"\$(\w+)(?: (\w+))?")


class _Maker:
    def __init__(self, words: dict[str, list[str]], concepts: dict[str, list[list[str]]]) -> None:
        self._random = random.Random(20261122)  # noqa: S311 - samples, not secrets
        self._words = words
        self._concepts = concepts

    def fill(self, shape: Any) -> Any:
        if isinstance(shape, dict):
            if "$one of" in shape:
                system, code, display = self._random.choice(self._concepts[shape["$one of"]])
                return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
            return {name: self.fill(value) for name, value in shape.items()}
        if isinstance(shape, list):
            return [self.fill(value) for value in shape]
        if shape == "$decimal":
            return round(self._random.random() * 200, self._random.randrange(5))
        return _WORD.sub(self._word, shape) if isinstance(shape, str) else shape

    def _word(self, match: re.Match[str]) -> str:
        r = self._random
        match match[1]:
            case "ref":
                return f"{match[2]}/{self._uuid()}"
            case "uuid":
                return self._uuid()
            case "number":
                return f"{r.randrange(10**9):09d}"
            case "oid":
                return f"1.2.840.99999999.{r.randrange(10**8)}.{r.randrange(10**12)}"
            case "person":
                return r.choice(_FAMILY) + "".join(r.choice(_GIVEN) for _ in range(r.randrange(1, 3)))
            case "date":
                return self._time()[:10]
            case "time":
                return self._time() + r.choice(["+08:00", "+08:00", "-04:00", "Z"])
            case "instant":
                return self._time() + f".{r.randrange(1000):03d}+08:00"
            case word:
                return r.choice(self._words[word])

    def _uuid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return f"01{digits[2:8]}-{digits[8:12]}-7{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def _time(self) -> str:
        r = self._random
        day = f"20{r.randrange(5, 27):02d}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}"
        return f"{day}T{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}"

    def shuffle(self, bodies: list[bytes]) -> None:
        self._random.shuffle(bodies)


def resources() -> list[bytes]:
    """Bodies as ``bodies.tail`` leaves them."""
    known = msgspec.json.decode(Path(__file__).with_name("shapes.json").read_bytes())
    maker = _Maker(known["words"], known["concepts"])
    made = [
        b"}," + msgspec.json.encode(maker.fill(shape))[1:] for _, count, shape in known["shapes"] for _ in range(count)
    ]
    maker.shuffle(made)
    return made
