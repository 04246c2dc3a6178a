"""Reports and the like, attached to an image that stays as it is."""

from pathlib import Path

from model_build import bake
from model_build.bake.layout import Layout
from tests.tools import models


def test_an_attached_report_is_found_by_the_image_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    layout = tmp_path / "images"
    image = bake.bake(models.folder(tmp_path / "model"), name="tiny", base="debian", layout=layout)
    (tmp_path / "report.json").write_text('{"accuracy": 1}')
    made = bake.attach(
        layout, image.digest, "application/vnd.modelport.report", {"report.json": tmp_path / "report.json"}
    )
    assert [entry["digest"] for entry in bake.referrers(layout, image.digest)] == [made]
    manifest = Layout(layout).manifest(made)
    assert manifest["subject"]["digest"] == image.digest
    assert Layout(layout).read(manifest["layers"][0]["digest"]) == b'{"accuracy": 1}'
    again = bake.bake(tmp_path / "model", name="tiny", base="debian", layout=layout)
    assert again.digest == image.digest
    assert bake.referrers(layout, made) == []
