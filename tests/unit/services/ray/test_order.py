"""What an order for a node says."""

from __future__ import annotations

from services.ray.order import CallOrder, JobOrder


def test_a_list_that_somebody_may_have_under_dvc_is_not_in_the_store_for_the_job_alone() -> None:
    order = JobOrder.model_construct(owner="set/a", images="images.dir", inputs={"manifest": "manifest.dir"})
    assert order.lists == {"images.dir", "manifest.dir"}
    assert order.model_copy(update={"owner": "set"}).lists == {"manifest.dir"}
    folders = {"package": "package.dir", "images": "images.dir"}
    assert CallOrder.model_construct(folders=folders).lists == {"images.dir"}
