"""The form of the files an administrator keeps in git: what may stand in them and nothing else.

This is the edge: pydantic models that forbid what they do not know, and sentences in place of
pydantic's own. Whether the files hold together is `compile`'s question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from enclave.governance import source
from enclave.governance.sentences import problem
from enclave.governance.source import InvalidFiles, Problem, Source
from enclave.model import (
    ClassDisclosure,
    ColumnRole,
    EngineKind,
    FieldKind,
    FieldType,
    Method,
    QueryMode,
    Role,
    SmallGroups,
    Unverified,
)

# Ids stand in paths, host names and container names. JupyterHub escapes all else in a server
# name, and `--` is its own mark of an escape; a host name's label must not end with a dash.
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=30)]
SqlName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(gt=0, le=1)]
Bound = Annotated[StrictInt | None, Field(ge=1)]
Money = Annotated[float, Field(ge=-1e10, le=1e10, multiple_of=0.01)]
Epsilon = Annotated[float, Field(ge=0.001, le=20, multiple_of=0.001)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Boards(_Form):
    """The network's bodies under the names they have there (R28)."""

    executive: Text = Field(description="The board that oversees.")
    governing: Text = Field(description="The board that approves and waives.")
    advisory: Text = Field(description="Residents who advise; they read no data.")


class NetworkFile(_Form):
    """network.yml: names are configuration, since networks are renamed (R34)."""

    id: Id
    name: Text
    notice: Text | None = Field(None, description="A sentence shown with the network's name.")
    hub: Id = Field(description="The agency that is the Data Integration Hub.")
    operating_group: Text = Field(description="Who runs the programme; reads no data (R30).")
    boards: Boards


class Disclosure(_Form):
    """Rules for what may leave; what is left out is the agency's own or the default."""

    safe_threshold: int | None = Field(None, ge=1, description="Fewest persons in a cell.")
    safe_nk_n: int | None = Field(None, ge=1, description="Largest contributors counted.")
    safe_nk_k: Share | None = Field(None, description="Most of a cell's total they may make up.")
    safe_pratio_p: Share | None = Field(None, description="p % rule, as a share of 1.")
    safe_dof_threshold: int | None = Field(
        None, ge=1, description="Fewest residual degrees of freedom of a model or test."
    )
    safe_employers: int | None = Field(
        None, ge=1, description="Fewest employers in a cell, where the dataset tells them apart."
    )
    safe_employer_k: Share | None = Field(
        None, description="Most of a cell's total one employer may make up."
    )
    safe_households: int | None = Field(None, ge=1, description="Fewest households in a cell.")
    safe_mode_share: Share | None = Field(
        None, description="A commonest value of this share of rows or more is not released."
    )
    safe_class_share: Share | None = Field(
        None, description="A category of this share of a group or more discloses it."
    )
    class_disclosure: ClassDisclosure | None = Field(
        None, description="Such a category is noted for reviewers, or suppressed."
    )
    unverified: Unverified | None = Field(
        None, description="Files that cannot be recomputed go to review, or are refused."
    )


class AgencyFile(_Form):
    """agencies/*.yml: a Participating Agency and its own disclosure rules."""

    id: Id
    name: Text
    disclosure: Disclosure = Disclosure()


class PersonFile(_Form):
    """people/*.yml: someone with a log-in; `id` is the identity provider's subject."""

    id: Id
    name: Text
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    agency: Id | None = None
    roles: Annotated[list[Role], Field(min_length=1)]


class FieldFile(_Form):
    """One field of a dataset's dictionary (R12)."""

    name: SqlName
    label: Text
    type: FieldType
    kind: FieldKind = Field(description="Identifiers go to linkage, content to analysis.")
    required: bool = Field(False, description="A delivery with an empty value is refused.")
    link_as: SqlName | None = Field(None, description="What linkage may compare it as.")
    codes: dict[str, Text] = Field(default_factory=dict, description="Allowed values and meaning.")


class DatasetFile(_Form):
    """datasets/*.yml: a described table that one agency delivers."""

    id: Id
    agency: Id
    label: Text
    description: Text
    update_schedule: Literal["annual", "quarterly", "project-based"]
    key: Annotated[list[SqlName], Field(min_length=1)]
    units: dict[Literal["employers", "households"], SqlName] = Field(
        default_factory=dict,
        description="The content field that tells them apart, for disclosure rules about them.",
    )
    fields: Annotated[list[FieldFile], Field(min_length=1)]


class Signature(_Form):
    """Who signed for a party, when, and the hash of the body that was signed (R11)."""

    party: Id = Field(description="An agency's id, `hub` or `recipient`.")
    name: Text
    date: date
    sha256: Sha256 = Field(description="Of the agreement without its signatures.")


