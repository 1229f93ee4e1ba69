"""JupyterHub's configuration file: hands the configuration object to our room, which fills it."""

import logging
import sys

from enclave.errors import EnclaveError
from enclave.presence import until_exit
from enclave.settings import Settings
from hub_config.configure import configure

try:
    configure(get_config())  # type: ignore[name-defined]  # noqa: F821
    until_exit(Settings(), "hub")
except EnclaveError as error:
    logging.getLogger("enclave").error("%s", error.explain())
    sys.exit(1)
