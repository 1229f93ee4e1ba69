"""Write the demo network's deliveries: one CSV a dataset, as each agency would send it.

Persons, names, dates of birth, addresses, numbers and their errors (typos, nicknames, borrowed
numbers, swapped days and months) come from pseudopeople's simulated population: nobody in these
files exists. **Content columns are synthetic too**, drawn here with a fixed seed: industry, county,
quarter, employer, credential, college, grade, district, programme, month. What they show was put
in on purpose (synthetic.yml) and is no finding about Connecticut:

* a credential raises wages from the year after its award, more for a bachelor's degree than for
  a certificate, most in computing and engineering, least in education and the humanities;
* wages are highest in Fairfield County and lowest in Windham County;
* households with little earned income take part in programmes, and children of WIC households
  are more often in pre-kindergarten;
* counties are of very different size, so that small cells exist (humanities in Windham County).

Two departures from pseudopeople as it comes: 8 % of the colleges' records lose their Social
Security number, and wages are split into quarters. Who is who (`simulant_id`) is never part of a
delivery; `--truth FILE` writes it elsewhere, for measuring linkage only.

Runs in an environment of its own (locks/demo-data.lock), imports nothing of the enclave.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pseudopeople
import yaml

SEED = 20260701
YEARS = (2019, 2020, 2021)
HERE = Path(__file__).parent
SYNTHETIC = yaml.safe_load((HERE / "synthetic.yml").read_text())
ADDRESS = ("street_number", "street_name", "unit_number", "city", "zipcode")
GRADES = ("PK", "PK", "K", *map(str, range(1, 13)), "12")  # by age, 3 to 18


@dataclass(frozen=True)
class World:
    """The simulated population's files and what this script drew for its households."""

    rng: np.random.Generator
    spine: pd.DataFrame
    census: pd.DataFrame
    wages: pd.DataFrame
    wic: pd.DataFrame
    awards: pd.DataFrame
    county_of: Mapping[str, str]
    seed: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate every delivery into a directory."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("target", type=Path, help="directory for the CSV files")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--truth", type=Path, help="also write who is who; keep it outside")
    options = parser.parse_args(arguments)
    options.target.mkdir(parents=True, exist_ok=True)
    # pseudopeople draws progress bars even into log files
    quiet = contextlib.nullcontext() if sys.stderr.isatty() else io.StringIO()
    with quiet as sink, contextlib.redirect_stderr(sink or sys.stderr):
        world = make_world(options.seed)
        truths = [
            write(name, make(world), target=options.target, rng=world.rng)
            for name, make in DATASETS.items()
        ]
    if options.truth:
        pd.concat(truths).to_csv(options.truth, index=False)


def write(name: str, rows: pd.DataFrame, *, target: Path, rng: np.random.Generator) -> pd.DataFrame:
    """Write the dictionary's columns, rows numbered in random order; return who is who."""
    dictionary = yaml.safe_load((HERE / f"datasets/{name}.yml").read_text())
    rows = rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)
    rows["record_id"] = [f"{dictionary['agency'].upper()}-{n:07d}" for n in range(1, len(rows) + 1)]
    rows[[field["name"] for field in dictionary["fields"]]].to_csv(
        target / f"{name}.csv", index=False
    )
    print(f"{name}: {len(rows):,} rows", flush=True)
    return rows[["record_id", "simulant_id"]].assign(dataset=name)


def make_world(seed: int) -> World:
    """Read the simulated population and draw what several datasets must agree on."""
    rng = np.random.default_rng(seed)
    wages = pd.concat(wage_forms(seed, year) for year in YEARS)
    census = pseudopeople.generate_decennial_census(year=2020, seed=seed, verbose=False)
    wic = pd.concat(
        pseudopeople.generate_women_infants_and_children(year=year, seed=seed, verbose=False)
        for year in YEARS[:2]
    )
    households = pd.unique(pd.concat([wages.household_id, census.household_id, wic.household_id]))
    county_of = dict(
        zip(households, draw(rng, SYNTHETIC["counties"], len(households)), strict=True)
    )
    awards = make_awards(rng, wages, numbers(seed + 1), county_of)
    return World(rng, numbers(seed), census, wages, wic, awards, county_of, seed)