class EMouFile(_Form):
    """agreements/*.yml, kind e-mou: the rules for all, signed by every agency (R26)."""

    kind: Literal["e-mou"]
    id: Id
    title: Text
    purpose: Text
    agencies: Annotated[list[Id], Field(min_length=1)]
    starts: date
    signatures: list[Signature] = Field(default_factory=list)


class ViewField(_Form):
    """One granted field and what a query may do with it."""

    name: SqlName
    role: ColumnRole = Field(
        ColumnRole.PROJECTABLE,
        description="projectable: anything. filter-only: in conditions (WHERE, HAVING, ON), never "
        "in an answer, a group, an order or an aggregate. join-only: only set equal to another "
        "view's column in a join. aggregate-only: in counts, sums and averages, as a group or in a "
        "condition, of answers that hold groups of enough persons. hidden: not there.",
    )


class ViewFile(_Form):
    """A linked view: which fields and rows of which dataset, on which legal basis (R13)."""

    name: SqlName
    dataset: Id
    legal_basis: Text
    fields: Annotated[list[ViewField], Field(min_length=1)]
    rows: Text | None = Field(None, description="Comparisons over content fields, joined in SQL.")


class Recipient(_Form):
    """The Data Recipient: who asked."""

    organisation: Text
    lead: Id = Field(description="The researcher who answers for the project.")


class AggregationFile(_Form):
    """What each group of an aggregate-only answer must satisfy, in the gateway already.

    Holds every query in mode aggregate-only, and in any mode those that use an aggregate-only
    field. Stricter than the agencies' own rules or equal to them, never laxer (R22).
    """

    persons: StrictInt | None = Field(
        None,
        ge=1,
        description="Fewest distinct persons in a group; the strictest safe_threshold of the "
        "agencies unless given.",
    )
    share: Share | None = Field(
        None,
        description="Most of a sum or average one person may make up, as a share of 1; 0.8 or the "
        "agencies' strictest safe_nk_k unless given.",
    )
    small: SmallGroups = Field(
        SmallGroups.REMAINDER,
        description="Groups of fewer: folded into one remainder, dropped, or the query refused.",
    )


class BudgetFile(_Form):
    """What may be asked of the gateway in one day (UTC); what is left out has no bound."""

    queries_per_day: Bound = Field(None, description="Queries that were run.")
    rows_per_day: Bound = Field(None, description="Rows handed out.")
    bytes_per_day: Bound = Field(None, description="Bytes handed out (Arrow buffers).")
    cpu_seconds_per_day: Bound = Field(None, description="Seconds of computing time.")


class BudgetsFile(_Form):
    """Budgets: of all the project's people together, and of each of them."""

    project: BudgetFile = BudgetFile()
    person: BudgetFile = BudgetFile()


class AmountsFile(_Form):
    """What one row may add to a sum; what lies outside counts as the nearest bound."""

    least: Money = Field(0, description="In the column's unit, at most two decimals.")
    most: Money = Field(description="In the column's unit, at most two decimals.")


class PrivateFile(_Form):
    """Differential privacy of persons: counts, and sums of bounded amounts (method private)."""

    epsilon_total: Epsilon = Field(description="What all answers together may spend.")
    epsilon_release: Epsilon = Field(description="What one answer spends.")
    rows_per_person: StrictInt = Field(
        ge=1, le=100, description="Rows of one person that count in an answer; others do not."
    )
    amounts: dict[str, AmountsFile] = Field(
        default_factory=dict, description="By view.column, the columns that may be summed."
    )
    groups: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="By view.column, the labels of a column without codes that may be a group.",
    )


class ProtectionFile(_Form):
    """How the numbers of an output are protected. Other methods than suppress cover counts only.

    round: each count becomes a neighbouring multiple of the base, by keyed chance. noise: each
    count is changed by keyed chance, the same for the same persons. private: differential privacy,
    from a budget; also sums of bounded amounts.
    """

    method: Method = Method.SUPPRESS
    base: StrictInt | None = Field(
        None, ge=2, description="round: at least every agency's safe_threshold, the default."
    )
    spread: StrictInt | None = Field(
        None,
        ge=3,
        description="noise: its standard deviation; half the strictest safe_threshold, at least "
        "3, unless given.",
    )
    private: PrivateFile | None = None


class ReviewFile(_Form):
    """How outputs are reviewed, beside the vote of every agency whose data they use."""

    days: StrictInt = Field(
        0, ge=0, le=250, description="Working days until a decision is due; 0: as the house has it."
    )
    checkers: StrictInt = Field(
        0,
        ge=0,
        le=5,
        description="How many output checkers must find an output fit, none knowing another's "
        "opinion, before an agency can approve.",
    )
    persons: list[Id] = Field(default_factory=list, description="Who may be one: reviewers.")


