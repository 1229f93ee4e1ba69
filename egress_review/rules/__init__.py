"""What is checked of which output: the table of rules, and judgements over whole outputs.

Cell by cell it is `sdc.primary` that judges; here is what only the whole shows.
"""

from egress_review.rules.judging import check_model, check_table, judge_model, judge_table
from egress_review.rules.table import Rule, page, rules

__all__ = ["Rule", "check_model", "check_table", "judge_model", "judge_table", "page", "rules"]