def wage_forms(seed: int, year: int) -> pd.DataFrame:
    """Return a year's W-2 forms, a row a person and employer."""
    forms = pseudopeople.generate_taxes_w2_and_1099(year=year, seed=seed, verbose=False)
    forms = forms[forms.tax_form == "W2"].assign(year=year)
    return forms.rename(columns={f"mailing_address_{part}": part for part in ADDRESS})


def numbers(seed: int) -> pd.DataFrame:
    """Return who was given a Social Security number; each seed makes its own errors in writing."""
    everyone = pseudopeople.generate_social_security(year=2020, seed=seed, verbose=False)
    issued = everyone[everyone.event_type == "creation"].drop_duplicates("simulant_id")
    return issued.assign(
        date_of_birth=month_first(issued.date_of_birth, year_at=0),
        middle_initial=issued.middle_name.str[:1],
    )


def month_first(written: pd.Series, year_at: int) -> pd.Series:
    """Write eight digits as month/day/year; leave what is not eight digits as it is written."""
    digits = written.astype("string")
    rest = 4 if year_at == 0 else 0
    year = digits.str[year_at : year_at + 4]
    slashed = digits.str[rest : rest + 2] + "/" + digits.str[rest + 2 : rest + 4] + "/" + year
    return digits.where(~digits.str.fullmatch(r"\d{8}").fillna(False), slashed)


def make_awards(
    rng: np.random.Generator,
    wages: pd.DataFrame,
    people: pd.DataFrame,
    county_of: Mapping[str, str],
) -> pd.DataFrame:
    """Draw who earned which credential where: two workers in five, a tenth of them twice."""
    workers = wages.drop_duplicates("simulant_id")[["simulant_id", "household_id"]]
    awarded = workers.merge(people, on="simulant_id")
    awarded = awarded[rng.random(len(awarded)) < 0.4]
    awarded = pd.concat([awarded, awarded[rng.random(len(awarded)) < 0.1]], ignore_index=True)
    count = len(awarded)
    home = awarded.household_id.map(county_of)
    county = np.where(rng.random(count) < 0.75, home, draw(rng, SYNTHETIC["counties"], count))
    credential = draw(rng, SYNTHETIC["credentials"], count)
    town = [SYNTHETIC["towns"][place][0] for place in county]
    university = np.isin(credential, ("bachelor", "master"))
    return awarded.assign(
        ssn=awarded.ssn.where(rng.random(count) >= 0.08),
        credential=credential,
        field_of_study=draw(rng, SYNTHETIC["fields"], count),
        year=rng.integers(2014, 2021, count),
        county=county,
        institution=[
            f"{'State University at' if is_state else 'Community College of'} {name}"
            for is_state, name in zip(university, town, strict=True)
        ],
    )


def make_wages(world: World) -> pd.DataFrame:
    """Split each form into the quarters worked, with the county's and the credential's effect."""
    rng, forms = world.rng, world.wages.reset_index(drop=True)
    paid = pd.to_numeric(forms.wages, errors="coerce").fillna(20000).clip(2000, 250000).to_numpy()
    worked = np.where(paid >= 12000, 4, rng.integers(1, 4, len(forms)))
    employers = sorted(forms.employer_id.astype(str).unique())
    industry = dict(zip(employers, draw(rng, SYNTHETIC["industries"], len(employers)), strict=True))
    home = forms.household_id.map(world.county_of)
    county = np.where(
        rng.random(len(forms)) < 0.85, home, draw(rng, SYNTHETIC["counties"], len(forms))
    )
    forms = forms.assign(
        county=county,
        employer_id="E" + forms.employer_id.astype(str).str.zfill(4),
        industry=forms.employer_id.astype(str).map(industry),
        quarterly=paid
        / worked
        * pd.Series(county).map(SYNTHETIC["county_pay"])
        * premium(world, forms),
    )
    rows = forms.loc[forms.index.repeat(worked)]
    rows = rows.assign(quarter=5 - worked[rows.index] + rows.groupby(level=0).cumcount())
    return rows.assign(wage=(rows.quarterly * rng.lognormal(0, 0.08, len(rows))).round(2))


