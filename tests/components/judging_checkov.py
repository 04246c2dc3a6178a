"""checkov's word on plans, as Terraform that it reads: one process over all of them."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.components.judging_terraform import Terraform
from tests.components.planned import Plan
from tests.tools import pypi


def checkov(terraform: Terraform, plans: Mapping[str, Plan]) -> list[str]:
    """`NAME: CKV_AWS_58 aws_eks_cluster.shop: what it asks for`, for each check that fails. Nothing is skipped."""
    command = [str(pypi.environment(pypi.MANIFESTS) / "checkov"), "--framework", "terraform", "--skip-download"]
    command += ["--quiet", "--compact", "--output", "json", "--soft-fail", "--directory", "."]
    with tempfile.TemporaryDirectory(prefix="mp-checks-") as folder:
        for name, plan in plans.items():
            place = Path(folder) / name  # a module of its own: what is in one is not for another
            place.mkdir()
            (place / "main.tf").write_text(terraform.hcl(plan))
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    try:
        report = json.loads(ran.stdout)
    except ValueError:
        raise RuntimeError(f"checkov said no report: {ran.stdout.strip()} {ran.stderr.strip()}") from None
    natives = sum(len(terraform.natives(plan)) for plan in plans.values())
    summary = report["summary"]
    if summary["parsing_errors"] or summary["skipped"] or summary["resource_count"] != natives:
        raise RuntimeError(f"checkov could not read or was told to skip: {summary}, expected {natives} resources")
    failed = report["results"]["failed_checks"]
    return sorted(
        f"{Path(each['file_path']).parent.name}: {each['check_id']} {each['resource']}: {each['check_name']}"
        for each in failed
    )
