"""What Google Cloud has where, as far as a plan must know it without asking: data with a date, and who says so.

What is not in these tables is refused where the table is complete (regions, machine types with GPUs) and let through
where it cannot be (other machine types, of which there are hundreds): Google itself then has the last word.
"""

from typing import Final

UPDATED: Final = "2026-11-22"
"""The day on which somebody last held these tables to Google's documentation."""

ZONES: Final[dict[str, str]] = {
    "africa-south1": "abc",
    "asia-east1": "abc",
    "asia-east2": "abc",
    "asia-northeast1": "abc",
    "asia-northeast2": "abc",
    "asia-northeast3": "abc",
    "asia-south1": "abc",
    "asia-south2": "abc",
    "asia-southeast1": "abc",
    "asia-southeast2": "abc",
    "asia-southeast3": "abc",
    "australia-southeast1": "abc",
    "australia-southeast2": "abc",
    "europe-central2": "abc",
    "europe-north1": "abc",
    "europe-north2": "abc",
    "europe-southwest1": "abc",
    "europe-west1": "bcd",
    "europe-west10": "abc",
    "europe-west12": "abc",
    "europe-west2": "abc",
    "europe-west3": "abc",
    "europe-west4": "abc",
    "europe-west6": "abc",
    "europe-west8": "abc",
    "europe-west9": "abc",
    "me-central1": "abc",
    "me-central2": "abc",
    "me-west1": "abc",
    "northamerica-northeast1": "abc",
    "northamerica-northeast2": "abc",
    "northamerica-south1": "abc",
    "southamerica-east1": "abc",
    "southamerica-west1": "abc",
    "us-central1": "abcf",
    "us-east1": "bcd",
    "us-east4": "abc",
    "us-east5": "abc",
    "us-south1": "abc",
    "us-west1": "abc",
    "us-west2": "abc",
    "us-west3": "abc",
    "us-west4": "abc",
}
"""Letters of a region's zones (Compute Engine, "Regions and zones"). Zones of one machine series alone, as
us-central1-ai1a, are left out."""


def zones(region: str) -> list[str]:
    """The zones of a region that there is."""
    return [f"{region}-{letter}" for letter in ZONES[region]]
