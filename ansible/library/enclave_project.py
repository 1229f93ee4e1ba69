#!/usr/bin/python
"""Ansible's hand on a project: the same control function the command line uses, nothing more."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: enclave_project
short_description: Provision, amend, build or close one project of a secure data enclave
description:
  - Brings a project to what the file of its Data Sharing Agreement says.
  - Every change is in the audit log before it is in force, so the audit service must answer.
  - Runs with the Python that has the C(enclave) package; settings come from C(ENCLAVE_*)
    environment variables, which a play sets with C(environment).
options:
  file:
    description: The agreement's file, in C(agreements/) of its network's directory.
    type: path
    required: true
  state:
    description:
      - C(present) provisions or amends.
      - C(closed) ends the project for good; its key, extract, journal and homes are destroyed.
    choices: [present, closed]
    default: present
    type: str
  build:
    description: Also build the extract where there is none that fits the agreement.
    type: bool
    default: false
  version:
    description:
      - The version of its data that the project shall stand on, as its recipient's lead decided.
      - Without it the project stays on the version it stands on, whatever was built since.
    type: int
attributes:
  check_mode:
    support: full
    description: The diff of a check is the diff of the run that follows.
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: What the agreement says
  enclave_project:
    file: /srv/network/agreements/dsa-credential-pay.yml

- name: The end of it
  enclave_project:
    file: /srv/network/agreements/dsa-credential-pay.yml
    state: closed
"""

RETURN = r"""
before:
  description: What the project was.
  returned: success
  type: dict
after:
  description: What it is; in check mode, what it would be.
  returned: success
  type: dict
meaning:
  description: What follows from the change, in sentences.
  returned: success
  type: list
"""


def main() -> None:
    """Read the options, converge, report."""
    module = AnsibleModule(
        argument_spec={
            "file": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "closed"], "default": "present"},
            "build": {"type": "bool", "default": False},
            "version": {"type": "int"},
        },
        supports_check_mode=True,
    )
    try:
        from enclave.errors import EnclaveError
    except ImportError:
        module.fail_json(
            msg="This Python does not have the enclave package: set ansible_python_interpreter to "
            "the one of its environment."
        )
        return
    try:
        module.exit_json(**_converge(module))
    except EnclaveError as error:
        module.fail_json(msg=error.explain(), code=error.code)


def _converge(module: AnsibleModule) -> dict[str, Any]:
    from enclave.audit_client import AuditClient
    from enclave.governance.converge import converge
    from enclave.governance.projects import Control
    from enclave.settings import Settings
    from enclave.store import ControlStore

    settings = Settings()
    store = ControlStore(settings.database_url, only_looks=module.check_mode)
    try:
        with AuditClient(settings, "admin") as audit:
            outcome = converge(
                Control(settings, store, audit, f"ansible:{getpass.getuser()}"),
                Path(module.params["file"]),
                closed=module.params["state"] == "closed",
                build=module.params["build"],
                version=module.params["version"],
                dry_run=module.check_mode,
            )
    finally:
        store.close()
    return {
        "changed": outcome.changed,
        "before": outcome.before,
        "after": outcome.after,
        "meaning": outcome.meaning,
        "diff": {"before": _text(outcome.before), "after": _text(outcome.after)},
    }


def _text(report: Any) -> str:
    return json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