def premium(world: World, forms: pd.DataFrame) -> np.ndarray:
    """Return each form's factor: that of the best credential awarded before its year."""
    awards = world.awards[["simulant_id", "credential", "field_of_study", "year"]].assign(
        factor=world.awards.credential.map(SYNTHETIC["credential_pay"])
        * world.awards.field_of_study.map(SYNTHETIC["field_pay"])
    )
    pairs = forms[["simulant_id", "year"]].reset_index().merge(awards, on="simulant_id")
    earned = pairs[pairs.year_y < pairs.year_x].groupby("index").factor.max()
    return earned.reindex(forms.index, fill_value=1.0).to_numpy()


def make_enrolment(world: World) -> pd.DataFrame:
    """Return pupils of two school years: census children of school age, some of the younger."""
    rng, census = world.rng, world.census
    age = pd.to_numeric(census.age, errors="coerce")
    first = census.assign(age=age, school_year=2020)
    years = pd.concat([first, first.assign(age=age + 1, school_year=2021)], ignore_index=True)
    pupils = years[years.age.between(3, 18)]
    wic = pupils.household_id.isin(world.wic.household_id)
    attends = (pupils.age >= 5) | (rng.random(len(pupils)) < np.where(wic, 0.75, 0.4))
    pupils = pupils[attends]
    county = pupils.household_id.map(world.county_of)
    return pupils.assign(
        county=county,
        district=[
            f"{SYNTHETIC['towns'][c][h % len(SYNTHETIC['towns'][c])]} Public Schools"
            for c, h in zip(county, pupils.household_id.map(_stable), strict=True)
        ],
        grade=[GRADES[int(years) - 3] for years in pupils.age],
    )


def make_wic(world: World) -> pd.DataFrame:
    """Return WIC participants with a start day in their year and a category by age."""
    rng, rows = world.rng, world.wic.reset_index(drop=True)
    born = pd.to_numeric(rows.date_of_birth.astype("string").str[-4:], errors="coerce")
    age = (rows.year - born).fillna(30)
    start = pd.to_datetime(rows.year.astype(str) + "-01-01") + pd.to_timedelta(
        rng.integers(0, 365, len(rows)), unit="D"
    )
    return rows.assign(
        date_of_birth=month_first(rows.date_of_birth, year_at=4),
        participation_start=start.dt.date,
        benefit=np.select([age < 1, age < 6], ["infant", "child"], "woman"),
        county=rows.household_id.map(world.county_of),
    )


def make_benefits(world: World) -> pd.DataFrame:
    """Return months of programme participation for the households with the least earned income."""
    rng = world.rng
    people = world.census[["simulant_id", "household_id"]].merge(
        numbers(world.seed + 2), on="simulant_id"
    )
    earned = pd.to_numeric(world.wages.wages, errors="coerce").groupby(world.wages.household_id)
    people["income"] = people.household_id.map(earned.sum()).fillna(0)
    people["household_size"] = people.groupby("household_id").simulant_id.transform("size")
    people = people[people.household_size <= 12]  # not the group quarters
    poor = people.income / people.household_size < 6000
    people = people[poor | people.household_id.isin(world.wic.household_id)]
    spells = []
    for programme, share in {"husky": 0.8, "snap": 0.55, "tanf": 0.1}.items():
        some = people[people.household_id.map(_stable) % 1000 / 1000 < share]
        spells.append(some.assign(programme=programme))
    joined = pd.concat(spells, ignore_index=True)
    start, length = rng.integers(0, 18, len(joined)), rng.integers(2, 13, len(joined))
    rows = joined.loc[joined.index.repeat(length)]
    month = start[rows.index] + rows.groupby(level=0).cumcount()
    return rows.assign(
        month=[f"{2020 + m // 12}-{m % 12 + 1:02d}-01" for m in month],
        county=rows.household_id.map(world.county_of),
    )[lambda each: (month < 24).to_numpy()]


def draw(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> np.ndarray:
    """Draw names with the given shares."""
    return rng.choice(list(shares), count, p=list(shares.values()))


def _stable(household: str) -> int:
    """Return a number a household keeps through every dataset."""
    return int(pd.util.hash_array(np.array([household], dtype=object))[0])


DATASETS: Mapping[str, Callable[[World], pd.DataFrame]] = {
    "social-security": lambda world: world.spine,
    "wages": make_wages,
    "enrolment": make_enrolment,
    "credentials": lambda world: world.awards,
    "wic": make_wic,
    "benefits": make_benefits,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # pseudopeople's own, about its pandas
    main()