class DsaFile(_Form):
    """agreements/*.yml, kind dsa: one limited purpose, named agencies, fields, people (R32)."""

    kind: Literal["dsa"]
    id: Id
    under: Id = Field(description="The E-MOU it stands under.")
    project: Id
    title: Text
    purpose: Text
    agencies: Annotated[list[Id], Field(min_length=1)]
    recipient: Recipient
    researchers: Annotated[list[Id], Field(min_length=1, description="Authorized users (R21).")]
    starts: date
    ends: date
    destroy_by: date = Field(description="Last day by which all project data is gone (R15).")
    destruction: Literal["key-destruction"] = Field(description="How it is destroyed (R19).")
    mode: QueryMode = Field(
        description="What queries return: rows (row-level) or groups only (aggregate-only)."
    )
    aggregation: AggregationFile = AggregationFile()
    budgets: BudgetsFile = BudgetsFile()
    engine: EngineKind = Field(EngineKind.DUCKDB, description="What runs the project's queries.")
    network_clients: StrictBool = Field(
        False,
        description="Whether clients outside the workspace may connect, over TLS and with a "
        "short-lived token of a researcher.",
    )
    protection: ProtectionFile = ProtectionFile()
    review: ReviewFile = ReviewFile()
    views: Annotated[list[ViewFile], Field(min_length=1)]
    disclosure: dict[Id, Disclosure] = Field(
        default_factory=dict, description="Stricter rules than an agency's own, by agency."
    )
    signatures: list[Signature] = Field(default_factory=list)


FORMS: Mapping[str, type[_Form]] = {
    "network": NetworkFile,
    "agency": AgencyFile,
    "dataset": DatasetFile,
    "person": PersonFile,
    "e-mou": EMouFile,
    "dsa": DsaFile,
}

F = TypeVar("F", bound=_Form)


@dataclass(frozen=True, slots=True)
class Sourced(Generic[F]):
    """A file's form together with the file, so that later problems can name a line."""

    form: F
    source: Source


@dataclass(frozen=True, slots=True)
class Files:
    """Everything one network's directory says."""

    network: Sourced[NetworkFile]
    agencies: tuple[Sourced[AgencyFile], ...]
    datasets: tuple[Sourced[DatasetFile], ...]
    people: tuple[Sourced[PersonFile], ...]
    emous: tuple[Sourced[EMouFile], ...]
    dsas: tuple[Sourced[DsaFile], ...]

    @property
    def agreements(self) -> tuple[Sourced[EMouFile] | Sourced[DsaFile], ...]:
        """Every agreement, E-MOUs first."""
        return (*self.emous, *self.dsas)


def read_network(directory: Path) -> Files:
    """Read a network's directory; raises `InvalidFiles` with every problem of form in it."""
    if not (directory / "network.yml").is_file():
        raise InvalidFiles([Problem(f"{directory}/network.yml", 1, "There is no such file.")])
    problems: list[Problem] = []
    found: dict[str, list[Sourced[Any]]] = {kind: [] for kind in FORMS}
    for kind, path in _paths(directory):
        try:
            sourced, actual = _read(kind, path, directory)
            found[actual].append(sourced)
        except InvalidFiles as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidFiles(problems)
    return Files(
        network=found["network"][0],
        agencies=tuple(found["agency"]),
        datasets=tuple(found["dataset"]),
        people=tuple(found["person"]),
        emous=tuple(found["e-mou"]),
        dsas=tuple(found["dsa"]),
    )


def read_agreement(file: Path) -> Sourced[EMouFile] | Sourced[DsaFile]:
    """Read one agreement's file by itself; raises `InvalidFiles`."""
    found: Sourced[EMouFile] | Sourced[DsaFile] = _read("agreement", file, file.parent)[0]
    return found


def _paths(directory: Path) -> Iterator[tuple[str, Path]]:
    yield "network", directory / "network.yml"
    for kind, folder in (
        ("agency", "agencies"),
        ("dataset", "datasets"),
        ("person", "people"),
        ("agreement", "agreements"),
    ):
        for path in sorted((directory / folder).glob("*.yml")):
            yield kind, path


def _read(kind: str, path: Path, directory: Path) -> tuple[Sourced[Any], str]:
    read = source.read(path, name=str(path.relative_to(directory)))
    if kind == "agreement":
        kind = str(read.data.get("kind"))
        if kind not in ("e-mou", "dsa"):
            raise InvalidFiles([read.problem("“kind” must be e-mou or dsa.", "kind")])
    return Sourced(parse(FORMS[kind], read), read), kind


def parse(form: type[F], read: Source) -> F:
    """Return the file's form; raises `InvalidFiles` with a sentence for every wrong value."""
    try:
        return form.model_validate(read.data)
    except ValidationError as error:
        raise InvalidFiles(
            problem(read, dict(item), known=_names(form)) for item in error.errors()
        ) from None


def _names(form: type[BaseModel]) -> frozenset[str]:
    """Return every key that may stand anywhere in the form's files."""
    names = set(form.model_fields)
    for field in form.model_fields.values():
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, _Form):
                names |= _names(part)
    return frozenset(names)
