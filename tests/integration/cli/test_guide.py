"""The walk through docs/guide/data.md: every command of it, in the order of the page, in one workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.dvc import data
from tests.helpers.guide import Guide, missing_lines, run, typist
from tests.helpers.s3_servers import S3Server
from tests.helpers.shop import make_workspace
from tests.helpers.toys import draw, draw_toys, write
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import override, parse_assignments
from tocoad.stages.graph import manifest_dir

pytestmark = pytest.mark.integration

GUIDE = Guide("data.md")
GEAR = Category("parts", "gear")
# The least that gives an image score: weights by chance.
SMALL = [
    "image.size=64",
    "encoder.name=resnet18",
    "encoder.weights=none",
    "split.calibration_min=2",
    "split.train_min=4",
    "gate.image_AUROC_min=0",
    "gate.pixel_AUROC_min=0",
    "evaluation.bootstrap=50",
    "flow.retries=0",
]


class Walk:
    """Runs a section when it is asked for, after those before it."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.workspace = Workspace(root)
        self._environment = environment
        self._said: dict[str, str] = {}

    def said(self, section: str) -> str:
        """By the commands of the section, on both streams. A page that shows something else fails here."""
        for name in GUIDE.sections[: GUIDE.sections.index(section) + 1]:
            if name not in self._said:
                typed = [f"{{ {command}; }} 2>&1" for command in GUIDE.commands(name)]
                self._said[name] = "".join(run(command, self.workspace.root, self._environment) for command in typed)
        assert missing_lines(GUIDE.fenced(section, "text"), self._said[section]) == [], self._said[section]
        return self._said[section]

    def pictures(self, folder: str) -> set[str]:
        return {file.name for file in (self.workspace.data_dir(GEAR) / folder).iterdir()}


@pytest.fixture(scope="module")
def walk(
    tmp_path_factory: pytest.TempPathFactory, rclone_server: S3Server, mlflow_server: str, prefect_server: str
) -> Walk:
    """A workspace in git, and beside it the folders that the page speaks of."""
    place = tmp_path_factory.mktemp("guide")
    root = place / "workspace"
    root.mkdir()
    make_workspace(root)
    override(Workspace(root), parse_assignments(SMALL))
    draw_toys(place / "drawn")
    (place / "pictures").mkdir()
    (place / "drawn/data/toys/disc").rename(place / "pictures/gear")
    monday = [(number, draw("disc", number)) for number in (11, 50, 51)]
    write(place / "monday/gear/train/good", [*monday, (3, draw("disc", 77))])
    write(place / "line", ((number, draw("disc", number)) for number in (60, 61, 62)))
    (place / "serial-numbers.csv").write_text(GUIDE.fenced("Pictures of one part", "csv"))
    (place / "line/verdicts.csv").write_text(GUIDE.fenced("What the line says", "csv"))
    services = {"MLFLOW_TRACKING_URI": mlflow_server, "PREFECT_API_URL": prefect_server}
    return Walk(root, {**typist(), **rclone_server.env, **services, "STORE": f"{rclone_server.url}/guide"})


def test_pictures_come_in(walk: Walk) -> None:
    walk.said("Your pictures")
    assert len(walk.pictures("train/good")) == 12
    assert walk.pictures("test/scratch") == {"030.png", "031.png"}


def test_new_pictures_join_what_is_there_and_one_is_taken_out(walk: Walk) -> None:
    walk.said("New pictures")
    numbers = {*range(12), 50, 51} - {3}
    assert walk.pictures("train/good") == {f"{number:03d}.png" for number in numbers}


def test_a_table_says_which_pictures_are_of_one_part(walk: Walk) -> None:
    walk.said("Pictures of one part")
    assert "train/good/007.png,SN-0388" in (walk.workspace.data_dir(GEAR) / "groups.csv").read_text()


def test_the_store_answers_and_no_key_is_written_down(walk: Walk, rclone_server: S3Server) -> None:
    walk.said("A place to keep it")
    tracked = run("git grep --cached -I -e .", walk.workspace.root, typist())
    assert f"{rclone_server.url}/guide" in tracked
    assert rclone_server.key not in tracked and rclone_server.secret not in tracked


def test_a_night_is_pushed_and_committed_and_parts_no_group(walk: Walk) -> None:
    walk.said("A night")
    assert run("git status --porcelain", walk.workspace.root, typist()) == ""
    images = Manifest.load(manifest_dir(walk.workspace, GEAR) / TRAIN_FILE).images
    lies_in = {Path(image.path).stem: image.split for image in images}
    assert lies_in["007"] == lies_in["008"] and lies_in["050"] == lies_in["051"]


def test_verdicts_go_where_they_belong(walk: Walk) -> None:
    walk.said("What the line says")
    assert walk.workspace.review_page(GEAR).is_file()
    assert any(name.startswith("060") for name in walk.pictures("train/good"))
    assert any(name.startswith("061") for name in walk.pictures("test/scratch"))
    assert not any(name.startswith("062") for folder in ("train/good", "test/good") for name in walk.pictures(folder))


def test_a_colleague_has_the_same_bytes(walk: Walk) -> None:
    walk.said("A colleague")
    ours, theirs = walk.workspace, Workspace(walk.workspace.root.parent / "colleague")
    for folder in (f"data/{GEAR}", "feedback/parts", f"work/{GEAR}/patchcore/fit/detector"):
        assert contents(theirs.root / folder) == contents(ours.root / folder) != {}


def test_what_was_trained_comes_back_without_what_came_later(walk: Walk) -> None:
    detector = walk.workspace.root / f"work/{GEAR}/patchcore/fit/detector"
    walk.said("A colleague")
    trained, later = contents(detector), data.data_version(walk.workspace, "parts")
    walk.said("Back to then")
    assert contents(detector) == trained and data.data_version(walk.workspace, "parts") != later
    assert walk.pictures("test/scratch") == {"030.png", "031.png"}


def test_nothing_goes_that_the_champion_needs(walk: Walk) -> None:
    before = contents(walk.workspace.root / ".dvc/cache")
    walk.said("Tidy up")
    assert contents(walk.workspace.root / ".dvc/cache") == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
