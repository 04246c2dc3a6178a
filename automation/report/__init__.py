"""The plan report: what a preview comes to, for whoever decides about a change. `docs/plan-report.md` describes it.

Engine events go in at `plan`, one `model.Report` comes out, and `page`, `comment` and JSON tell the same of it.
"""
