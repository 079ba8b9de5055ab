"""What the store loads."""

import subprocess
import sys


def test_the_store_loads_nothing_heavy_and_hides_nothing_afterwards() -> None:
    """In a fresh process: none of these is there with the store, and who wants one gets the real one."""
    program = (
        "import sys, gateway.store\n"
        "assert not {'numpy', 'pandas', 'dateutil'} & set(sys.modules), sys.modules\n"
        "from dateutil import parser\n"
        "assert parser.parse('2020-01-02').day == 2\n"
        "assert gateway.store.Database(memory=True).table_names() == []\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
