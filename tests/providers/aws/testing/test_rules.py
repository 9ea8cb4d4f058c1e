"""The table of rules and the tests agree."""

import re
from pathlib import Path

import providers.aws.testing

RULE = re.compile(r"^    \S.*?  +[ABDIRT]   (\w+)$", re.MULTILINE)


def test_every_rule_of_the_table_has_its_test():
    here = Path(__file__).parent
    tests = "".join(path.read_text() for path in here.glob("test_*.py"))
    named = RULE.findall(providers.aws.testing.__doc__)
    table = providers.aws.testing.__doc__.partition("\nSignatures\n")[2]
    assert len(named) == table.count("\n    ") + 1 >= 60
    assert not [name for name in named if f"def test_{name}(" not in tests]
