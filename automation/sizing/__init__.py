"""`modelport size`: which machines carry a load, reckoned from what a build measured and the book of prices."""
