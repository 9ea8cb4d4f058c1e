"""A rotation as data: the rows of each plan, and what undoes them. Read this page first.

Phases are the product's four words. A row makes one thing true. `rotation/plan/compiled.py` turns a plan
into the rows of one identity: it drops what the issuer cannot do and makes one row per consumer or
region. The compiled rows are stored when a rotation opens, and it finishes on those.

`words.py` has what a row can say, `rules.py` what a plan is for, `tables.py` the steps and the plans.
"""

from rotation.plan.instance import RowInstance
from rotation.plan.rules import PlanRules
from rotation.plan.tables import (
    ACCEPT,
    COMPROMISED,
    CONTAIN_ONLY,
    PLANS,
    REPLACE,
    RETIRE,
    ROUTINE,
    STEPS,
    URGENT,
    Plan,
    Row,
    Step,
    Undo,
    plan_for,
    rules_of,
)
from rotation.plan.words import Gate, Needs, OnFailure, Per, Phase

__all__ = [
    "ACCEPT", "COMPROMISED", "CONTAIN_ONLY", "PLANS", "REPLACE", "RETIRE", "ROUTINE", "STEPS",
    "URGENT", "Gate", "Needs", "OnFailure", "Per", "Phase", "Plan", "PlanRules", "Row",
    "RowInstance", "Step", "Undo", "plan_for", "rules_of",
]  # fmt: skip
