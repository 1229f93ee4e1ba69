"""The one way from a browser to the hub and to workspaces.

Speaks the REST interface of JupyterHub's configurable-http-proxy, so that the hub's stock class
drives it; adds what that proxy lacks: Unix sockets that cannot be links, a content security policy
on every page, paths that are refused, response headers by allow-list, a ledger of bytes.
"""
