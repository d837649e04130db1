# SPDX-License-Identifier: Apache-2.0
"""What is expected of the scenarios that tests/vm/system-play plays, as cases.py."""

from cases import text


def case_boot(results):
    """systemd is process 1, and all of its units are well."""
    assert text(results, "boot/failed") == "", text(results, "boot/failed")
    return text(results, "boot/systemd").splitlines()[0]


ALL = [case_boot]
