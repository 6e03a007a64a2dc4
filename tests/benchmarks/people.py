"""A made-up county for the matcher: households, twins, minority names, and what registration desks make of them.

Deterministic for a seed and a ``Customs``. Every record is a FHIR Patient with the human it is of and the strata it
counts in; nobody is real, and no resident number is of a region that exists.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import check_character
from hub.identity.chinese import readings
from hub.identity.weights import built_in

TODAY = date(2026, 6, 1)
MALE = (
    "伟强磊军洋勇杰涛明超刚平辉鹏华飞建国文志海龙波斌浩宇轩子涵俊峰林旭东晨阳德福贵生荣金水根祥木泉仁义礼信忠诚永兴旺"
)
FEMALE = (
    "芳娜敏静丽艳娟秀英霞桂玉兰红梅燕玲萍琴雪莹婷慧颖欣怡佳雨梦诗琪瑶春花月香菊莲云珍珠翠凤银彩芬惠淑贞巧妹小凡可心"
)
MINORITY = ("阿卜杜拉", "买买提", "艾力", "古丽", "热合曼", "阿依努尔", "吐尔逊", "玉素甫", "帕提古丽", "木合塔尔")
DOTS = "·•・."
_SIMPLE = "伟强军杰涛刚辉鹏华飞国龙东阳静丽艳兰红莹颖云凤银张刘陈杨赵吴孙马罗郑"
_FULL = "偉強軍傑濤剛輝鵬華飛國龍東陽靜麗艷蘭紅瑩穎雲鳳銀張劉陳楊趙吳孫馬羅鄭"
TRADITIONAL = dict(zip(_SIMPLE, _FULL, strict=True))


@dataclass(frozen=True)
class Customs:
    """Rates of one way of the world. The defaults are assumed ones, to be replaced by a site's own."""

    name: str = "plain"
    no_number: float = 0.11
    typo: float = 0.01
    borrowed: float = 0.004
    borrowed_from_sibling: float = 0.5
    fifteen: float = 0.003
    homophone: float = 0.012
    traditional: float = 0.004
    swapped: float = 0.003
    wrong_sex: float = 0.004
    wrong_birth: float = 0.04
    no_birth: float = 0.05
    no_phone: float = 0.18
    new_phone: float = 0.06
    family_phone: float = 0.35
    office_phone: float = 0.0
    no_address: float = 0.25
    twins: float = 0.012
    newborn: float = 0.01
    minority: float = 0.006
    one_character: float = 0.18
    zipf: float = 0.7
    flat_surnames: bool = False
    clinics: int = 24


VARIANTS = (
    Customs(),
    Customs("shared phones", family_phone=0.8, office_phone=0.05, new_phone=0.1),
    Customs("crowded names", zipf=1.1, one_character=0.4, homophone=0.02),
    Customs("flat surnames", flat_surnames=True, minority=0.03, twins=0.02),
    Customs("borrowed cards", borrowed=0.01, borrowed_from_sibling=1.0, typo=0.02, no_phone=0.3),
)


@dataclass
class Human:
    number: int
    name: str
    born: date
    male: bool
    resident: str
    phone: str
    household: "Household"
    strata: frozenset[str] = frozenset()


@dataclass
class Household:
    address: str
    phone: str
    members: list[Human] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    patient: dict[str, Any]
    human: int
    strata: frozenset[str]


class County:
    """``humans`` people of whom 1 to 6 records each are written."""

    def __init__(self, humans: int, seed: int, customs: Customs) -> None:
        self._rng = random.Random(f"{seed} {customs.name}")
        self._customs = customs
        shares = built_in().table["names"]["surnames"]
        self._surnames = list(shares)
        self._shares = [1.0] * len(shares) if customs.flat_surnames else list(shares.values())
        self._given = {sex: [1 / (rank + 3) ** customs.zipf for rank in range(len(pool))]
                       for sex, pool in ((True, MALE), (False, FEMALE))}  # fmt: skip
        self._homophones = _homophones()
        self.humans: list[Human] = []
        while len(self.humans) < humans:
            self._household()

    def records(self) -> list[Sample]:
        """All records, in the order in which they arrive."""
        found = [sample for human in self.humans for sample in self._records(human)]
        self._rng.shuffle(found)
        return [replace(one, patient={**one.patient, "id": f"p{n}"}) for n, one in enumerate(found)]

    def _household(self) -> None:
        rng = self._rng
        village, group, house = rng.randrange(300), rng.randrange(1, 15), rng.randrange(1, 120)
        home = Household(
            f"示例省示例市示例县{_NAMES[village % 20]}{_NAMES[village // 20]}村{group}组{house}号", self._mobile()
        )
        size = rng.choices(range(1, 7), (20, 28, 22, 16, 9, 5))[0]
        surname = rng.choices(self._surnames, self._shares)[0]
        minority = rng.random() < self._customs.minority
        while len(home.members) < size:
            days = (
                rng.randrange(365) if rng.random() < self._customs.newborn else rng.triangular(366, 92 * 365, 48 * 365)
            )
            born = TODAY - timedelta(days=int(days))
            own = surname if rng.random() < 0.6 else rng.choices(self._surnames, self._shares)[0]
            twins = 2 if rng.random() < self._customs.twins else 1
            first = self._human(home, own, born, minority, None)
            if twins == 2:
                self._human(home, own, born, minority, first)

    def _human(self, home: Household, surname: str, born: date, minority: bool, twin: Human | None) -> Human:
        rng = self._rng
        male = rng.random() < 0.5 if twin is None or rng.random() < 0.4 else twin.male
        strata = set()
        if minority:
            name = "·".join(rng.sample(MINORITY, 2))
            strata.add("minority")
        elif twin is not None:
            name = twin.name
            while name == twin.name:
                pool = MALE if male else FEMALE
                name = twin.name[:-1] + rng.choice(pool) if len(twin.name) > 2 else surname + rng.choice(pool)
        else:
            name = surname + self._given_name(male)
        if twin is not None:
            strata.add("twin")
            twin.strata = twin.strata | {"twin"}
        if (TODAY - born).days < 400:
            strata.add("newborn")
        phone = home.phone if rng.random() < self._customs.family_phone else self._mobile()
        if rng.random() < self._customs.office_phone:
            phone = f"0579{8800000 + rng.randrange(40) * 37:07d}"
            strata.add("office phone")
        human = Human(len(self.humans), name, born, male, self._resident(born, male), phone, home, frozenset(strata))
        self.humans.append(human)
        home.members.append(human)
        return human

    def _given_name(self, male: bool) -> str:
        pool = MALE if male else FEMALE
        count = 1 if self._rng.random() < self._customs.one_character else 2
        return "".join(self._rng.choices(pool, self._given[male], k=count))

    def _mobile(self) -> str:
        return f"1{self._rng.choice('3578')}{self._rng.randrange(10**9):09d}"

    def _resident(self, born: date, male: bool) -> str:
        rng = self._rng
        digits = f"99{rng.randrange(1, 4):02d}{rng.randrange(1, 12):02d}{born:%Y%m%d}"
        digits += f"{rng.randrange(0, 495) * 2 + male:03d}"
        return digits + check_character(digits)

    def _records(self, human: Human) -> Iterator[Sample]:
        count = self._rng.choices(range(1, 7), (22, 26, 22, 15, 10, 5))[0]
        for clinic in self._rng.sample(range(self._customs.clinics), count):
            yield self._record(human, clinic)

    def _record(self, human: Human, clinic: int) -> Sample:
        rng, rate = self._rng, self._customs
        strata = set(human.strata)
        number, born, name, male = self._number(human, strata), human.born, self._name(human, strata), human.male
        patient: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": name}]}
        identifiers = [{"system": f"urn:oid:1.2.156.{clinic}", "value": f"M{rng.getrandbits(40)}"}]
        if number is not None:
            identifiers.append({"system": RESIDENT_ID, "value": number})
        patient["identifier"] = identifiers
        if rng.random() < rate.wrong_sex:
            male = not male
            strata.add("wrong sex")
        patient["gender"] = "male" if male else "female"
        if number is None and rng.random() < rate.wrong_birth:
            born = born + timedelta(days=rng.choice((-30, -10, -1, 1, 10, 31, 365, -365, 3650)))
            strata.add("wrong birth date")
        if number is not None or rng.random() >= rate.no_birth:
            patient["birthDate"] = born.isoformat()
        if rng.random() >= rate.no_phone:
            phone = self._mobile() if rng.random() < rate.new_phone else human.phone
            patient["telecom"] = [{"system": "phone", "value": phone}]
        if rng.random() >= rate.no_address:
            patient["address"] = [{"text": human.household.address}]
        return Sample(patient, human.number, frozenset(strata))

    def _number(self, human: Human, strata: set[str]) -> str | None:
        rng, rate = self._rng, self._customs
        if "newborn" in strata or rng.random() < rate.no_number:
            strata.add("no number")
            return None
        number = human.resident
        if rng.random() < rate.borrowed and len(human.household.members) > 1:
            others = [one for one in human.household.members if one is not human]
            near = min(others, key=lambda one: abs((one.born - human.born).days))
            number = near.resident if rng.random() < rate.borrowed_from_sibling else rng.choice(others).resident
            strata.add("borrowed card")
        elif rng.random() < rate.typo:
            place = rng.randrange(17)
            number = number[:place] + rng.choice("0123456789".replace(number[place], "")) + number[place + 1 :]
            strata.add("mistyped number")
        elif rng.random() < rate.fifteen and number[6:8] == "19":
            number = number[:6] + number[8:17]
            strata.add("15 digits")
        return number

    def _name(self, human: Human, strata: set[str]) -> str:
        rng, rate, name = self._rng, self._customs, human.name
        if "newborn" in strata and rng.random() < 0.3:
            strata.add("placeholder")
            return f"{rng.choice(human.household.members).name}之{'子' if human.male else '女'}"
        if "minority" in strata:
            return name.replace("·", rng.choice(DOTS))
        place = rng.randrange(1, len(name))
        chance = rng.random()
        if chance < rate.homophone and (others := self._homophones.get(name[place])):
            strata.add("homophone")
            return name[:place] + rng.choice(others) + name[place + 1 :]
        if rng.random() < rate.traditional:
            return "".join(TRADITIONAL.get(one, one) for one in name)
        if rng.random() < rate.swapped and len(name) > 2:
            strata.add("swapped name")
            return name[0] + name[2] + name[1]
        return name


def _homophones() -> dict[str, str]:
    by_sound: dict[str, set[str]] = {}
    for one in MALE + FEMALE + "玮玲芸瑛颍佳嘉晶婧敬岚琳霖泓宏弘鸿洪俪莉利":
        by_sound.setdefault(readings(one)[0], set()).add(one)
    return {one: "".join(sorted(same - {one})) for same in by_sound.values() for one in same if len(same) > 1}


_NAMES = (
    "河口", "青山", "白河", "石桥", "柳林", "大塘", "上坪", "下坪", "东岭", "西岭",
    "龙湾", "双溪", "三里", "杨庄", "李家", "王家", "新屋", "老屋", "井头", "坝上",
)  # fmt: skip
